/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef GUARD_RULE_H
#define GUARD_RULE_H 1

/* What the guard can be told, as values: rules, and the XFRM policies that a
 * rule stands for.
 *
 * 'guard-plan' makes rules from tunnels, 'guard' makes the kernel hold their
 * policies, 'guard-store' remembers them on disk.  Nothing here talks to the
 * kernel. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds;
struct xfrm_policy;

/* One protocol and port of one family.  Both ends of a UDP tunnel send to the
 * tunnel's port, so no policy is needed for it as source. */
struct guard_selector {
    int family;                 /* AF_INET or AF_INET6. */
    uint8_t proto;              /* IPPROTO_UDP, IPPROTO_TCP, IPPROTO_GRE. */
    uint16_t port;              /* Host byte order; 0 where the protocol has
                                 * none. */
};

/* What happens to packets that no IKE daemon's policy is for, the strongest
 * first. */
enum guard_action {
    GUARD_PROTECT,              /* Out: held, with an acquire.  In: dropped. */
    GUARD_ALLOW,                /* They pass, in spite of a GUARD_PROTECT for
                                 * every address. */
    GUARD_ACCEPT,               /* The same, and what comes in passes even
                                 * beside an IKE daemon's policy, so that the
                                 * peer may already send in clear while we
                                 * still encrypt. */
    GUARD_DROP,                 /* Out, with a mark: dropped. */
    GUARD_N_ACTIONS
};

struct guard_rule {
    struct guard_selector selector;
    struct in6_addr remote;     /* IPv4 as IPv4-mapped; in6addr_any: every
                                 * address, then 'action' is GUARD_PROTECT or
                                 * GUARD_DROP. */
    enum guard_action action;
    uint32_t mark, mark_mask;   /* Of GUARD_DROP, otherwise 0. */
};

/* Every policy of the guard has this as 'user' of its selector ("OVSI"; `ip
 * xfrm policy` calls it uid).  The kernel compares it with other selectors and
 * never with packets, so it also keeps an IKE daemon's policy for the same
 * traffic from taking the place of ours and, when that daemon goes, from
 * leaving none. */
#define GUARD_USER 0x4f565349

/* Behind any IKE daemon's policies: charon's are below 400,000. */
#define GUARD_PRIORITY 4000000000u

#define GUARD_N_POLICIES 2      /* Per rule, at most. */

int guard_selector_compare(const struct guard_selector *,
                           const struct guard_selector *);
uint32_t guard_selector_hash(const struct guard_selector *);
void guard_selector_format(const struct guard_selector *, struct ds *);
struct guard_selector guard_selector_of_policy(const struct xfrm_policy *);

bool guard_rule_is_wildcard(const struct guard_rule *);
size_t guard_rule_policies(const struct guard_rule *,
                           struct xfrm_policy *policies);

void guard_rules_normalize(struct guard_rule *, size_t *n);
bool guard_rules_equal(const struct guard_rule *a, size_t n_a,
                       const struct guard_rule *b, size_t n_b);
void guard_rules_describe(const struct guard_rule *, size_t n, struct ds *);

#endif /* guard-rule.h */
