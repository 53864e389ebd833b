/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef BYPASS_H
#define BYPASS_H 1

/* Other people's XFRM policies that beat the guard: they let packets pass
 * unencrypted and have a lower priority number.
 *
 * 'guard' keeps such a set up to date from what the kernel tells, so that
 * nobody has to read the kernel's table, which may hold tens of thousands of
 * an IKE daemon's policies, to know whether a tunnel is protected. */

#include <stdbool.h>
#include <stddef.h>

struct ds;
struct guard_selector;
struct in6_addr;
struct xfrm_policy;

struct bypasses {
    struct xfrm_policy *policies;       /* No two of the same identity. */
    size_t n, allocated;
    unsigned int seqno;         /* Another one after each change. */
};

void bypasses_init(struct bypasses *);
void bypasses_destroy(struct bypasses *);
void bypasses_clear(struct bypasses *);
void bypasses_note(struct bypasses *, const struct xfrm_policy *);
void bypasses_remove(struct bypasses *, const struct xfrm_policy *);
const struct xfrm_policy *bypasses_find(const struct bypasses *,
                                        const struct guard_selector *,
                                        const struct in6_addr *local,
                                        const struct in6_addr *remote);
void bypass_format(const struct xfrm_policy *, struct ds *);

#endif /* bypass.h */
