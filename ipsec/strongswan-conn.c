/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The connections of the strongSwan back end; see strongswan-conn.h. */

#include <config.h>

#include "strongswan-conn.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "hash.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

#include "peer.h"
#include "secret.h"

/* How many negotiations at once. */
#define MAX_INITIATING 64

/* Makes 'conns' an empty set. */
void
strongswan_conns_init(struct strongswan_conns *conns)
{
    memset(conns, 0, sizeof *conns);
    hmap_init(&conns->by_name);
    hmap_init(&conns->by_pair);
    ovs_list_init(&conns->todo);
    ovs_list_init(&conns->file_waiters);
    ovs_list_init(&conns->unwritten);
    ovs_list_init(&conns->starters);
    ovs_list_init(&conns->suspects);
    heap_init(&conns->timers);
}

/* Frees what is in 'conns'. */
void
strongswan_conns_uninit(struct strongswan_conns *conns)
{
    struct strongswan_conn *conn;

    HMAP_FOR_EACH_SAFE (conn, node, &conns->by_name) {
        strongswan_conn_destroy(conns, conn);
    }
    hmap_destroy(&conns->by_name);
    hmap_destroy(&conns->by_pair);
    heap_destroy(&conns->timers);
}

/* Returns the connection called 'name', or null. */
struct strongswan_conn *
strongswan_conn_find(const struct strongswan_conns *conns, const char *name)
{
    struct strongswan_conn *conn;

    HMAP_FOR_EACH_WITH_HASH (conn, node, hash_string(name, 0),
                             &conns->by_name) {
        if (!strcmp(conn->name, name)) {
            return conn;
        }
    }
    return NULL;
}

/* Returns the connection called 'name'.  If there is none, that is because
 * nobody wishes for it, and it is put on the way to removal. */
struct strongswan_conn *
strongswan_conn_get(struct strongswan_conns *conns, const char *name)
{
    struct strongswan_conn *conn = strongswan_conn_find(conns, name);

    if (!conn) {
        size_t size = strlen(name) + 1;

        conn = xzalloc(sizeof *conn + size);
        memcpy(conn->name, name, size);
        sset_init(&conn->old_children);
        strongswan_sas_init(&conn->sas);
        ovs_list_init(&conn->todo);
        ovs_list_init(&conn->unwritten);
        ovs_list_init(&conn->starter);
        ovs_list_init(&conn->suspect);
        hmap_insert(&conns->by_name, &conn->node, hash_string(name, 0));
        conns->n_removing++;
        strongswan_conn_touch(conns, conn);
    }
    return conn;
}

/* Notes that charon has secret 'psk' for 'conn'; null: none. */
void
strongswan_conn_set_psk(struct strongswan_conn *conn, const char *psk)
{
    secret_free(conn->loaded_psk);
    conn->loaded_psk = nullable_xstrdup(psk);
}

/* Notes whether 'conn' has a negotiation of ours under way. */
void
strongswan_conn_set_initiating(struct strongswan_conns *conns,
                               struct strongswan_conn *conn, bool initiating)
{
    conns->n_initiating += initiating - conn->initiating;
    conn->initiating = initiating;
}

static uint32_t
hash_pair(const struct in6_addr *local, const struct in6_addr *remote)
{
    return hash_bytes(remote, sizeof *remote,
                      hash_bytes(local, sizeof *local, 0));
}

static void
forget_pair(struct strongswan_conns *conns, struct strongswan_conn *conn)
{
    if (conn->has_pair) {
        hmap_remove(&conns->by_pair, &conn->pair_node);
        conn->has_pair = false;
    }
}

/* Notes between which hosts 'conn' is. */
void
strongswan_conn_set_pair(struct strongswan_conns *conns,
                         struct strongswan_conn *conn,
                         const struct in6_addr *local,
                         const struct in6_addr *remote)
{
    forget_pair(conns, conn);
    conn->local = *local;
    conn->remote = *remote;
    hmap_insert(&conns->by_pair, &conn->pair_node, hash_pair(local, remote));
    conn->has_pair = true;
}

#define FOR_EACH_OF_PAIR(CONN, LOCAL, REMOTE, CONNS)                    \
    HMAP_FOR_EACH_WITH_HASH (CONN, pair_node, hash_pair(LOCAL, REMOTE), \
                             &(CONNS)->by_pair)                         \
        if (ipv6_addr_equals(&(CONN)->local, LOCAL)                     \
            && ipv6_addr_equals(&(CONN)->remote, REMOTE))

/* Returns the connection that is wished for between 'local' and 'remote', or
 * null. */
struct strongswan_conn *
strongswan_conn_between(const struct strongswan_conns *conns,
                        const struct in6_addr *local,
                        const struct in6_addr *remote)
{
    struct strongswan_conn *conn;

    FOR_EACH_OF_PAIR (conn, local, remote, conns) {
        if (conn->wish) {
            return conn;
        }
    }
    return NULL;
}

/* Returns the connection that is wished for between the hosts of 'conn', for
 * which there is no wish, or null. */
struct strongswan_conn *
strongswan_conn_successor(const struct strongswan_conns *conns,
                          const struct strongswan_conn *conn)
{
    return (conn->has_pair
            ? strongswan_conn_between(conns, &conn->local, &conn->remote)
            : NULL);
}

/* Returns a connection between the hosts of 'conn' of which there are or may
 * be SAs, but no wish, or null. */
struct strongswan_conn *
strongswan_conn_predecessor(const struct strongswan_conns *conns,
                            const struct strongswan_conn *conn)
{
    struct strongswan_conn *other;

    FOR_EACH_OF_PAIR (other, &conn->local, &conn->remote, conns) {
        if (!other->wish && other != conn
            && (other->sas.n || !other->sas_known)) {
            return other;
        }
    }
    return NULL;
}

/* Has the connections looked at that wait for 'conn' to take their place. */
void
strongswan_conn_touch_predecessors(struct strongswan_conns *conns,
                                   const struct strongswan_conn *conn)
{
    struct strongswan_conn *other;

    if (!conn->has_pair) {
        return;
    }
    FOR_EACH_OF_PAIR (other, &conn->local, &conn->remote, conns) {
        if (!other->wish && other != conn) {
            strongswan_conn_touch(conns, other);
        }
    }
}

static void
set_counted(size_t *n, bool *counted, bool count)
{
    *n += count - *counted;
    *counted = count;
}

/* Notes how far charon is with loading 'conn'. */
void
strongswan_conn_set_load(struct strongswan_conns *conns,
                         struct strongswan_conn *conn,
                         enum strongswan_load load)
{
    conn->load = load;
    set_counted(&conns->n_loading, &conn->counted_loading,
                load == STRONGSWAN_LOADING);
}

/* Brings 'n_loaded' and 'n_up' up to date with what 'conn' is now. */
void
strongswan_conn_count(struct strongswan_conns *conns,
                      struct strongswan_conn *conn)
{
    set_counted(&conns->n_loaded, &conn->counted_loaded,
                conn->wish && conn->load == STRONGSWAN_LOADED
                && !conn->changed);
    set_counted(&conns->n_up, &conn->counted_up, conn->wish && conn->up);
}

/* Takes 'conn' out of 'conns' and frees it. */
void
strongswan_conn_destroy(struct strongswan_conns *conns,
                        struct strongswan_conn *conn)
{
    strongswan_conn_cancel_timer(conns, conn);
    strongswan_conn_set_initiating(conns, conn, false);
    if (!conn->wish) {
        conns->n_removing--;
    }
    forget_pair(conns, conn);
    set_counted(&conns->n_loading, &conn->counted_loading, false);
    set_counted(&conns->n_loaded, &conn->counted_loaded, false);
    set_counted(&conns->n_up, &conn->counted_up, false);
    hmap_remove(&conns->by_name, &conn->node);
    ovs_list_remove(&conn->todo);
    ovs_list_remove(&conn->unwritten);
    ovs_list_remove(&conn->starter);
    ovs_list_remove(&conn->suspect);
    strongswan_sas_uninit(&conn->sas);
    peer_unref(conn->wish);
    peer_unref(conn->gone);
    sset_destroy(&conn->old_children);
    strongswan_conn_set_psk(conn, NULL);
    free(conn->error);
    free(conn->last_error);
    free(conn);
}

/* charon is gone, and with it what it knew of 'conn'. */
void
strongswan_conn_reset(struct strongswan_conns *conns,
                      struct strongswan_conn *conn)
{
    strongswan_conn_cancel_timer(conns, conn);
    strongswan_conn_set_initiating(conns, conn, false);
    strongswan_sas_clear(&conn->sas);
    conn->sas_known = false;
    strongswan_conn_set_load(conns, conn, STRONGSWAN_UNLOADED);
    conn->up = false;
    conn->sending_since = conn->begun_for_peer = 0;
    conn->query = STRONGSWAN_QUERY_IDLE;
    conn->changed = true;
    conn->removal = STRONGSWAN_KEPT;
    conn->check_kernel = false;
    conn->mended = conn->n_unheard = 0;
    memset(&conn->attempt, 0, sizeof conn->attempt);
    conn->told = false;
    sset_clear(&conn->old_children);
    strongswan_conn_set_psk(conn, NULL);
    strongswan_conn_count(conns, conn);
    strongswan_conn_touch(conns, conn);
}

/* Lets go of the wish of 'conn' for 'peer', which equals it and which others
 * have as well. */
void
strongswan_conn_renew_wish(struct strongswan_conn *conn,
                           const struct peer *peer)
{
    struct peer *old = conn->wish;

    conn->wish = peer_ref(peer);
    peer_unref(old);
}

static void
note_old_children(struct strongswan_conn *conn, const struct peer *old,
                  const struct peer *new)
{
    for (size_t i = 0; i < old->n_children; i++) {
        const char *name = old->children[i].name;

        if (!peer_find_child_named(new, name)) {
            sset_add(&conn->old_children, name);
        }
    }
    for (size_t i = 0; i < new->n_children; i++) {
        sset_find_and_delete(&conn->old_children, new->children[i].name);
    }
}

/* From now on 'conn' should be as 'peer', to which it keeps a reference, or
 * gone if 'peer' is null. */
void
strongswan_conn_set_wish(struct strongswan_conns *conns,
                         struct strongswan_conn *conn,
                         const struct peer *peer)
{
    struct peer *old = conn->wish;

    conns->n_removing += !peer - !old;
    if (peer && conn->told) {
        note_old_children(conn, old ? old : conn->gone, peer);
    }
    peer_unref(conn->gone);
    conn->gone = NULL;
    conn->removal = STRONGSWAN_KEPT;
    conn->remove_by = 0;
    if (peer) {
        conn->wish = peer_ref(peer);
        conn->changed = true;
        peer_unref(old);
        strongswan_conn_set_pair(conns, conn, &peer->local, &peer->remote);
        ovs_list_remove(&conn->unwritten);
        ovs_list_push_back(&conns->unwritten, &conn->unwritten);
    } else {
        ovs_list_remove(&conn->unwritten);
        ovs_list_init(&conn->unwritten);
        conn->wish = NULL;
        conn->gone = old;
    }
    conn->up = false;
    conn->sending_since = conn->begun_for_peer = 0;
    strongswan_conn_count(conns, conn);
    strongswan_conn_touch(conns, conn);
    strongswan_conn_touch_predecessors(conns, conn);
}

/* Notes what is wrong with 'conn', or null. */
void
strongswan_conn_set_error(struct strongswan_conn *conn, const char *error)
{
    if (!nullable_string_is_equal(conn->error, error)) {
        free(conn->error);
        conn->error = nullable_xstrdup(error);
    }
    if (error) {
        if (!nullable_string_is_equal(conn->last_error, error)) {
            free(conn->last_error);
            conn->last_error = xstrdup(error);
        }
        conn->last_error_at = time_wall();
    }
}

/* Returns what to call 'conn' in messages: its name says nothing to
 * people. */
const char *
strongswan_conn_label(const struct strongswan_conn *conn)
{
    return conn->wish ? conn->wish->tunnel : conn->name;
}

/* Has 'conn' looked at soon. */
void
strongswan_conn_touch(struct strongswan_conns *conns,
                      struct strongswan_conn *conn)
{
    ovs_list_remove(&conn->todo);
    ovs_list_push_back(&conns->todo, &conn->todo);
}

/* Has 'conn' looked at before the others. */
void
strongswan_conn_touch_first(struct strongswan_conns *conns,
                            struct strongswan_conn *conn)
{
    ovs_list_remove(&conn->todo);
    ovs_list_push_front(&conns->todo, &conn->todo);
}

/* Has 'conn' looked at when its file has been written and charon has less to
 * load. */
void
strongswan_conn_wait_for_file(struct strongswan_conns *conns,
                              struct strongswan_conn *conn)
{
    ovs_list_remove(&conn->todo);
    ovs_list_push_back(&conns->file_waiters, &conn->todo);
}

/* Has charon asked soon for the SAs of 'conn'. */
void
strongswan_conn_want_query(struct strongswan_conns *conns,
                           struct strongswan_conn *conn)
{
    if (conn->query == STRONGSWAN_QUERY_RUNNING) {
        conn->query = STRONGSWAN_QUERY_AGAIN;
    } else if (conn->query == STRONGSWAN_QUERY_IDLE) {
        conn->query = STRONGSWAN_QUERY_WANTED;
    }
    strongswan_conn_touch(conns, conn);
}

/* Returns true if 'conn' may start negotiating now.  charon takes longer for
 * each the more there are, so the others get their turn when one of these has
 * come to an end, those for which traffic is waiting first.  Nor should it
 * compute keys for one while it has many others to load. */
bool
strongswan_conn_may_start(struct strongswan_conns *conns,
                          struct strongswan_conn *conn)
{
    size_t max = conn->attempt.hurry ? 2 * MAX_INITIATING : MAX_INITIATING;

    ovs_list_remove(&conn->starter);
    ovs_list_init(&conn->starter);
    if (conn->initiating
        || (conns->n_initiating < max
            && (conn->attempt.hurry || !conns->quiet))) {
        return true;
    }
    if (conn->attempt.hurry) {
        ovs_list_push_front(&conns->starters, &conn->starter);
    } else {
        ovs_list_push_back(&conns->starters, &conn->starter);
    }
    return false;
}

/* Returns true if as many negotiations as may be are under way. */
bool
strongswan_conns_are_busy(const struct strongswan_conns *conns)
{
    return conns->n_initiating >= MAX_INITIATING;
}

static bool
starter_is_due(const struct strongswan_conns *conns)
{
    return (!conns->quiet && conns->n_initiating < MAX_INITIATING
            && !ovs_list_is_empty(&conns->starters));
}

/* Has as many connections looked at as may start negotiating. */
static void
run_starters(struct strongswan_conns *conns)
{
    for (size_t n = conns->n_initiating;
         !conns->quiet && n < MAX_INITIATING
         && !ovs_list_is_empty(&conns->starters); n++) {
        struct strongswan_conn *conn = CONTAINER_OF(
            ovs_list_pop_front(&conns->starters), struct strongswan_conn,
            starter);

        ovs_list_init(&conn->starter);
        strongswan_conn_touch(conns, conn);
    }
}

/* Has the kernel asked for the SAs of 'conn' when charon has been asked for
 * them at 'until', in ms, which is not before that of an earlier one. */
void
strongswan_conn_suspect(struct strongswan_conns *conns,
                        struct strongswan_conn *conn, long long int until)
{
    if (ovs_list_is_empty(&conn->suspect)) {
        ovs_list_push_back(&conns->suspects, &conn->suspect);
        conn->suspect_until = until;
    }
}

static struct strongswan_conn *
first_suspect(const struct strongswan_conns *conns)
{
    return (ovs_list_is_empty(&conns->suspects)
            ? NULL
            : CONTAINER_OF(ovs_list_front(&conns->suspects),
                           struct strongswan_conn, suspect));
}

/* Has charon asked for the SAs of the suspects whose time has come by 'now',
 * in ms. */
void
strongswan_conns_run_suspects(struct strongswan_conns *conns,
                              long long int now)
{
    struct strongswan_conn *conn;

    while ((conn = first_suspect(conns)) && conn->suspect_until <= now) {
        ovs_list_remove(&conn->suspect);
        ovs_list_init(&conn->suspect);
        conn->check_kernel = true;
        strongswan_conn_want_query(conns, conn);
    }
}

/* Wakes the poll loop when strongswan_conns_run_suspects() has something to
 * do. */
void
strongswan_conns_wait_suspects(const struct strongswan_conns *conns)
{
    const struct strongswan_conn *conn = first_suspect(conns);

    if (conn) {
        poll_timer_wait_until(conn->suspect_until);
    }
}

/* The heap gives the largest first. */
static uint64_t
timer_priority(long long int when)
{
    return UINT64_MAX - (uint64_t) when;
}

/* Has 'conn' looked at no more at the time that was set. */
void
strongswan_conn_cancel_timer(struct strongswan_conns *conns,
                             struct strongswan_conn *conn)
{
    if (conn->has_timer) {
        heap_remove(&conns->timers, &conn->timer);
        conn->has_timer = false;
    }
}

/* Has charon asked for the SAs of 'conn' at 'when', in ms, and at no other
 * time set earlier. */
void
strongswan_conn_set_timer(struct strongswan_conns *conns,
                          struct strongswan_conn *conn, long long int when)
{
    strongswan_conn_cancel_timer(conns, conn);
    heap_insert(&conns->timers, &conn->timer, timer_priority(when));
    conn->has_timer = true;
}

/* Has charon asked for the SAs of those whose time has come by 'now', in ms,
 * and those looked at whose turn it is to negotiate. */
void
strongswan_conns_run(struct strongswan_conns *conns, long long int now)
{
    while (!heap_is_empty(&conns->timers)
           && heap_max(&conns->timers)->priority >= timer_priority(now)) {
        struct strongswan_conn *conn = CONTAINER_OF(
            heap_max(&conns->timers), struct strongswan_conn, timer);

        strongswan_conn_cancel_timer(conns, conn);
        strongswan_conn_want_query(conns, conn);
    }
    run_starters(conns);
}

/* Wakes the poll loop when there is a connection to look at. */
void
strongswan_conns_wait(const struct strongswan_conns *conns)
{
    if (!ovs_list_is_empty(&conns->todo) || starter_is_due(conns)) {
        poll_immediate_wake();
    }
    if (!heap_is_empty(&conns->timers)) {
        poll_timer_wait_until(UINT64_MAX - heap_max(&conns->timers)->priority);
    }
}
