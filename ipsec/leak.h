/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef LEAK_H
#define LEAK_H 1

/* What this kernel has that beats the guard for one tunnel, so that its
 * packets may be in clear whatever is configured.
 *
 * Read from the kernel when asked for, except for policies, which 'guard'
 * keeps up to date: no dump of policies, no wait.  What an interface row can
 * tell (hardware offload, a userspace datapath) is somebody else's.  Those who
 * show or judge tunnels call this. */

#include <stddef.h>
#include <stdint.h>

struct guard;
struct guard_selector;
struct in6_addr;

char *leak_find(const struct guard *, const struct guard_selector *,
                const struct in6_addr *local, const struct in6_addr *remote);

#endif /* leak.h */
