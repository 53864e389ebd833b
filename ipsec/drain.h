/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef DRAIN_H
#define DRAIN_H 1

/* From encrypted to clear without losing packets.
 *
 * The two ends of a tunnel never change at the same moment.  When a tunnel
 * stops asking for encryption but stays, its peer drains: we go on encrypting
 * with the SAs that are there, while the guard accepts both what is encrypted
 * and what is in clear (GUARD_ACCEPT).  It ends when the other end has taken
 * the SAs away, which shows that it has changed too, or after a while.
 *
 * 'protection' has one of these. */

#include <stdbool.h>

#include "openvswitch/shash.h"

struct ike;
struct in6_addr;
struct peer;

struct drain {
    struct ike *ike;
    struct shash peers;         /* Name -> struct drain_peer. */
};

void drain_init(struct drain *, struct ike *);
void drain_destroy(struct drain *);

bool drain_add(struct drain *, const struct peer *, long long int deadline);
void drain_forget(struct drain *, const char *name);
const struct peer *drain_find_address(const struct drain *,
                                       const struct in6_addr *local,
                                       const struct in6_addr *remote);
void drain_stop(struct drain *);
bool drain_run(struct drain *, long long int now);
void drain_wait(const struct drain *);

#endif /* drain.h */
