/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The XFRM policies that let no tunnel packet pass unencrypted; see guard.h.
 *
 * How ours are told apart: 'user' in the selector is GUARD_USER.  The kernel
 * compares it with other selectors and never with packets, so it also keeps
 * an IKE daemon's policy for the same traffic from taking the place of ours
 * and, when that daemon goes, from leaving none.
 *
 * The kernel's table is read whole only once, to find what an earlier run
 * left: it may hold tens of thousands of an IKE daemon's policies.  After
 * that each of ours is asked for by itself, whenever the kernel says that
 * one of ours or everything has gone. */

#include <config.h>

#include "guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "xfrm.h"

VLOG_DEFINE_THIS_MODULE(guard);

COVERAGE_DEFINE(guard_acquire);
COVERAGE_DEFINE(guard_acquire_dropped);
COVERAGE_DEFINE(guard_mended);

#define GUARD_USER 0x4f565349   /* "OVSI"; `ip xfrm policy` says uid. */

/* Behind any IKE daemon's policies: charon's are below 400,000. */
#define GUARD_PRIORITY 4000000000u

/* In a template's reqid, above any that an IKE daemon counts up to.  Each
 * selector has its own, because a larval SA of one would keep back the
 * acquires of the others with the same addresses. */
#define GUARD_REQID_BASE 0x80000000u

#define GUARD_N_POLICIES 2              /* Per selector. */
#define GUARD_MAX_ACQUIRES 1024         /* Kept for guard_recv(). */
#define GUARD_MAX_EVENTS 500            /* Taken in by one guard_run(). */
#define GUARD_MIN_BACKOFF 1000          /* In ms. */
#define GUARD_MAX_BACKOFF 60000

/* An acquire that waits for guard_recv(). */
struct guard_wish {
    struct hmap_node hmap_node; /* In struct guard's 'wishes'. */
    struct ovs_list list_node;  /* In struct guard's 'queue'. */
    struct guard_acquire acquire;
};

struct guard {
    struct xfrm_monitor *monitor;       /* Null: could not be opened yet. */

    /* What should be. */
    struct guard_selector *selectors;   /* Sorted, without duplicates. */
    size_t n_selectors;
    struct xfrm_policy *wanted;         /* Made of them. */
    size_t n_wanted;
    bool configured;            /* guard_set() was called. */

    /* What was ours once and may be in the kernel, wanted or not. */
    struct xfrm_policy *former;
    size_t n_former, allocated_former;
    bool scanned;               /* 'former' has what earlier runs left. */

    bool stale;                 /* The kernel is to be compared. */
    bool disturbed;             /* Because it told us of a change. */
    bool installed;
    char *error;                /* In words, or null. */
    long long int retry_at;     /* If 'error', in ms as time_msec(). */
    long long int backoff;      /* In ms; 0: none yet. */

    struct hmap wishes;         /* Contains "struct guard_wish"es. */
    struct ovs_list queue;      /* The same, oldest first. */
};

/* Selectors and their policies. */

static int
compare_selectors(const void *a_, const void *b_)
{
    const struct guard_selector *a = a_;
    const struct guard_selector *b = b_;

    return (a->family != b->family ? (a->family > b->family ? 1 : -1)
            : a->proto != b->proto ? (a->proto > b->proto ? 1 : -1)
            : a->port != b->port ? (a->port > b->port ? 1 : -1)
            : 0);
}

static void
format_selector(struct ds *s, const struct guard_selector *selector)
{
    switch (selector->proto) {
    case IPPROTO_UDP:
        ds_put_format(s, "udp/%"PRIu16, selector->port);
        break;
    case IPPROTO_TCP:
        ds_put_format(s, "tcp/%"PRIu16, selector->port);
        break;
    case IPPROTO_GRE:
        ds_put_cstr(s, "gre");
        break;
    default:
        ds_put_format(s, "protocol %"PRIu8" port %"PRIu16,
                      selector->proto, selector->port);
        break;
    }
    ds_put_cstr(s, selector->family == AF_INET ? " over IPv4" : " over IPv6");
}

static struct guard_selector
policy_selector(const struct xfrm_policy *policy)
{
    return (struct guard_selector) {
        .family = policy->ts.family,
        .proto = policy->ts.proto,
        .port = policy->ts.dst_port,
    };
}

/* Fills in the GUARD_N_POLICIES 'policies' for 'selector'.  None is needed
 * for forwarding (XFRM_FWD): see guard.h. */
static void
selector_policies(const struct guard_selector *selector,
                  struct xfrm_policy *policies)
{
    const struct xfrm_ts ts = {
        .family = selector->family,
        .proto = selector->proto,
        .dst_port = selector->port,
        .user = GUARD_USER,
    };

    policies[0] = (struct xfrm_policy) {
        .dir = XFRM_OUT,
        .ts = ts,
        .priority = GUARD_PRIORITY,
        .template = XFRM_ESP_TRANSPORT,
        .reqid = (GUARD_REQID_BASE | (uint32_t) selector->proto << 16
                  | selector->port),
    };
    policies[1] = (struct xfrm_policy) {
        .dir = XFRM_IN,
        .ts = ts,
        .priority = GUARD_PRIORITY,
        .block = true,
    };
}

/* Returns the policy that should be there under the identity of 'policy', or
 * null if none should be. */
static const struct xfrm_policy *
guard_find_wanted(const struct guard *guard, const struct xfrm_policy *policy)
{
    for (size_t i = 0; i < guard->n_wanted; i++) {
        if (xfrm_policy_is_same(&guard->wanted[i], policy)) {
            return &guard->wanted[i];
        }
    }
    return NULL;
}

/* Acquires. */

static uint32_t
hash_acquire(const struct guard_acquire *a)
{
    uint32_t hash = hash_bytes(&a->remote, sizeof a->remote, a->selector.port);

    return hash_bytes(&a->local, sizeof a->local,
                      hash_2words(hash, a->selector.proto));
}

static bool
acquire_equals(const struct guard_acquire *a, const struct guard_acquire *b)
{
    return (!compare_selectors(&a->selector, &b->selector)
            && ipv6_addr_equals(&a->local, &b->local)
            && ipv6_addr_equals(&a->remote, &b->remote));
}

static bool
guard_has_wish(const struct guard *guard, const struct guard_acquire *acquire,
               uint32_t hash)
{
    const struct guard_wish *wish;

    HMAP_FOR_EACH_WITH_HASH (wish, hmap_node, hash, &guard->wishes) {
        if (acquire_equals(&wish->acquire, acquire)) {
            return true;
        }
    }
    return false;
}

/* Queues what the kernel asks for, unless it is queued already or somebody
 * floods us: a local user can make an acquire for any address there is. */
static void
guard_queue_acquire(struct guard *guard, const struct xfrm_acquire *xa)
{
    const struct guard_acquire acquire = {
        .selector = policy_selector(&xa->policy),
        .local = xa->src,
        .remote = xa->dst,
    };
    uint32_t hash = hash_acquire(&acquire);

    if (guard_has_wish(guard, &acquire, hash)) {
        return;
    }
    if (hmap_count(&guard->wishes) >= GUARD_MAX_ACQUIRES) {
        COVERAGE_INC(guard_acquire_dropped);
        return;
    }

    struct guard_wish *wish = xmalloc(sizeof *wish);
    wish->acquire = acquire;
    hmap_insert(&guard->wishes, &wish->hmap_node, hash);
    ovs_list_push_back(&guard->queue, &wish->list_node);
    COVERAGE_INC(guard_acquire);
}

/* Takes the oldest acquire that came from one of our policies into
 * '*acquire'.  Returns false if there is none.  An acquire may be lost when
 * very many come, so that it says who is in a hurry, not who is to have an
 * SA. */
bool
guard_recv(struct guard *guard, struct guard_acquire *acquire)
{
    struct guard_wish *wish;

    if (ovs_list_is_empty(&guard->queue)) {
        return false;
    }
    wish = CONTAINER_OF(ovs_list_pop_front(&guard->queue),
                        struct guard_wish, list_node);
    hmap_remove(&guard->wishes, &wish->hmap_node);
    *acquire = wish->acquire;
    free(wish);
    return true;
}

/* What the kernel tells. */

static void
guard_disturb(struct guard *guard)
{
    guard->stale = true;
    guard->disturbed = true;
}

/* One of ours was set to 'policy', most often by us.  While there is an error
 * that may be because the kernel makes something else of what we set, over
 * and over, so that is left to the next try. */
static void
guard_note_set(struct guard *guard, const struct xfrm_policy *policy)
{
    const struct xfrm_policy *wanted = guard_find_wanted(guard, policy);

    if (!guard->error && wanted && !xfrm_policy_equals(policy, wanted)) {
        guard_disturb(guard);
    }
}

static void
guard_note_deleted(struct guard *guard, const struct xfrm_policy *policy)
{
    if (guard_find_wanted(guard, policy)) {
        guard_disturb(guard);
    }
}

static void
guard_handle_event(struct guard *guard, const struct xfrm_event *event)
{
    switch (event->type) {
    case XFRM_ACQUIRE:
        if (event->acquire.policy.ts.user == GUARD_USER) {
            guard_queue_acquire(guard, &event->acquire);
        }
        break;
    case XFRM_POLICY_SET:
        if (event->policy.ts.user == GUARD_USER) {
            guard_note_set(guard, &event->policy);
        }
        break;
    case XFRM_POLICY_DELETED:
        if (event->policy.ts.user == GUARD_USER) {
            guard_note_deleted(guard, &event->policy);
        }
        break;
    case XFRM_POLICIES_FLUSHED:
    case XFRM_LOST:
        guard_disturb(guard);
        break;
    case XFRM_SA_DELETED:
    case XFRM_SAS_FLUSHED:
    case XFRM_OTHER:
        break;
    }
}

static void
guard_receive(struct guard *guard)
{
    struct xfrm_event event;

    for (int i = 0; i < GUARD_MAX_EVENTS; i++) {
        if (!guard->monitor || !xfrm_monitor_recv(guard->monitor, &event)) {
            return;
        }
        guard_handle_event(guard, &event);
    }
}

/* What should be against what is.  Functions that can fail return null or
 * what is wrong, in words, which the caller must free. */

static const char *
error_hint(int error)
{
    switch (error) {
    case EPERM:
    case EACCES:
        return (": start ovs-monitor-ipsec as root, or with the capability "
                "CAP_NET_ADMIN, in the host's network namespace");
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
        return (": the kernel has no XFRM for this; try \"modprobe "
                "xfrm_user\", or boot one with CONFIG_XFRM_USER");
    default:
        return "";
    }
}

static char *
policy_error(const char *what, const struct xfrm_policy *policy, int error)
{
    const struct guard_selector selector = policy_selector(policy);
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "cannot %s the XFRM policy that guards ", what);
    format_selector(&s, &selector);
    ds_put_format(&s, " (dir %s): %s%s",
                  policy->dir == XFRM_OUT ? "out" : "in",
                  ovs_strerror(error), error_hint(error));
    return ds_steal_cstr(&s);
}

/* Notes 'error', which may be null, as '*firstp' if there is none yet;
 * otherwise frees it. */
static void
keep_first(char **firstp, char *error)
{
    if (*firstp) {
        free(error);
    } else {
        *firstp = error;
    }
}

static char *
guard_listen(struct guard *guard)
{
    int error;

    if (guard->monitor) {
        return NULL;
    }
    error = xfrm_monitor_open(XFRM_MONITOR_ACQUIRES | XFRM_MONITOR_POLICIES,
                              &guard->monitor);
    return (error
            ? xasprintf("cannot listen to XFRM events: %s%s",
                        ovs_strerror(error), error_hint(error))
            : NULL);
}

static void
guard_add_former(struct guard *guard, const struct xfrm_policy *policy)
{
    if (guard->n_former >= guard->allocated_former) {
        guard->former = x2nrealloc(guard->former, &guard->allocated_former,
                                   sizeof *guard->former);
    }
    guard->former[guard->n_former++] = *policy;
}

/* Finds what earlier runs left, once. */
static char *
guard_scan(struct guard *guard)
{
    struct xfrm_policy *policies;
    size_t n;
    int error;

    if (guard->scanned) {
        return NULL;
    }
    error = xfrm_policy_dump(&policies, &n);
    if (error) {
        return xasprintf("cannot list XFRM policies: %s%s",
                         ovs_strerror(error), error_hint(error));
    }
    for (size_t i = 0; i < n; i++) {
        if (policies[i].ts.user == GUARD_USER) {
            guard_add_former(guard, &policies[i]);
        }
    }
    free(policies);
    guard->scanned = true;
    return NULL;
}

/* Makes the kernel hold 'policy', and counts it in '*n_set' if it did not. */
static char *
put_policy(const struct xfrm_policy *policy, unsigned int *n_set)
{
    struct xfrm_policy present;
    int error = xfrm_policy_get(policy, &present);

    if (!error && xfrm_policy_equals(&present, policy)) {
        return NULL;
    }
    error = xfrm_policy_set(policy);
    if (error) {
        return policy_error("set", policy, error);
    }
    ++*n_set;
    error = xfrm_policy_get(policy, &present);
    if (error) {
        return policy_error("read back", policy, error);
    }
    return (xfrm_policy_equals(&present, policy)
            ? NULL
            : policy_error("get the kernel to keep", policy, EINVAL));
}

static char *
guard_add_wanted(const struct guard *guard, unsigned int *n_set)
{
    char *first = NULL;

    for (size_t i = 0; i < guard->n_wanted; i++) {
        keep_first(&first, put_policy(&guard->wanted[i], n_set));
    }
    return first;
}

static char *
guard_remove_unwanted(struct guard *guard, unsigned int *n_removed)
{
    char *first = NULL;

    for (size_t i = 0; i < guard->n_former; i++) {
        const struct xfrm_policy *policy = &guard->former[i];
        int error;

        if (guard_find_wanted(guard, policy)) {
            continue;
        }
        error = xfrm_policy_delete(policy);
        if (error) {
            keep_first(&first, policy_error("remove", policy, error));
        } else {
            ++*n_removed;
        }
    }
    if (!first) {
        guard->n_former = 0;
    }
    return first;
}

static void
guard_log_change(const struct guard *guard, unsigned int n_set,
                 unsigned int n_removed)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < guard->n_selectors; i++) {
        ds_put_cstr(&s, i ? ", " : "");
        format_selector(&s, &guard->selectors[i]);
    }
    if (guard->disturbed && n_set) {
        COVERAGE_INC(guard_mended);
        VLOG_WARN_RL(&rl, "somebody removed or changed XFRM policies of the "
                     "guard: %u put back", n_set);
    }
    VLOG_INFO_RL(&rl, "%u XFRM policies set, %u removed; never in clear: %s",
                 n_set, n_removed, s.length ? ds_cstr(&s) : "nothing");
    ds_destroy(&s);
}

/* Additions come before removals, and while one of them fails nothing is
 * removed, so that no packet finds a gap between what was and what will
 * be. */
static char *
guard_reconcile(struct guard *guard)
{
    unsigned int n_set = 0;
    unsigned int n_removed = 0;
    char *error;

    if (!guard->configured) {
        return NULL;
    }
    error = guard_add_wanted(guard, &n_set);
    guard->installed = !error;
    if (!error) {
        error = guard_scan(guard);
    }
    if (!error) {
        error = guard_remove_unwanted(guard, &n_removed);
    }
    if (n_set || n_removed) {
        guard_log_change(guard, n_set, n_removed);
    }
    return error;
}

/* Takes over 'error', in words, or null. */
static void
guard_set_error(struct guard *guard, char *error)
{
    if (error) {
        guard->backoff = (guard->backoff
                          ? MIN(2 * guard->backoff, GUARD_MAX_BACKOFF)
                          : GUARD_MIN_BACKOFF);
        guard->retry_at = time_msec() + guard->backoff;
    } else {
        guard->backoff = 0;
    }
    if (!nullable_string_is_equal(error, guard->error)) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

        if (error) {
            VLOG_WARN_RL(&rl, "%s", error);
        } else {
            VLOG_INFO_RL(&rl, "the guard works again");
        }
    }
    free(guard->error);
    guard->error = error;
}

static void
guard_attempt(struct guard *guard)
{
    char *error = guard_listen(guard);

    keep_first(&error, guard_reconcile(guard));
    guard_set_error(guard, error);
    guard->stale = false;
    guard->disturbed = false;
}

/* The life of a guard. */

/* Returns a new guard, which touches nothing until guard_set(). */
struct guard *
guard_create(void)
{
    struct guard *guard = xzalloc(sizeof *guard);

    guard->stale = true;
    hmap_init(&guard->wishes);
    ovs_list_init(&guard->queue);
    return guard;
}

/* Frees 'guard', which may be null.  The policies stay. */
void
guard_destroy(struct guard *guard)
{
    struct guard_acquire acquire;

    if (!guard) {
        return;
    }
    while (guard_recv(guard, &acquire)) {
        /* Only free it. */
    }
    hmap_destroy(&guard->wishes);
    xfrm_monitor_close(guard->monitor);
    free(guard->selectors);
    free(guard->wanted);
    free(guard->former);
    free(guard->error);
    free(guard);
}

/* Takes in what the kernel tells, for guard_recv(), and compares and changes
 * what it holds if there is reason to. */
void
guard_run(struct guard *guard)
{
    guard_receive(guard);
    if (guard->stale || (guard->error && time_msec() >= guard->retry_at)) {
        guard_attempt(guard);
    }
}

void
guard_wait(struct guard *guard)
{
    if (guard->stale || !ovs_list_is_empty(&guard->queue)) {
        poll_immediate_wake();
    }
    if (guard->monitor) {
        xfrm_monitor_wait(guard->monitor);
    }
    if (guard->error) {
        poll_timer_wait_until(guard->retry_at);
    }
}

/* Sorts the '*n' of 'selectors' and drops duplicates. */
static void
normalize_selectors(struct guard_selector *selectors, size_t *n)
{
    size_t n_unique = 0;

    if (*n) {
        qsort(selectors, *n, sizeof *selectors, compare_selectors);
    }
    for (size_t i = 0; i < *n; i++) {
        if (!n_unique
            || compare_selectors(&selectors[n_unique - 1], &selectors[i])) {
            selectors[n_unique++] = selectors[i];
        }
    }
    *n = n_unique;
}

static bool
guard_has_selectors(const struct guard *guard,
                    const struct guard_selector selectors[], size_t n)
{
    if (!guard->configured || n != guard->n_selectors) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (compare_selectors(&selectors[i], &guard->selectors[i])) {
            return false;
        }
    }
    return true;
}

static void
guard_make_wanted(struct guard *guard)
{
    free(guard->wanted);
    guard->n_wanted = GUARD_N_POLICIES * guard->n_selectors;
    guard->wanted = xcalloc(guard->n_wanted, sizeof *guard->wanted);
    for (size_t i = 0; i < guard->n_selectors; i++) {
        selector_policies(&guard->selectors[i],
                          &guard->wanted[GUARD_N_POLICIES * i]);
    }
}

/* From the next guard_run() on, the kernel should guard the 'n' of
 * 'selectors', in any order, and nothing else.  Repeating a wish costs
 * nothing. */
void
guard_set(struct guard *guard, const struct guard_selector selectors[],
          size_t n)
{
    struct guard_selector *copy
        = n ? xmemdup(selectors, n * sizeof *copy) : NULL;

    normalize_selectors(copy, &n);
    if (guard_has_selectors(guard, copy, n)) {
        free(copy);
        return;
    }
    for (size_t i = 0; i < guard->n_wanted; i++) {
        guard_add_former(guard, &guard->wanted[i]);
    }
    free(guard->selectors);
    guard->selectors = copy;
    guard->n_selectors = n;
    guard_make_wanted(guard);
    guard->configured = true;
    guard->installed = false;
    guard->stale = true;
    guard->backoff = 0;
}

/* Removes all policies of ours, now; other people's stay. */
void
guard_flush(struct guard *guard)
{
    guard_set(guard, NULL, 0);
    guard_run(guard);
}

/* Returns true when the kernel has what guard_set() asked for, as read back
 * and not contradicted since.  What could not be removed is an error only. */
bool
guard_is_installed(const struct guard *guard)
{
    return guard->installed && !guard->stale;
}

/* Returns what is wrong and what to do about it, or null.  The string is
 * good until the next guard_run(). */
const char *
guard_get_error(const struct guard *guard)
{
    return guard->error;
}
