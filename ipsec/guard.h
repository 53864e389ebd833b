/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef GUARD_H
#define GUARD_H 1

/* The guard: XFRM policies that let no tunnel packet out or in unencrypted,
 * whether an IKE daemon runs or not, and that make the kernel ask for an SA
 * (an acquire) when there is none.
 *
 * A set and a difference.  'monitor' states with guard_set() which selectors
 * need one; guard_run() makes the kernel hold exactly those, additions before
 * removals, told apart from other people's policies by a constant in the
 * selector.  Before the first guard_set() nothing is touched, so what an
 * earlier run left goes on protecting.  Nothing is taken away when the daemon
 * ends: guard_destroy() leaves the policies, guard_flush() removes ours only.
 *
 * Failure is state: guard_get_error() has it in words, guard_run() tries
 * again by itself.
 *
 * What is guarded is also held back for whomever this host routes: XFRM does
 * not tell its own packets from forwarded ones on the way out.  On the way in
 * only packets for this host are blocked, because only those reach a tunnel
 * port of ours. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guard;

/* What is guarded: one protocol and port of one family.  Each gets two
 * wildcard policies: out, any to any with the port as destination, with an
 * ESP template; in, the same, block.  Both ends of a UDP tunnel send to the
 * tunnel's port, so no policy is needed for it as source. */
struct guard_selector {
    int family;                 /* AF_INET or AF_INET6. */
    uint8_t proto;              /* IPPROTO_UDP, IPPROTO_TCP, IPPROTO_GRE. */
    uint16_t port;              /* Host byte order; 0 where the protocol has
                                 * none. */
};

/* Traffic that waits for an SA. */
struct guard_acquire {
    struct guard_selector selector;
    struct in6_addr local, remote;      /* IPv4 as IPv4-mapped. */
};

struct guard *guard_create(void);
void guard_destroy(struct guard *);
void guard_run(struct guard *);
void guard_wait(struct guard *);

void guard_set(struct guard *, const struct guard_selector[], size_t n);
void guard_flush(struct guard *);
bool guard_is_installed(const struct guard *);
const char *guard_get_error(const struct guard *);

bool guard_recv(struct guard *, struct guard_acquire *);

#endif /* guard.h */
