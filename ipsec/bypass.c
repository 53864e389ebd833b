/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Other people's policies that beat the guard; see bypass.h. */

#include <config.h>

#include "bypass.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

#include "guard-rule.h"
#include "xfrm.h"

void
bypasses_init(struct bypasses *b)
{
    memset(b, 0, sizeof *b);
}

void
bypasses_destroy(struct bypasses *b)
{
    free(b->policies);
}

/* Empties 'b'. */
void
bypasses_clear(struct bypasses *b)
{
    b->seqno += b->n != 0;
    b->n = 0;
}

/* Returns true if 'policy' lets packets pass in clear that the guard would
 * hold.  One for a mark is no concern of tunnel packets, which have none,
 * unless that mark is 0. */
static bool
is_bypass(const struct xfrm_policy *policy)
{
    return (policy->ts.user != GUARD_USER
            && (policy->dir == XFRM_OUT || policy->dir == XFRM_IN)
            && !policy->block
            && !policy->limited && !(policy->mark & policy->mark_mask)
            && policy->priority <= GUARD_PRIORITY
            && (policy->template == XFRM_NO_TEMPLATE
                || policy->template == XFRM_CLEAR_TEMPLATE));
}

/* Notes that the kernel has no 'policy' any more. */
void
bypasses_remove(struct bypasses *b, const struct xfrm_policy *policy)
{
    /* One that is limited to an interface is not the same as one that is not,
     * which is all that we have. */
    for (size_t i = 0; i < b->n && !policy->limited; i++) {
        if (xfrm_policy_is_same(&b->policies[i], policy)) {
            b->policies[i] = b->policies[--b->n];
            b->seqno++;
            return;
        }
    }
}

/* Notes that the kernel has 'policy', of whatever kind. */
void
bypasses_note(struct bypasses *b, const struct xfrm_policy *policy)
{
    bypasses_remove(b, policy);
    if (!is_bypass(policy)) {
        return;
    }
    if (b->n >= b->allocated) {
        b->policies = x2nrealloc(b->policies, &b->allocated,
                                 sizeof *b->policies);
    }
    b->policies[b->n++] = *policy;
    b->seqno++;
}

/* Returns true if the first 'plen' bits of 'prefix', of 'family', are those
 * of 'addr'; in6addr_any stands for an address that is not known. */
static bool
prefix_matches(const struct in6_addr *prefix, uint8_t plen, int family,
               const struct in6_addr *addr)
{
    struct in6_addr mask, masked;

    if (!plen || !ipv6_addr_is_set(addr)) {
        return true;
    }
    mask = ipv6_create_mask(family == AF_INET ? 96 + plen : plen);
    masked = ipv6_addr_bitand(addr, &mask);
    struct in6_addr wanted = ipv6_addr_bitand(prefix, &mask);

    return ipv6_addr_equals(&masked, &wanted);
}

/* A tunnel's packets have any port as source, so a policy for one source port
 * lets some of them pass. */
static bool
is_for(const struct xfrm_policy *policy, const struct guard_selector *s,
       const struct in6_addr *local, const struct in6_addr *remote)
{
    const struct xfrm_ts *ts = &policy->ts;
    bool out = policy->dir == XFRM_OUT;

    return (ts->family == s->family
            && (!ts->proto || ts->proto == s->proto)
            && (!ts->dst_port || ts->dst_port == s->port)
            && prefix_matches(&ts->src, ts->src_plen, ts->family,
                              out ? local : remote)
            && prefix_matches(&ts->dst, ts->dst_plen, ts->family,
                              out ? remote : local));
}

/* Returns one that lets tunnel packets of 's' between 'local' and 'remote'
 * pass in clear, or null.  It is owned by 'b', good until that changes.
 * in6addr_any stands for an address that is not known. */
const struct xfrm_policy *
bypasses_find(const struct bypasses *b, const struct guard_selector *s,
              const struct in6_addr *local, const struct in6_addr *remote)
{
    for (size_t i = 0; i < b->n; i++) {
        if (is_for(&b->policies[i], s, local, remote)) {
            return &b->policies[i];
        }
    }
    return NULL;
}

static void
format_prefix(const char *name, const struct in6_addr *addr, uint8_t plen,
              struct ds *ds)
{
    if (plen) {
        ds_put_format(ds, " %s ", name);
        ipv6_format_mapped(addr, ds);
        ds_put_format(ds, "/%"PRIu8, plen);
    }
}

/* Appends 'policy' to 'ds' in the words of ip-xfrm(8). */
void
bypass_format(const struct xfrm_policy *policy, struct ds *ds)
{
    const struct xfrm_ts *ts = &policy->ts;

    ds_put_format(ds, "dir %s", policy->dir == XFRM_OUT ? "out" : "in");
    format_prefix("src", &ts->src, ts->src_plen, ds);
    format_prefix("dst", &ts->dst, ts->dst_plen, ds);
    if (ts->proto) {
        ds_put_format(ds, " proto %"PRIu8, ts->proto);
    }
    if (ts->src_port) {
        ds_put_format(ds, " sport %"PRIu16, ts->src_port);
    }
    if (ts->dst_port) {
        ds_put_format(ds, " dport %"PRIu16, ts->dst_port);
    }
    ds_put_format(ds, " priority %"PRIu32, policy->priority);
}
