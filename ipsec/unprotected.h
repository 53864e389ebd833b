/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef UNPROTECTED_H
#define UNPROTECTED_H 1

/* Whether there is something about a tunnel that IPsec cannot help, however
 * well everything else is: what kind of bridge it is on, what the NIC does,
 * what this kernel has that beats the guard (leaks.h), or that it asks for no
 * encryption while others do.
 *
 * 'monitor' has one struct unprotected, tells it of tunnels, and shows what
 * was found.  The decision is made from values alone. */

#include <stdbool.h>

#include "openvswitch/shash.h"
#include "sset.h"

struct guard;
struct leaks;
struct ovsdb_idl;
struct protection_state;
struct wish;
struct wishes;

struct unprotected_facts {
    bool wants;                 /* It asks for encryption. */
    bool others_want;           /* A tunnel on this host does. */
    bool declared;              /* It is declared to be in clear. */
    bool flow;                  /* It has remote_ip=flow. */
    bool userspace;             /* Its bridge has the userspace datapath. */
    bool offload;               /* Open vSwitch offloads flows to NICs. */
};

const char *unprotected_reason(const struct unprotected_facts *);

struct unprotected {
    struct sset userspace;      /* Names of the interfaces on bridges with the
                                 * userspace datapath. */
    bool offload;               /* As above. */
    struct leaks *leaks;
    struct shash in_clear;      /* Name -> why, a constant: tunnels that ask
                                 * for no encryption while others do. */
    size_t n_declared;          /* Those of these whose owner means it. */
    struct shash was_in_clear;  /* The same of the last pass. */
};

void unprotected_init(struct unprotected *, struct ovsdb_idl *,
                      const struct guard *);
void unprotected_destroy(struct unprotected *);

bool unprotected_host_changed(const struct ovsdb_idl *);
void unprotected_note_host(struct unprotected *, struct ovsdb_idl *,
                           bool offload);
bool unprotected_kernel_changed(struct unprotected *);
void unprotected_wait(const struct unprotected *);
void unprotected_note_wish(const struct unprotected *, struct wishes *,
                           struct wish *);

void unprotected_begin_plain(struct unprotected *);
void unprotected_note_plain(struct unprotected *, const char *name,
                            bool declared, bool others_want,
                            const struct protection_state *);
void unprotected_end_plain(struct unprotected *);

#endif /* unprotected.h */
