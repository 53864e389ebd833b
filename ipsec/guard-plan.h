/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef GUARD_PLAN_H
#define GUARD_PLAN_H 1

/* From tunnels to rules of the guard.
 *
 * 'protection' has one plan.  Tunnels that ask for encryption are added and
 * removed one by one, as they change, so that one change costs the same
 * however many there are; those that do not are few beside them and are stated
 * anew each time.  Then guard_plan_finish() decides what is to be protected
 * and what becomes of the plaintext ones.  No input or output, no clock.  What
 * is not to be protected yet is up to 'transition'.
 *
 * Rules are per selector, so all tunnels of one protocol, port and family
 * share their fate:
 *
 *   - One that is 'strict' protects every address.
 *   - Else those that are 'peer' protect the addresses of their own.
 *   - A tunnel that is 'off', and so a plaintext one that is declared by that,
 *     gets an allow for its address, unless another tunnel to that address is
 *     protected.
 *   - A plaintext tunnel that nobody declared is cut off where it is in the
 *     way of protection.  But one with remote_ip=flow has no address to make
 *     an exception for, and makes 'strict' into 'peer'. */

#include <stdbool.h>
#include <stddef.h>

#include "openvswitch/hmap.h"
#include "openvswitch/shash.h"

#include "guard-options.h"
#include "guard-rule.h"

struct transition;
struct tunnel;

struct guard_plan {
    struct guard_options defaults;      /* For what a tunnel leaves open. */
    uint32_t mark, mark_mask;   /* Of what never leaves unencrypted; 0, 0:
                                 * none. */

    struct hmap selectors;      /* Contains "struct plan_selector"s. */
    size_t n_off;               /* Tunnels that ask for encryption and not to
                                 * be guarded, with addresses that no other
                                 * one has protected. */
    struct plan_plain *plains;  /* Tunnels in clear. */
    size_t n_plains, allocated_plains;

    /* After guard_plan_finish(). */
    struct guard_rule *rules;
    size_t n_rules, allocated_rules;
    struct shash cut_off;       /* Name of a plaintext tunnel -> why, in
                                 * words. */
    struct shash weakened;      /* Name of a remote_ip=flow tunnel -> what is
                                 * not protected because of it, in words. */
};

struct guard_plan *guard_plan_create(const struct guard_options *);
void guard_plan_destroy(struct guard_plan *);
void guard_plan_clear(struct guard_plan *, const struct guard_options *);
void guard_plan_add(struct guard_plan *, const struct tunnel *);
void guard_plan_remove(struct guard_plan *, const struct tunnel *);
void guard_plan_clear_plain(struct guard_plan *);
void guard_plan_add_plain(struct guard_plan *, const struct tunnel *,
                          bool flow, bool ending);
void guard_plan_add_mark(struct guard_plan *, uint32_t mark,
                         uint32_t mark_mask);
void guard_plan_finish(struct guard_plan *, struct transition *,
                       long long int deadline);

bool guard_plan_is_empty(const struct guard_plan *);
bool guard_plan_protects(const struct guard_plan *, const struct tunnel *);
enum guard_mode guard_plan_mode(const struct guard_plan *,
                                const struct tunnel *);
bool guard_plan_accepts(const struct guard_plan *, const struct in6_addr *);

size_t tunnel_selectors(const struct tunnel *,
                        struct guard_selector selectors[2]);

#endif /* guard-plan.h */
