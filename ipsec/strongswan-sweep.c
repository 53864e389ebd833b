/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Sweeps leftovers of a dead charon out of the kernel; see
 * strongswan-sweep.h. */

#include <config.h>

#include "strongswan-sweep.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "hash.h"
#include "packets.h"
#include "simap.h"
#include "sset.h"
#include "util.h"

#include "peer.h"
#include "strongswan-sa.h"
#include "xfrm.h"

VLOG_DEFINE_THIS_MODULE(strongswan_sweep);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 60);

/* How long, in ms, peers are gathered before the kernel is read, so that many
 * cost one reading. */
#define GATHER_TIME 1000

/* How long, in ms, something in the kernel may be unknown to charon's list
 * because a negotiation is under way. */
#define SETTLE_TIME 3000

struct swept_peer {
    struct hmap_node node;      /* In struct strongswan_sweep's 'peers'. */
    struct peer *peer;
};

struct strongswan_sweep {
    struct hmap peers;          /* Contains "struct swept_peer"s. */
    long long int gather_until; /* ms; LLONG_MAX if there are none. */

    struct xfrm_sa *sas;        /* Candidates. */
    size_t n_sas;
    struct xfrm_policy *policies;
    size_t n_policies;
    long long int settle_until; /* ms; LLONG_MAX if there are none. */
};

/* Returns a sweep with nothing to do, which the caller owns. */
struct strongswan_sweep *
strongswan_sweep_create(void)
{
    struct strongswan_sweep *sweep = xzalloc(sizeof *sweep);

    hmap_init(&sweep->peers);
    sweep->gather_until = sweep->settle_until = LLONG_MAX;
    return sweep;
}

static void
clear_peers(struct strongswan_sweep *sweep)
{
    struct swept_peer *swept;

    HMAP_FOR_EACH_POP (swept, node, &sweep->peers) {
        peer_unref(swept->peer);
        free(swept);
    }
}

static void
clear_candidates(struct strongswan_sweep *sweep)
{
    free(sweep->sas);
    free(sweep->policies);
    sweep->sas = NULL;
    sweep->policies = NULL;
    sweep->n_sas = sweep->n_policies = 0;
    sweep->settle_until = LLONG_MAX;
}

/* Frees 'sweep', which may be null.  What it has not done stays undone. */
void
strongswan_sweep_destroy(struct strongswan_sweep *sweep)
{
    if (sweep) {
        clear_peers(sweep);
        clear_candidates(sweep);
        hmap_destroy(&sweep->peers);
        free(sweep);
    }
}

static uint32_t
hash_pair(const struct in6_addr *a, const struct in6_addr *b)
{
    return (hash_bytes(a, sizeof *a, 0) + hash_bytes(b, sizeof *b, 0));
}

/* Has 'sweep' look for leftovers of 'peer', which has come up or gone at
 * 'now', in ms.  Keeps a reference. */
void
strongswan_sweep_add(struct strongswan_sweep *sweep, const struct peer *peer,
                     long long int now)
{
    struct swept_peer *swept = xmalloc(sizeof *swept);

    swept->peer = peer_ref(peer);
    hmap_insert(&sweep->peers, &swept->node,
                hash_pair(&peer->local, &peer->remote));
    if (sweep->gather_until == LLONG_MAX) {
        sweep->gather_until = now + GATHER_TIME;
    }
}

static bool
is_pair(const struct peer *peer, const struct in6_addr *a,
        const struct in6_addr *b)
{
    return ((ipv6_addr_equals(a, &peer->local)
             && ipv6_addr_equals(b, &peer->remote))
            || (ipv6_addr_equals(a, &peer->remote)
                && ipv6_addr_equals(b, &peer->local)));
}

static bool
is_host_to_host(const struct xfrm_ts *ts)
{
    int plen = ts->family == AF_INET ? 32 : 128;

    return ts->src_plen == plen && ts->dst_plen == plen;
}

/* charon gives the SAs of transport mode the two hosts as selector. */
static bool
is_candidate_sa(const struct strongswan_sweep *sweep,
                const struct xfrm_sa *sa)
{
    const struct swept_peer *swept;

    if (sa->larval || sa->proto != IPPROTO_ESP || !is_host_to_host(&sa->ts)) {
        return false;
    }
    HMAP_FOR_EACH_WITH_HASH (swept, node, hash_pair(&sa->src, &sa->dst),
                             &sweep->peers) {
        if (is_pair(swept->peer, &sa->src, &sa->dst)) {
            return true;
        }
    }
    return false;
}

/* Returns true if 'ts' is that of a child of 'peer', in either direction.  One
 * for which charon keeps a trap is none to look at: charon took over the
 * policies of before, and lists them nowhere. */
static bool
is_childs(const struct peer *peer, const struct xfrm_ts *ts)
{
    for (size_t i = 0; i < peer->n_children; i++) {
        const struct child *child = &peer->children[i];

        if (ts->proto == child->proto && !child->trap
            && ((ts->src_port == child->port && !ts->dst_port)
                || (ts->dst_port == child->port && !ts->src_port))) {
            return true;
        }
    }
    return false;
}

static bool
is_candidate_policy(const struct strongswan_sweep *sweep,
                    const struct xfrm_policy *policy)
{
    const struct xfrm_ts *ts = &policy->ts;
    const struct swept_peer *swept;

    if (policy->template != XFRM_ESP_TRANSPORT || policy->block || ts->user
        || !is_host_to_host(ts)) {
        return false;
    }
    HMAP_FOR_EACH_WITH_HASH (swept, node, hash_pair(&ts->src, &ts->dst),
                             &sweep->peers) {
        if (is_pair(swept->peer, &ts->src, &ts->dst)
            && is_childs(swept->peer, ts)) {
            return true;
        }
    }
    return false;
}

static void
collect_sas(struct strongswan_sweep *sweep)
{
    int error = xfrm_sa_dump(&sweep->sas, &sweep->n_sas);
    size_t n = 0;

    if (error) {
        VLOG_WARN_RL(&rl, "cannot list the kernel's SAs: %s",
                     ovs_strerror(error));
        sweep->sas = NULL;
        sweep->n_sas = 0;
    }
    for (size_t i = 0; i < sweep->n_sas; i++) {
        if (is_candidate_sa(sweep, &sweep->sas[i])) {
            sweep->sas[n++] = sweep->sas[i];
        }
    }
    sweep->n_sas = n;
}

static void
collect_policies(struct strongswan_sweep *sweep)
{
    int error = xfrm_policy_dump(&sweep->policies, &sweep->n_policies);
    size_t n = 0;

    if (error) {
        VLOG_WARN_RL(&rl, "cannot list the kernel's XFRM policies: %s",
                     ovs_strerror(error));
        sweep->policies = NULL;
        sweep->n_policies = 0;
    }
    for (size_t i = 0; i < sweep->n_policies; i++) {
        if (is_candidate_policy(sweep, &sweep->policies[i])) {
            sweep->policies[n++] = sweep->policies[i];
        }
    }
    sweep->n_policies = n;
}

/* Does what is due at 'now', in ms.  Returns true if the caller should now get
 * a list of all of charon's SAs, anybody's, for strongswan_sweep_finish(). */
bool
strongswan_sweep_run(struct strongswan_sweep *sweep, long long int now)
{
    if (now >= sweep->settle_until) {
        sweep->settle_until = LLONG_MAX;
        return true;
    }
    if (now >= sweep->gather_until && !sweep->sas && !sweep->policies) {
        collect_sas(sweep);
        collect_policies(sweep);
        clear_peers(sweep);
        sweep->gather_until = LLONG_MAX;
        sweep->settle_until = now + SETTLE_TIME;
    }
    return false;
}

/* Wakes the poll loop when strongswan_sweep_run() has something to do. */
void
strongswan_sweep_wait(const struct strongswan_sweep *sweep)
{
    if (sweep->settle_until != LLONG_MAX) {
        poll_timer_wait_until(sweep->settle_until);
    } else if (sweep->gather_until != LLONG_MAX && !sweep->sas
               && !sweep->policies) {
        poll_timer_wait_until(sweep->gather_until);
    }
}

/* The list that strongswan_sweep_run() asked for is not going to come: has it
 * ask again, some time after 'now', in ms. */
void
strongswan_sweep_reset(struct strongswan_sweep *sweep, long long int now)
{
    if (sweep->sas || sweep->policies) {
        sweep->settle_until = now + SETTLE_TIME;
    }
}

static void
put_number(struct simap *set, uint32_t number)
{
    char text[9];

    snprintf(text, sizeof text, "%08"PRIx32, number);
    simap_put(set, text, 1);
}

static bool
has_number(const struct simap *set, uint32_t number)
{
    char text[9];

    snprintf(text, sizeof text, "%08"PRIx32, number);
    return simap_contains(set, text);
}

static void
note_listed(const struct strongswan_sas *listed, struct simap *spis,
            struct simap *reqids)
{
    for (size_t i = 0; i < listed->n; i++) {
        const struct strongswan_ike_sa *ike = listed->sas[i];

        for (size_t j = 0; j < ike->n_children; j++) {
            put_number(spis, ike->children[j].spi_in);
            put_number(spis, ike->children[j].spi_out);
            put_number(reqids, ike->children[j].reqid);
        }
    }
}

static void
report(size_t n_sas, size_t n_policies)
{
    if (n_sas || n_policies) {
        VLOG_INFO("took out of the kernel what an earlier charon had left: "
                  "%"PRIuSIZE" SAs, %"PRIuSIZE" policies",
                  n_sas, n_policies);
    }
}

/* Deletes the candidates that are not in 'listed', which are all of charon's
 * SAs. */
void
strongswan_sweep_finish(struct strongswan_sweep *sweep,
                        const struct strongswan_sas *listed)
{
    struct simap spis = SIMAP_INITIALIZER(&spis);
    struct simap reqids = SIMAP_INITIALIZER(&reqids);
    size_t n_sas = 0, n_policies = 0;

    note_listed(listed, &spis, &reqids);
    for (size_t i = 0; i < sweep->n_sas; i++) {
        if (!has_number(&spis, sweep->sas[i].spi)) {
            n_sas += !xfrm_sa_delete(&sweep->sas[i]);
        }
    }
    for (size_t i = 0; i < sweep->n_policies; i++) {
        if (!has_number(&reqids, sweep->policies[i].reqid)) {
            n_policies += !xfrm_policy_delete(&sweep->policies[i]);
        }
    }
    report(n_sas, n_policies);
    simap_destroy(&spis);
    simap_destroy(&reqids);
    clear_candidates(sweep);
}

/* Returns a word for the two hosts 'a' and 'b', whichever comes first.  The
 * caller frees it. */
char *
strongswan_sweep_pair(const struct in6_addr *a, const struct in6_addr *b)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool swap = memcmp(a, b, sizeof *a) > 0;

    ipv6_format_mapped(swap ? b : a, &ds);
    ds_put_char(&ds, ' ');
    ipv6_format_mapped(swap ? a : b, &ds);
    return ds_steal_cstr(&ds);
}

static bool
is_wanted(const struct sset *wanted, const struct in6_addr *a,
          const struct in6_addr *b)
{
    char *pair = strongswan_sweep_pair(a, b);
    bool found = sset_contains(wanted, pair);

    free(pair);
    return found;
}

/* The same while charon is away and cannot be asked: deletes the candidates of
 * the pairs of hosts that are not in 'wanted', which has words of
 * strongswan_sweep_pair().  Who turns encryption off because charon is broken
 * wants the traffic back. */
void
strongswan_sweep_finish_without(struct strongswan_sweep *sweep,
                                const struct sset *wanted)
{
    size_t n_sas = 0, n_policies = 0;

    for (size_t i = 0; i < sweep->n_sas; i++) {
        const struct xfrm_sa *sa = &sweep->sas[i];

        if (!is_wanted(wanted, &sa->src, &sa->dst)) {
            n_sas += !xfrm_sa_delete(sa);
        }
    }
    for (size_t i = 0; i < sweep->n_policies; i++) {
        const struct xfrm_policy *policy = &sweep->policies[i];

        if (!is_wanted(wanted, &policy->ts.src, &policy->ts.dst)) {
            n_policies += !xfrm_policy_delete(policy);
        }
    }
    report(n_sas, n_policies);
    clear_candidates(sweep);
}
