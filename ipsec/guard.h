/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef GUARD_H
#define GUARD_H 1

/* The guard: XFRM policies that let no tunnel packet out or in unencrypted,
 * whether an IKE daemon runs or not, and that make the kernel ask for an SA
 * (an acquire) when there is none.
 *
 * A set and a difference.  'monitor' states with guard_set() which rules
 * (guard-rule.h) hold; guard_run() makes the kernel hold exactly their
 * policies, additions before removals, told apart from other people's by a
 * constant in the selector.  Before the first guard_set() nothing is touched,
 * so what an earlier run left goes on protecting.  Nothing is taken away when
 * the daemon ends: guard_destroy() leaves the policies, guard_flush() removes
 * ours only.
 *
 * What is protected is remembered on disk (guard-store.h), so that
 * guard_restore() can put it back at boot before anything else is there.
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

#include "guard-rule.h"

struct bypasses;
struct guard;
struct xfrm_policy;

/* Traffic that waits for an SA. */
struct guard_acquire {
    struct guard_selector selector;
    struct in6_addr local, remote;      /* IPv4 as IPv4-mapped. */
};

struct guard *guard_create(const char *store);
void guard_destroy(struct guard *);
void guard_run(struct guard *);
void guard_wait(struct guard *);

void guard_set(struct guard *, const struct guard_rule[], size_t n);
void guard_flush(struct guard *);
char *guard_restore(const char *store, size_t *n);

bool guard_is_installed(const struct guard *);
bool guard_was_guarded(const struct guard *, const struct guard_selector *);
const struct bypasses *guard_get_bypasses(const struct guard *);
const char *guard_get_error(const struct guard *);

bool guard_owns(const struct xfrm_policy *);
bool guard_recv(struct guard *, struct guard_acquire *);
bool guard_missed_acquires(struct guard *);

#endif /* guard.h */
