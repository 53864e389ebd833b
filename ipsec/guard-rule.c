/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Rules of the guard as values; see guard-rule.h. */

#include <config.h>

#include "guard-rule.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "hash.h"
#include "packets.h"
#include "util.h"
#include "xfrm.h"

/* Before any IKE daemon's policies. */
#define ACCEPT_PRIORITY 1

/* In a template's reqid, above any that an IKE daemon counts up to.  Each
 * selector has its own, because a larval SA of one would keep back the
 * acquires of the others with the same addresses. */
#define REQID_BASE 0x80000000u

/* Returns less than, equal to or greater than 0. */
int
guard_selector_compare(const struct guard_selector *a,
                       const struct guard_selector *b)
{
    return (a->family != b->family ? (a->family > b->family ? 1 : -1)
            : a->proto != b->proto ? (a->proto > b->proto ? 1 : -1)
            : a->port != b->port ? (a->port > b->port ? 1 : -1)
            : 0);
}

/* Returns a hash of 's'. */
uint32_t
guard_selector_hash(const struct guard_selector *s)
{
    return hash_2words(s->family, s->proto << 16 | s->port);
}

/* Appends 's' to 'ds' as in "udp/6081 over IPv4". */
void
guard_selector_format(const struct guard_selector *s, struct ds *ds)
{
    switch (s->proto) {
    case IPPROTO_UDP:
        ds_put_format(ds, "udp/%"PRIu16, s->port);
        break;
    case IPPROTO_TCP:
        ds_put_format(ds, "tcp/%"PRIu16, s->port);
        break;
    case IPPROTO_GRE:
        ds_put_cstr(ds, "gre");
        break;
    default:
        ds_put_format(ds, "protocol %"PRIu8" port %"PRIu16,
                      s->proto, s->port);
        break;
    }
    ds_put_cstr(ds, s->family == AF_INET ? " over IPv4" : " over IPv6");
}

/* Returns the selector that 'policy', one of ours, guards. */
struct guard_selector
guard_selector_of_policy(const struct xfrm_policy *policy)
{
    return (struct guard_selector) {
        .family = policy->ts.family,
        .proto = policy->ts.proto,
        .port = policy->ts.dst_port,
    };
}

/* Returns true if 'rule' is for every address. */
bool
guard_rule_is_wildcard(const struct guard_rule *rule)
{
    return !ipv6_addr_is_set(&rule->remote);
}

/* Returns a policy for what 'rule' is about in direction 'dir', which lets it
 * pass.  An allow goes just in front of what protects every address. */
static struct xfrm_policy
allow_policy(const struct guard_rule *rule, enum xfrm_dir dir)
{
    const struct guard_selector *s = &rule->selector;
    uint8_t plen = (guard_rule_is_wildcard(rule) ? 0
                    : s->family == AF_INET ? 32 : 128);
    bool out = dir == XFRM_OUT;

    return (struct xfrm_policy) {
        .dir = dir,
        .ts = {
            .family = s->family,
            .src = out ? in6addr_any : rule->remote,
            .src_plen = out ? 0 : plen,
            .dst = out ? rule->remote : in6addr_any,
            .dst_plen = out ? plen : 0,
            .proto = s->proto,
            .dst_port = s->port,
            .user = GUARD_USER,
        },
        .priority = GUARD_PRIORITY - 1,
    };
}

/* Fills in 'policies', which has room for GUARD_N_POLICIES, with those that
 * 'rule' stands for, and returns how many there are.  None is needed for
 * forwarding (XFRM_FWD): see guard.h. */
size_t
guard_rule_policies(const struct guard_rule *rule,
                    struct xfrm_policy *policies)
{
    const struct guard_selector *s = &rule->selector;
    struct xfrm_policy *out = &policies[0];
    struct xfrm_policy *in = &policies[1];

    *out = allow_policy(rule, XFRM_OUT);
    *in = allow_policy(rule, XFRM_IN);
    switch (rule->action) {
    case GUARD_PROTECT:
        out->priority = in->priority = GUARD_PRIORITY;
        out->template = XFRM_ESP_TRANSPORT;
        out->reqid = REQID_BASE | (uint32_t) s->proto << 16 | s->port;
        in->block = true;
        break;
    case GUARD_ALLOW:
        break;
    case GUARD_ACCEPT:
        in->priority = ACCEPT_PRIORITY;
        break;
    case GUARD_DROP:
        /* In front of everything of ours, so that no exception from the guard
         * is one from this. */
        out->priority = GUARD_PRIORITY - 2;
        out->block = true;
        out->mark = rule->mark;
        out->mark_mask = rule->mark_mask;
        return 1;
    case GUARD_N_ACTIONS:
    default:
        OVS_NOT_REACHED();
    }
    return 2;
}

/* Compares what two rules are about, not what happens to it. */
static int
compare_subjects(const struct guard_rule *a, const struct guard_rule *b)
{
    int cmp = guard_selector_compare(&a->selector, &b->selector);

    if (!cmp) {
        cmp = memcmp(&a->remote, &b->remote, sizeof a->remote);
    }
    return (cmp ? cmp
            : a->mark_mask != b->mark_mask
            ? (a->mark_mask > b->mark_mask ? 1 : -1)
            : a->mark != b->mark ? (a->mark > b->mark ? 1 : -1)
            : 0);
}

static int
compare_rules(const void *a_, const void *b_)
{
    const struct guard_rule *a = a_;
    const struct guard_rule *b = b_;
    int cmp = compare_subjects(a, b);

    return cmp ? cmp : (int) a->action - (int) b->action;
}

/* Sorts the '*n' of 'rules', so that the one for every address is the first
 * of its selector, and of those for the same address keeps the strongest. */
void
guard_rules_normalize(struct guard_rule *rules, size_t *n)
{
    size_t n_unique = 0;

    if (*n) {
        qsort(rules, *n, sizeof *rules, compare_rules);
    }
    for (size_t i = 0; i < *n; i++) {
        if (!n_unique || compare_subjects(&rules[n_unique - 1], &rules[i])) {
            rules[n_unique++] = rules[i];
        }
    }
    *n = n_unique;
}

/* Returns true if 'a' and 'b', both normalized, are the same. */
bool
guard_rules_equal(const struct guard_rule *a, size_t n_a,
                  const struct guard_rule *b, size_t n_b)
{
    if (n_a != n_b) {
        return false;
    }
    for (size_t i = 0; i < n_a; i++) {
        if (compare_rules(&a[i], &b[i])) {
            return false;
        }
    }
    return true;
}

/* Appends to 'ds' what the 'n' of 'rules' have in common with 'rules[0]', as
 * in "udp/6081 over IPv4, 2 addresses excepted".  Returns how many these
 * are. */
static size_t
describe_selector(const struct guard_rule *rules, size_t n, struct ds *ds)
{
    size_t count[GUARD_N_ACTIONS] = { 0 };
    bool wildcard = (guard_rule_is_wildcard(rules)
                     && rules->action == GUARD_PROTECT);
    size_t i;

    for (i = 0; i < n && !guard_selector_compare(&rules[0].selector,
                                                 &rules[i].selector); i++) {
        count[rules[i].action]++;
    }
    size_t n_allowed = count[GUARD_ALLOW] + count[GUARD_ACCEPT];

    guard_selector_format(&rules[0].selector, ds);
    if (!wildcard && count[GUARD_PROTECT]) {
        ds_put_format(ds, " with %"PRIuSIZE" addresses only",
                      count[GUARD_PROTECT]);
    } else if (!wildcard && count[GUARD_DROP]) {
        ds_put_cstr(ds, " with the mark of ipsec_skb_mark only");
    }
    if (n_allowed) {
        ds_put_format(ds, ", %"PRIuSIZE" addresses excepted", n_allowed);
    }
    return i;
}

/* Appends to 'ds', for people, what the 'n' of 'rules', which are normalized,
 * protect. */
void
guard_rules_describe(const struct guard_rule *rules, size_t n, struct ds *ds)
{
    for (size_t i = 0; i < n; ) {
        ds_put_cstr(ds, i ? "; " : "");
        i += describe_selector(&rules[i], n - i, ds);
    }
    if (!n) {
        ds_put_cstr(ds, "nothing");
    }
}
