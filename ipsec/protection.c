/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* What the guard is told, and when; see protection.h. */

#include <config.h>

#include "protection.h"

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"

#include "guard.h"
#include "guard-options.h"
#include "guard-plan.h"
#include "ike.h"
#include "drain.h"
#include "peer.h"
#include "transition.h"
#include "tunnel.h"

VLOG_DEFINE_THIS_MODULE(protection);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 60);

/* How often, in ms, we look whether all SAs are there that the guard waits
 * for: each look costs as much as there are tunnels. */
#define CHECK_INTERVAL 200

struct protection {
    struct guard *guard;
    struct guard_settings settings;
    char *error;                /* What is wrong with those, or null. */
    struct guard_plan *plan;
    struct transition transition;
    struct drain drain;
    long long int check_at;     /* ms. */
    struct sset unfinished;     /* As in struct protection_state. */
};

/* Both must outlive the protection. */
struct protection *
protection_create(struct guard *guard, struct ike *ike)
{
    const struct guard_options none = { .mode = GUARD_MODE_UNSET };
    struct protection *p = xzalloc(sizeof *p);

    p->guard = guard;
    p->plan = guard_plan_create(&none);
    transition_init(&p->transition, guard);
    drain_init(&p->drain, ike);
    sset_init(&p->unfinished);
    return p;
}

/* Frees 'p', which may be null.  What the guard has stays. */
void
protection_destroy(struct protection *p)
{
    if (p) {
        guard_plan_destroy(p->plan);
        transition_destroy(&p->transition);
        drain_destroy(&p->drain);
        sset_destroy(&p->unfinished);
        free(p->error);
        free(p);
    }
}

/* The pass. */

/* Begins a pass about all tunnels, because of new settings in 'other_config'
 * for one: every tunnel has to be added before protection_end().  Without this
 * only what has changed is added and removed. */
void
protection_restart(struct protection *p, const struct smap *other_config)
{
    char *error = guard_settings_parse(other_config, &p->settings);

    if (error && !nullable_string_is_equal(error, p->error)) {
        VLOG_WARN("%s; going on as if it were not set", error);
    }
    free(p->error);
    p->error = error;
    guard_plan_clear(p->plan, &p->settings.options);
    guard_plan_add_mark(p->plan, p->settings.mark, p->settings.mark_mask);
}

/* Adds 't', which asks for encryption. */
void
protection_add(struct protection *p, const struct tunnel *t)
{
    guard_plan_add(p->plan, t);
}

/* Takes 't' out, which has been added. */
void
protection_remove(struct protection *p, const struct tunnel *t)
{
    guard_plan_remove(p->plan, t);
}

/* Returns true if 't' still has SAs, with which packets leave. */
static bool
is_encrypted(const struct protection *p, const struct tunnel *t,
             const struct in6_addr *local, const struct peers *peers)
{
    const struct peer *peer = peers_find_address(peers, local, &t->remote);
    const struct child *child;
    struct ike_child_state state;

    if (!peer) {
        peer = drain_find_address(&p->drain, local, &t->remote);
    }
    child = (peer ? peer_find_carrier(peer, CHILD_OUT, t->type->proto, t->port)
             : NULL);
    return (child
            && !ike_get_child(p->drain.ike, peer->name, child->name, &state)
            && state.installed);
}

/* Takes all tunnels out that ask for no encryption: in each pass they are
 * stated anew. */
void
protection_clear_plain(struct protection *p)
{
    guard_plan_clear_plain(p->plan);
}

/* Adds 't', which asks for no encryption.  'flow': it has remote_ip=flow.
 * 'local' is the address its packets leave with.  'peers' are those of the
 * last pass. */
void
protection_add_plain(struct protection *p, const struct tunnel *t, bool flow,
                     const struct in6_addr *local, const struct peers *peers)
{
    guard_plan_add_plain(p->plan, t, flow,
                         is_encrypted(p, t, local, peers));
}

/* Warns of what is in 'new' and was not like this in 'old'. */
static void
warn_of_new(const struct shash *new, const struct shash *old)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, new) {
        if (!nullable_string_is_equal(node->data,
                                      shash_find_data(old, node->name))) {
            VLOG_WARN_RL(&rl, "%s: %s", node->name,
                         (const char *) node->data);
        }
    }
}

/* Ends a pass: tells the guard. */
void
protection_end(struct protection *p)
{
    bool was_deferred = transition_is_under_way(&p->transition);
    struct shash cut_off = SHASH_INITIALIZER(&cut_off);
    struct shash weakened = SHASH_INITIALIZER(&weakened);

    shash_swap(&p->plan->cut_off, &cut_off);
    shash_swap(&p->plan->weakened, &weakened);
    guard_plan_finish(p->plan, &p->transition,
                      time_msec() + p->settings.timeout);
    warn_of_new(&p->plan->cut_off, &cut_off);
    warn_of_new(&p->plan->weakened, &weakened);
    shash_destroy_free_data(&cut_off);
    shash_destroy_free_data(&weakened);
    guard_set(p->guard, p->plan->rules, p->plan->n_rules);

    if (!was_deferred && transition_is_under_way(&p->transition)) {
        VLOG_INFO("ipsec_transition=seamless: tunnels stay in clear until all "
                  "are encrypted, for %d s at most",
                  p->settings.timeout / 1000);
        p->check_at = time_msec() + CHECK_INTERVAL;
        sset_clear(&p->unfinished);
    }
}

/* Nobody wishes for 'peer' any more.  Returns true if it is kept for a while
 * all the same; otherwise the caller withdraws it. */
bool
protection_keeps(struct protection *p, const struct peer *peer)
{
    return (guard_plan_accepts(p->plan, &peer->remote)
            && drain_add(&p->drain, peer,
                          time_msec() + p->settings.timeout));
}

/* 'peer' is wished for. */
void
protection_wants(struct protection *p, const struct peer *peer)
{
    drain_forget(&p->drain, peer->name);
}

/* Nobody wishes for any peer, nor for one that is kept for a while. */
void
protection_stop(struct protection *p)
{
    drain_stop(&p->drain);
}

/* Between passes. */

/* Goes on with what takes time, and returns true if a pass is needed. */
bool
protection_run(struct protection *p)
{
    return drain_run(&p->drain, time_msec());
}

/* Wakes the poll loop when there is something for protection_run() or
 * protection_check(). */
void
protection_wait(const struct protection *p)
{
    drain_wait(&p->drain);
    if (transition_is_under_way(&p->transition)) {
        poll_timer_wait_until(p->check_at);
    }
}

/* Returns true if it is time to look at the tunnels: then the caller names
 * those without SAs by protection_note_down() and calls
 * protection_check(). */
bool
protection_check_is_due(const struct protection *p)
{
    return (time_msec() >= p->check_at
            && transition_is_under_way(&p->transition));
}

/* 't' has no SAs yet. */
void
protection_note_down(struct protection *p, const struct tunnel *t)
{
    struct guard_selector selectors[2];
    size_t n = tunnel_selectors(t, selectors);

    for (size_t i = 0; i < n; i++) {
        transition_note_down(&p->transition, &selectors[i], t->name);
    }
}

static void
log_end(const struct transition_selector *ts)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    guard_selector_format(&ts->selector, &ds);
    if (!ts->n_down) {
        VLOG_INFO("%s: all tunnels are encrypted, the guard goes up",
                  ds_cstr(&ds));
    } else {
        const char **names = sset_sort(&ts->down);
        size_t n = sset_count(&ts->down);

        ds_put_cstr(&ds, ": the time of ipsec_transition is over, the guard "
                    "goes up and cuts off what has no SAs: ");
        for (size_t i = 0; i < n; i++) {
            ds_put_format(&ds, "%s%s", i ? ", " : "", names[i]);
        }
        if (ts->n_down > n) {
            ds_put_format(&ds, " and %"PRIuSIZE" more", ts->n_down - n);
        }
        VLOG_WARN("%s", ds_cstr(&ds));
        free(names);
    }
    ds_destroy(&ds);
}

/* Ends 'ts' if nothing is left to wait for.  Returns true if it ended. */
static bool
check_selector(struct protection *p, struct transition_selector *ts,
               long long int now)
{
    const char *name;

    if (!ts->deferred || (ts->n_down && now < ts->deadline)) {
        return false;
    }
    log_end(ts);
    ts->deferred = false;
    SSET_FOR_EACH (name, &ts->down) {
        sset_add(&p->unfinished, name);
    }
    return true;
}

/* Ends a look at the tunnels.  Returns true if a pass is needed. */
bool
protection_check(struct protection *p)
{
    struct transition_selector *ts;
    long long int now = time_msec();
    bool ended = false;

    TRANSITION_FOR_EACH (ts, &p->transition) {
        ended |= check_selector(p, ts, now);
        transition_selector_clear_down(ts);
    }
    p->check_at = now + CHECK_INTERVAL;
    return ended;
}

/* Reading. */

static bool
is_deferred(const struct protection *p, const struct tunnel *t)
{
    struct guard_selector selectors[2];
    size_t n = tunnel_selectors(t, selectors);

    for (size_t i = 0; i < n; i++) {
        if (transition_has_deferred(&p->transition, &selectors[i])) {
            return true;
        }
    }
    return false;
}

/* Returns what becomes of packets of 't', which asks for encryption and has
 * been added, while it has no SAs. */
enum protection_kind
protection_of(const struct protection *p, const struct tunnel *t)
{
    return (!guard_plan_protects(p->plan, t) ? PROTECTION_OFF
            : is_deferred(p, t) ? PROTECTION_DEFERRED
            : PROTECTION_GUARD);
}

/* Returns true if the IKE daemon has to hold packets of 't', which asks for
 * encryption, because nothing else does: its owner wants no guard for it. */
bool
protection_needs_traps(const struct protection *p, const struct tunnel *t)
{
    return guard_plan_mode(p->plan, t) == GUARD_MODE_OFF;
}

/* Fills in '*state'. */
void
protection_get_state(const struct protection *p,
                     struct protection_state *state)
{
    *state = (struct protection_state) {
        .needed = !guard_plan_is_empty(p->plan),
        .error = p->error,
        .cut_off = &p->plan->cut_off,
        .weakened = &p->plan->weakened,
        .unfinished = &p->unfinished,
        .n_off = p->plan->n_off,
        .deferred = transition_is_under_way(&p->transition),
    };
}
