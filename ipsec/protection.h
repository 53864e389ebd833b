/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef PROTECTION_H
#define PROTECTION_H 1

/* What the guard is told, and when.
 *
 * 'monitor' has one of these and hands it in each pass what has changed of the
 * tunnels, which makes a plan (guard-plan.h), and states that to 'guard'.
 * Between passes the ways from clear to encrypted (transition.h) and back
 * (drain.h) go on. */

#include <stdbool.h>
#include <stddef.h>

struct guard;
struct ike;
struct in6_addr;
struct peer;
struct peers;
struct protection;
struct shash;
struct smap;
struct sset;
struct tunnel;

/* What there is to tell.  Strings and sets are good until the next pass or
 * protection_run(). */
struct protection_state {
    bool needed;                /* A tunnel is to be protected. */
    const char *error;          /* What is wrong with the settings, or
                                 * null. */
    const struct shash *cut_off;        /* Names of plaintext tunnels -> why
                                         * they are cut off. */
    const struct shash *weakened;       /* Names of plaintext tunnels -> what
                                         * is not protected because of
                                         * them. */
    const struct sset *unfinished;      /* Names of tunnels, some if there are
                                         * many, that had no SAs when the
                                         * last transition was over and the
                                         * guard went up. */
    size_t n_off;               /* Tunnels that ask for encryption without a
                                 * guard and have none. */
    bool deferred;              /* Something is not protected yet. */
};

/* What becomes of packets of a tunnel that asks for encryption while it has no
 * SAs. */
enum protection_kind {
    PROTECTION_GUARD,           /* They are held, or dropped. */
    PROTECTION_DEFERRED,        /* They pass, until the transition is over. */
    PROTECTION_OFF,             /* They pass, as ipsec_guard=off wishes. */
};

struct protection *protection_create(struct guard *, struct ike *);
void protection_destroy(struct protection *);

void protection_restart(struct protection *, const struct smap *other_config);
void protection_add(struct protection *, const struct tunnel *);
void protection_remove(struct protection *, const struct tunnel *);
void protection_clear_plain(struct protection *);
void protection_add_plain(struct protection *, const struct tunnel *,
                          bool flow, const struct in6_addr *local,
                          const struct peers *);
void protection_end(struct protection *);

bool protection_keeps(struct protection *, const struct peer *);
void protection_wants(struct protection *, const struct peer *);

void protection_stop(struct protection *);
bool protection_run(struct protection *);
void protection_wait(const struct protection *);

bool protection_check_is_due(const struct protection *);
void protection_note_down(struct protection *, const struct tunnel *);
bool protection_check(struct protection *);

enum protection_kind protection_of(const struct protection *,
                                   const struct tunnel *);
bool protection_needs_traps(const struct protection *, const struct tunnel *);
void protection_get_state(const struct protection *,
                          struct protection_state *);

#endif /* protection.h */
