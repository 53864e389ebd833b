/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef LEAKS_H
#define LEAKS_H 1

/* What this kernel has that beats the guard for a tunnel, so that its packets
 * may be in clear whatever is configured.
 *
 * Read from the kernel when asked for, except for policies, which 'guard'
 * keeps up to date: no dump of policies, no wait.  What an interface row can
 * tell (hardware offload, a userspace datapath) is somebody else's.
 * 'monitor' has one of these. */

#include <stdbool.h>

struct guard;
struct guard_selector;
struct in6_addr;
struct leaks;

struct leaks *leaks_create(const struct guard *);
void leaks_destroy(struct leaks *);

char *leaks_find(struct leaks *, const struct guard_selector *,
                 const struct in6_addr *local, const struct in6_addr *remote);
bool leaks_run(struct leaks *, long long int now);
void leaks_wait(const struct leaks *);

#endif /* leaks.h */
