/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The XFRM policies that let no tunnel packet pass unencrypted; see guard.h.
 *
 * The kernel's table is read whole only at the start, to find what an earlier
 * run left and what other people have that beats the guard, and after events
 * were lost: it may hold tens of thousands of an IKE daemon's policies.
 * Otherwise each of ours is asked for by itself, when the kernel says that it
 * or everything has gone. */

#include <config.h>

#include "guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

#include "bypass.h"
#include "guard-queue.h"
#include "guard-store.h"
#include "xfrm.h"

VLOG_DEFINE_THIS_MODULE(guard);

COVERAGE_DEFINE(guard_mended);

#define GUARD_MAX_EVENTS 500            /* Taken in by one guard_run(). */
#define GUARD_MIN_BACKOFF 1000          /* In ms. */
#define GUARD_MAX_BACKOFF 60000
#define GUARD_STORE_PATIENCE 1000       /* In ms; for the disk. */
#define GUARD_SCAN_INTERVAL 5000        /* In ms, at least. */

/* A policy of ours, in the kernel or on its way in or out. */
struct guard_policy {
    struct hmap_node node;      /* In struct guard's 'policies'. */
    struct xfrm_policy policy;  /* As it should be, or was last seen. */
    bool wanted;
    bool present;               /* The kernel has it like this. */
};

struct guard {
    struct xfrm_monitor *monitor;       /* Null: could not be opened yet. */

    /* What should be. */
    struct guard_rule *rules;           /* Normalized. */
    size_t n_rules;
    bool configured;            /* guard_set() was called. */
    struct hmap policies;       /* Contains "struct guard_policy"s. */

    /* What is remembered on disk. */
    struct guard_store *store;  /* Null: nothing is. */
    struct guard_rule *stored;  /* What the store was told. */
    size_t n_stored;
    long long int store_deadline;       /* When we stop waiting for it, in ms
                                         * as time_msec(); 0: not waiting. */

    /* What earlier runs protected. */
    struct guard_selector *former;
    size_t n_former, allocated_former;

    /* What others have. */
    struct bypasses bypasses;
    bool scanned;               /* Since events were lost last. */
    long long int scan_at;      /* Not before, in ms as time_msec(). */

    bool installed;             /* All that is wanted is there. */
    bool stale;                 /* The kernel is to be compared. */
    bool disturbed;             /* Because it told us of a change. */
    bool missed_acquires;
    char *error;                /* In words, or null. */
    long long int retry_at;     /* If 'error', in ms as time_msec(). */
    long long int backoff;      /* In ms; 0: none yet. */

    struct guard_queue queue;   /* Acquires for guard_recv(). */
};

/* The set of policies. */

static uint32_t
hash_policy(const struct xfrm_policy *policy)
{
    const struct xfrm_ts *ts = &policy->ts;
    uint32_t hash = hash_bytes(&ts->src, sizeof ts->src, policy->dir);

    hash = hash_bytes(&ts->dst, sizeof ts->dst, hash);
    return hash_2words(hash, ts->proto << 16 | ts->dst_port);
}

/* Returns what we know of the policy with the identity of 'policy', or
 * null. */
static struct guard_policy *
guard_find(const struct guard *guard, const struct xfrm_policy *policy)
{
    struct guard_policy *gp;

    HMAP_FOR_EACH_WITH_HASH (gp, node, hash_policy(policy),
                             &guard->policies) {
        if (xfrm_policy_is_same(&gp->policy, policy)) {
            return gp;
        }
    }
    return NULL;
}

static struct guard_policy *
guard_add(struct guard *guard, const struct xfrm_policy *policy)
{
    struct guard_policy *gp = xzalloc(sizeof *gp);

    gp->policy = *policy;
    hmap_insert(&guard->policies, &gp->node, hash_policy(policy));
    return gp;
}

/* 'policy' is one of those that should be. */
static void
guard_want(struct guard *guard, const struct xfrm_policy *policy)
{
    struct guard_policy *gp = guard_find(guard, policy);

    if (!gp) {
        gp = guard_add(guard, policy);
    } else if (!xfrm_policy_equals(&gp->policy, policy)) {
        gp->policy = *policy;
        gp->present = false;
    }
    gp->wanted = true;
}

/* Acquires. */

/* Queues what the kernel asks for. */
static void
guard_queue_acquire(struct guard *guard, const struct xfrm_acquire *xa)
{
    const struct guard_acquire acquire = {
        .selector = guard_selector_of_policy(&xa->policy),
        .local = xa->src,
        .remote = xa->dst,
    };

    if (!guard_queue_push(&guard->queue, &acquire)) {
        guard->missed_acquires = true;
    }
}

/* Takes the oldest acquire that came from one of our policies into
 * '*acquire'.  Returns false if there is none.  An acquire may be lost when
 * very many come, which guard_missed_acquires() tells, so that it says who is
 * in a hurry, not who is to have an SA. */
bool
guard_recv(struct guard *guard, struct guard_acquire *acquire)
{
    return guard_queue_pop(&guard->queue, acquire);
}

/* Returns true, once, if acquires may have been lost since the last call. */
bool
guard_missed_acquires(struct guard *guard)
{
    bool missed = guard->missed_acquires;

    guard->missed_acquires = false;
    return missed;
}

/* What the kernel tells. */

/* Somebody, or we, did something to 'gp' or to a wanted policy. */
static void
guard_disturb(struct guard *guard, struct guard_policy *gp)
{
    gp->present = false;
    if (gp->wanted) {
        guard->stale = true;
        guard->disturbed = true;
    }
}

static void
guard_disturb_all(struct guard *guard)
{
    struct guard_policy *gp;

    HMAP_FOR_EACH (gp, node, &guard->policies) {
        guard_disturb(guard, gp);
    }
}

/* A policy was set to 'policy'; if it is one of ours, most often by us.  While
 * there is an error that may be because the kernel makes something else of
 * what we set, over and over, so that is left to the next try. */
static void
guard_note_set(struct guard *guard, const struct xfrm_policy *policy)
{
    if (policy->ts.user != GUARD_USER) {
        bypasses_note(&guard->bypasses, policy);
        return;
    }

    struct guard_policy *gp = guard_find(guard, policy);
    if (!gp || xfrm_policy_equals(policy, &gp->policy)) {
        return;
    }
    if (guard->error) {
        gp->present = false;
    } else {
        guard_disturb(guard, gp);
    }
}

static void
guard_note_deleted(struct guard *guard, const struct xfrm_policy *policy)
{
    if (policy->ts.user != GUARD_USER) {
        bypasses_remove(&guard->bypasses, policy);
        return;
    }

    struct guard_policy *gp = guard_find(guard, policy);
    if (gp) {
        guard_disturb(guard, gp);
    }
}

static void
guard_note_lost(struct guard *guard)
{
    guard_disturb_all(guard);
    guard->scanned = false;
    guard->stale = true;
    guard->missed_acquires = true;
}

static void
guard_handle_event(struct guard *guard, const struct xfrm_event *event)
{
    switch (event->type) {
    case XFRM_ACQUIRE:
        if (guard_owns(&event->acquire.policy)) {
            guard_queue_acquire(guard, &event->acquire);
        }
        break;
    case XFRM_POLICY_SET:
        guard_note_set(guard, &event->policy);
        break;
    case XFRM_POLICY_DELETED:
        guard_note_deleted(guard, &event->policy);
        break;
    case XFRM_POLICIES_FLUSHED:
        guard_disturb_all(guard);
        bypasses_clear(&guard->bypasses);
        break;
    case XFRM_LOST:
        guard_note_lost(guard);
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
    const struct guard_selector selector = guard_selector_of_policy(policy);
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "cannot %s the XFRM policy that guards ", what);
    guard_selector_format(&selector, &s);
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
guard_add_former(struct guard *guard, const struct guard_selector *s)
{
    if (guard_was_guarded(guard, s)) {
        return;
    }
    if (guard->n_former >= guard->allocated_former) {
        guard->former = x2nrealloc(guard->former, &guard->allocated_former,
                                   sizeof *guard->former);
    }
    guard->former[guard->n_former++] = *s;
}

static void
guard_scan_policy(struct guard *guard, const struct xfrm_policy *policy)
{
    if (policy->ts.user != GUARD_USER) {
        bypasses_note(&guard->bypasses, policy);
    } else if (!guard_find(guard, policy)) {
        guard_add(guard, policy);
        if (policy->block && policy->dir == XFRM_IN && !guard->configured) {
            struct guard_selector s = guard_selector_of_policy(policy);

            guard_add_former(guard, &s);
        }
    }
}

/* Finds what earlier runs left and what others have. */
static char *
guard_scan(struct guard *guard)
{
    struct xfrm_policy *policies;
    size_t n;
    int error;

    if (guard->scanned || time_msec() < guard->scan_at) {
        return NULL;
    }
    error = xfrm_policy_dump(&policies, &n);
    if (error) {
        return xasprintf("cannot list XFRM policies: %s%s",
                         ovs_strerror(error), error_hint(error));
    }
    bypasses_clear(&guard->bypasses);
    for (size_t i = 0; i < n; i++) {
        guard_scan_policy(guard, &policies[i]);
    }
    free(policies);
    guard->scanned = true;
    guard->scan_at = time_msec() + GUARD_SCAN_INTERVAL;
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
    struct guard_policy *gp;
    char *first = NULL;

    HMAP_FOR_EACH (gp, node, &guard->policies) {
        if (gp->wanted && !gp->present) {
            char *error = put_policy(&gp->policy, n_set);

            gp->present = !error;
            keep_first(&first, error);
        }
    }
    return first;
}

static char *
guard_remove_unwanted(struct guard *guard, unsigned int *n_removed)
{
    struct guard_policy *gp;
    char *first = NULL;

    HMAP_FOR_EACH_SAFE (gp, node, &guard->policies) {
        if (gp->wanted) {
            continue;
        }
        int error = xfrm_policy_delete(&gp->policy);
        if (error) {
            keep_first(&first, policy_error("remove", &gp->policy, error));
        } else {
            ++*n_removed;
            hmap_remove(&guard->policies, &gp->node);
            free(gp);
        }
    }
    return first;
}

static void
guard_log_change(const struct guard *guard, unsigned int n_set,
                 unsigned int n_removed)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);
    struct ds s = DS_EMPTY_INITIALIZER;

    if (guard->disturbed && n_set) {
        COVERAGE_INC(guard_mended);
        VLOG_WARN_RL(&rl, "somebody removed or changed XFRM policies of the "
                     "guard: %u put back", n_set);
    }
    guard_rules_describe(guard->rules, guard->n_rules, &s);
    VLOG_INFO_RL(&rl, "%u XFRM policies set, %u removed; never in clear: %s",
                 n_set, n_removed, ds_cstr(&s));
    ds_destroy(&s);
}

/* What is on disk. */

/* Has the store hold 'rules', which it takes over. */
static void
guard_remember(struct guard *guard, struct guard_rule *rules, size_t n)
{
    if (guard_rules_equal(rules, n, guard->stored, guard->n_stored)) {
        free(rules);
        return;
    }
    free(guard->stored);
    guard->stored = rules;
    guard->n_stored = n;
    guard_store_set(guard->store, rules, n);
}

/* Has the store hold the rules of now beside what it holds already, and
 * returns true when that is on disk.  A disk that fails or is slow must not
 * keep a host unprotected: then it is true all the same. */
static bool
guard_remember_more(struct guard *guard)
{
    if (!guard->store || !guard->n_rules) {
        return true;
    }
    if (!guard->store_deadline) {
        size_t n = guard->n_rules + guard->n_stored;
        struct guard_rule *all = xcalloc(n, sizeof *all);

        memcpy(all, guard->rules, guard->n_rules * sizeof *all);
        if (guard->n_stored) {
            memcpy(all + guard->n_rules, guard->stored,
                   guard->n_stored * sizeof *all);
        }
        guard_rules_normalize(all, &n);
        guard_remember(guard, all, n);
        guard->store_deadline = time_msec() + GUARD_STORE_PATIENCE;
    }
    return (guard_store_is_settled(guard->store)
            || time_msec() >= guard->store_deadline);
}

/* Has the store hold the rules of now and no others. */
static void
guard_remember_less(struct guard *guard)
{
    if (guard->store) {
        guard_remember(guard,
                       (guard->n_rules
                        ? xmemdup(guard->rules,
                                  guard->n_rules * sizeof *guard->rules)
                        : NULL),
                       guard->n_rules);
    }
}

static void
guard_recall(struct guard *guard, const char *path)
{
    char *error = guard_store_read(path, &guard->stored, &guard->n_stored);

    if (error) {
        VLOG_WARN("%s", error);
        free(error);
    }
    for (size_t i = 0; i < guard->n_stored; i++) {
        if (guard->stored[i].action == GUARD_PROTECT) {
            guard_add_former(guard, &guard->stored[i].selector);
        }
    }
}

/* Additions come before removals, and while one of them fails nothing is
 * removed, so that no packet finds a gap between what was and what will
 * be. */
static char *
guard_reconcile(struct guard *guard)
{
    unsigned int n_set = 0;
    unsigned int n_removed = 0;
    char *error = NULL;

    if (guard->configured) {
        error = guard_add_wanted(guard, &n_set);
        guard->installed = !error;
    }
    if (!error) {
        error = guard_scan(guard);
    }
    if (!error && guard->configured) {
        error = guard_remove_unwanted(guard, &n_removed);
    }
    if (!error && guard->configured) {
        guard_remember_less(guard);
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
    char *error;

    if (guard->configured && !guard_remember_more(guard)) {
        return;
    }
    guard->store_deadline = 0;
    error = guard_listen(guard);
    keep_first(&error, guard_reconcile(guard));
    guard_set_error(guard, error);
    guard->stale = false;
    guard->disturbed = false;
}

/* The life of a guard. */

/* Returns a new guard, which touches nothing until guard_set().  It remembers
 * in file 'store' what is protected, unless that is null.  A store starts a
 * thread, so this must come after daemonize_start(). */
struct guard *
guard_create(const char *store)
{
    struct guard *guard = xzalloc(sizeof *guard);

    guard->stale = true;
    hmap_init(&guard->policies);
    bypasses_init(&guard->bypasses);
    guard_queue_init(&guard->queue);
    if (store) {
        guard_recall(guard, store);
        guard->store = guard_store_open(store);
    }
    return guard;
}

/* Frees 'guard', which may be null.  The policies stay. */
void
guard_destroy(struct guard *guard)
{
    struct guard_policy *gp;

    if (!guard) {
        return;
    }
    guard_queue_destroy(&guard->queue);
    HMAP_FOR_EACH_POP (gp, node, &guard->policies) {
        free(gp);
    }
    hmap_destroy(&guard->policies);
    bypasses_destroy(&guard->bypasses);
    xfrm_monitor_close(guard->monitor);
    guard_store_close(guard->store);
    free(guard->stored);
    free(guard->former);
    free(guard->rules);
    free(guard->error);
    free(guard);
}

/* Takes in what the kernel tells, for guard_recv(), and compares and changes
 * what it holds if there is reason to. */
void
guard_run(struct guard *guard)
{
    if (guard->store) {
        guard_store_run(guard->store);
    }
    guard_receive(guard);
    if (guard->stale || (guard->error && time_msec() >= guard->retry_at)
        || (!guard->scanned && time_msec() >= guard->scan_at)) {
        guard_attempt(guard);
    }
}

/* Wakes the poll loop when there is something for guard_run(). */
void
guard_wait(struct guard *guard)
{
    if (guard->store) {
        guard_store_wait(guard->store);
    }
    if (guard->store_deadline) {
        poll_timer_wait_until(guard->store_deadline);
    } else if (guard->stale) {
        poll_immediate_wake();
    }
    if (!guard_queue_is_empty(&guard->queue)) {
        poll_immediate_wake();
    }
    if (guard->monitor) {
        xfrm_monitor_wait(guard->monitor);
    }
    if (guard->error) {
        poll_timer_wait_until(guard->retry_at);
    } else if (!guard->scanned) {
        poll_timer_wait_until(guard->scan_at);
    }
}

static void
guard_make_wanted(struct guard *guard)
{
    struct xfrm_policy policies[GUARD_N_POLICIES];
    struct guard_policy *gp;

    HMAP_FOR_EACH (gp, node, &guard->policies) {
        gp->wanted = false;
    }
    for (size_t i = 0; i < guard->n_rules; i++) {
        size_t n = guard_rule_policies(&guard->rules[i], policies);

        for (size_t j = 0; j < n; j++) {
            guard_want(guard, &policies[j]);
        }
    }
}

/* From the next guard_run() on, the kernel should hold the policies of the 'n'
 * of 'rules', in any order, and no others of ours.  Repeating a wish costs
 * nothing. */
void
guard_set(struct guard *guard, const struct guard_rule rules[], size_t n)
{
    struct guard_rule *copy = n ? xmemdup(rules, n * sizeof *copy) : NULL;

    guard_rules_normalize(copy, &n);
    if (guard->configured
        && guard_rules_equal(copy, n, guard->rules, guard->n_rules)) {
        free(copy);
        return;
    }
    free(guard->rules);
    guard->rules = copy;
    guard->n_rules = n;
    guard_make_wanted(guard);
    guard->configured = true;
    guard->installed = false;
    guard->stale = true;
    guard->store_deadline = 0;
    guard->backoff = 0;
}

/* Removes all policies of ours, now; other people's stay. */
void
guard_flush(struct guard *guard)
{
    guard_set(guard, NULL, 0);
    guard_run(guard);
}

/* Puts back the policies of what file 'store' remembers, and counts its rules
 * in '*n'; nothing is taken away, and without a file nothing is touched.  For
 * a program that does nothing else: it blocks.  Returns null, or the first
 * thing that went wrong, in words, which the caller frees; all that could be
 * put back is there all the same. */
char *
guard_restore(const char *store, size_t *n)
{
    struct guard_rule *rules;
    unsigned int n_set = 0;
    char *error = guard_store_read(store, &rules, n);

    for (size_t i = 0; i < *n; i++) {
        struct xfrm_policy policies[GUARD_N_POLICIES];

        size_t n_policies = guard_rule_policies(&rules[i], policies);

        for (size_t j = 0; j < n_policies; j++) {
            keep_first(&error, put_policy(&policies[j], &n_set));
        }
    }
    free(rules);
    return error;
}

/* Returns true when the kernel has what guard_set() asked for, as read back
 * and not contradicted since.  What could not be removed is an error only. */
bool
guard_is_installed(const struct guard *guard)
{
    return guard->installed && !guard->stale;
}

/* Returns true if an earlier run of the daemon protected 's', all of it or
 * some addresses. */
bool
guard_was_guarded(const struct guard *guard, const struct guard_selector *s)
{
    for (size_t i = 0; i < guard->n_former; i++) {
        if (!guard_selector_compare(&guard->former[i], s)) {
            return true;
        }
    }
    return false;
}

/* Returns what other people have that beats the guard, as of the last
 * guard_run(). */
const struct bypasses *
guard_get_bypasses(const struct guard *guard)
{
    return &guard->bypasses;
}

/* Returns what is wrong and what to do about it, or null.  The string is
 * good until the next guard_run(). */
const char *
guard_get_error(const struct guard *guard)
{
    return (guard->error ? guard->error
            : guard->store ? guard_store_get_error(guard->store)
            : NULL);
}

/* Returns true if 'policy', from the kernel, is one of the guard's. */
bool
guard_owns(const struct xfrm_policy *policy)
{
    return policy->ts.user == GUARD_USER;
}
