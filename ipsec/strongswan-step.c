/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The next step of one connection on its way to what is wished for; see
 * ike-strongswan.c for the way. */

#include <config.h>

#include "ike-strongswan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "random.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

#include "credentials.h"
#include "peer.h"
#include "section.h"
#include "strongswan-conf.h"
#include "strongswan-duplicates.h"
#include "strongswan-files.h"
#include "strongswan-judge.h"
#include "strongswan-sa.h"
#include "strongswan-session.h"
#include "strongswan-sweep.h"
#include "strongswan-watch.h"
#include "swanctl-conf.h"

VLOG_DEFINE_THIS_MODULE(strongswan_step);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 60);

/* How long, in ms, the SAs of a connection that has been changed go on while
 * the new one does not come up, because the peer has not been changed yet. */
#define SUCCESSOR_WAIT 300000

/* How long, in ms, mending what the kernel has lost may take. */
#define MEND_WAIT 3000

/* The same where the peer may no longer be trusted.  One that is needs a
 * fraction of it. */
#define DISTRUST_WAIT 10000

/* How far apart, in ms, connections begin that take the place of others, so
 * that a host whose certificate is new, or a fleet, does not negotiate all at
 * once. */
#define TURN_INTERVAL 40

/* How long, in ms, the peer may take to begin what it sends by the new
 * connection after we have; and after which of that we begin it instead. */
#define PEER_WAIT 3000
#define PEER_WAIT_BEGIN 1000

/* How long, in ms, the peer may go on sending by an SA of a child that we no
 * longer have, before we begin another one for it: so long that it knows which
 * of the two is the old one (strongswan-duplicates.c); and how long that may
 * take before we try again. */
#define RENEW_BEGIN (STRONGSWAN_DUPLICATES_WAIT + 1000)
#define RENEW_WAIT 60000

/* How long, in ms, the peer may take to send by the new connection after we
 * can receive that. */
#define SETTLE_WAIT 1000

/* Returns true if the file of 'conn' is on disk as it should be. */
bool
strongswan_file_is_written(const struct strongswan *s,
                           const struct strongswan_conn *conn)
{
    return (ovs_list_is_empty(&conn->unwritten)
            && strongswan_files_are_written(s->files, conn->name));
}

/* What is added goes to the file first, so that somebody's `swanctl
 * --load-all` is harmless at any moment.  A disk that is full keeps nobody
 * from being encrypted. */
bool
strongswan_may_load(const struct strongswan *s,
                    const struct strongswan_conn *conn)
{
    return (strongswan_file_is_written(s, conn)
            || swanctl_conf_get_error(s->files) != NULL);
}

/* Returns how many more connections charon may be told to load.  It gets some
 * more than vici sends at once.  More would only take memory here. */
int
strongswan_may_load_more(const struct strongswan *s)
{
    return 2 * VICI_WINDOW - (int) MIN(s->conns.n_loading, 2 * VICI_WINDOW);
}

/* Turns. */

/* Returns true if the peer that 'old' has been up with may not be trusted any
 * more by what 'next' goes by. */
static bool
distrusts(const struct strongswan *s, const struct strongswan_conn *old,
          const struct strongswan_conn *next)
{
    if (!next->wish->credentials || next->wish->remote_cert) {
        return false;
    }
    return (!old->gone ? s->creds.lost_trust
            : old->gone->credentials
              && credentials_withdraws(next->wish->credentials,
                                       old->gone->credentials));
}

/* Returns true if it is time to load 'conn' for the first time.  One whose
 * predecessor works has no hurry, unless that is not to be trusted. */
static bool
may_begin(struct strongswan *s, struct strongswan_conn *conn)
{
    const struct strongswan_conn *old = strongswan_conn_predecessor(&s->conns,
                                                                    conn);
    long long int now = time_msec();

    conn->waiting = (conn->load == STRONGSWAN_UNLOADED && old
                     && (strongswan_conns_are_busy(&s->conns)
                         || (now < s->next_turn
                             && !distrusts(s, old, conn))));
    if (conn->waiting) {
        strongswan_conn_set_timer(&s->conns, conn,
                                  MAX(now, s->next_turn)
                                  + random_range(1000));
    } else if (conn->load == STRONGSWAN_UNLOADED && old) {
        s->next_turn = (now + TURN_INTERVAL / 2
                        + random_range(TURN_INTERVAL));
        /* It keeps one of those places that are limited until it has been
         * negotiated. */
        strongswan_conn_set_initiating(&s->conns, conn, true);
    }
    return !conn->waiting;
}

/* Loading. */

static void
load_psk(struct strongswan *s, struct strongswan_conn *conn)
{
    const struct peer *peer = conn->wish;

    if (peer->psk && !nullable_string_is_equal(peer->psk, conn->loaded_psk)) {
        strongswan_send(s->session, STRONGSWAN_LOAD_CREDENTIAL, conn->name,
                        "load-shared", strongswan_shared(peer));
        if (conn->loaded_psk) {
            /* What was authenticated by the old secret must not go on. */
            strongswan_terminate(s->session, STRONGSWAN_OTHER, conn->name,
                                 NULL);
        }
        strongswan_conn_set_psk(conn, peer->psk);
    }
}

static void
load(struct strongswan *s, struct strongswan_conn *conn)
{
    const struct peer *peer = conn->wish;
    bool hurry = conn->attempt.hurry;
    const char *child;

    load_psk(s, conn);
    /* What takes the place of a child waits if that one has a trap. */
    SSET_FOR_EACH (child, &conn->old_children) {
        strongswan_uninstall(s->session, conn->name, child);
    }
    strongswan_send(s->session, STRONGSWAN_LOAD, conn->name, "load-conn",
                    strongswan_conn_for_vici(peer));
    conn->told = true;
    conn->n_unheard++;
    strongswan_conn_set_load(&s->conns, conn, STRONGSWAN_LOADING);
    conn->changed = false;
    memset(&conn->attempt, 0, sizeof conn->attempt);
    conn->attempt.hurry = hurry;
}

/* Judging what list-sas told. */

static void
send_initiate(struct strongswan *s, const struct strongswan_conn *conn,
              const char *child)
{
    strongswan_send(s->session, STRONGSWAN_OTHER, conn->name, "initiate",
                    strongswan_args("child", child, "ike", conn->name,
                                    "timeout", "-1", NULL));
}

/* Begins for the peer what it should send by 'conn' and has not begun. */
static void
initiate_incoming(struct strongswan *s, struct strongswan_conn *conn)
{
    conn->begun_for_peer = time_msec();
    for (size_t i = 0; i < conn->wish->n_children; i++) {
        const struct child *child = &conn->wish->children[i];

        if (child->dir == CHILD_IN
            && !strongswan_sas_find_child(&conn->sas, child)) {
            send_initiate(s, conn, child->name);
        }
    }
}

static void
initiate(struct strongswan *s, struct strongswan_conn *conn,
         const struct svec *children)
{
    const char *child;
    size_t i;

    SVEC_FOR_EACH (i, child, children) {
        send_initiate(s, conn, child);
    }
    strongswan_attempt_made(&conn->attempt, time_msec());
    strongswan_conn_set_initiating(&s->conns, conn, true);
    strongswan_conn_set_timer(&s->conns, conn, conn->attempt.next);
}

static void
terminate_ids(struct strongswan *s, struct strongswan_conn *conn,
              const char *kind, const char *what, const struct svec *ids)
{
    const char *id;
    size_t i;

    SVEC_FOR_EACH (i, id, ids) {
        VLOG_INFO_RL(&rl, "%s: ending %s: %s", strongswan_conn_label(conn),
                     what, id);
        strongswan_terminate_id(s->session, conn->name, kind, id);
    }
}

static void
end_unfit(struct strongswan *s, struct strongswan_conn *conn,
          const struct strongswan_verdict *verdict)
{
    terminate_ids(s, conn, "child-id", "a CHILD_SA that does not fit",
                  &verdict->end_children);
    terminate_ids(s, conn, "child-id", "a CHILD_SA that is not needed now",
                  &verdict->end_superfluous);
    terminate_ids(s, conn, "ike-id",
                  "an IKE_SA that is lost, not answered, or empty",
                  &verdict->end_ikes);
}

/* Forgets children that the connection no longer has when the last of their
 * SAs is gone.  The peer's deletion of it may have had charon make a trap. */
static void
forget_children(struct strongswan *s, struct strongswan_conn *conn)
{
    const char *child;

    SSET_FOR_EACH_SAFE (child, &conn->old_children) {
        if (!strongswan_sas_have_child_named(&conn->sas, child)) {
            strongswan_uninstall(s->session, conn->name, child);
            sset_find_and_delete(&conn->old_children, child);
        }
    }
}

/* Notes what of 'conn' works, and tells those who wait for that. */
static void
set_working(struct strongswan *s, struct strongswan_conn *conn, bool sending,
            bool receiving)
{
    bool up = sending && receiving;

    if (up && !conn->up) {
        conn->up_since = time_msec();
        strongswan_sweep_add(s->sweep, conn->wish, time_msec());
    }
    if (up != conn->up || sending != (conn->sending_since != 0)) {
        strongswan_conn_touch_predecessors(&s->conns, conn);
    }
    conn->up = up;
    if (!sending) {
        conn->begun_for_peer = 0;
    }
    conn->sending_since = (!sending ? 0
                           : conn->sending_since ? conn->sending_since
                           : time_msec());
}

/* Mends what the kernel has lost.  A rekey makes new SAs; policies come only
 * with the whole.  When that is done, or has not helped, the kernel is asked
 * again. */
static void
check_kernel(struct strongswan *s, struct strongswan_conn *conn)
{
    struct svec no_sa = SVEC_EMPTY_INITIALIZER;
    struct svec no_policy = SVEC_EMPTY_INITIALIZER;
    const char *id;
    size_t i;

    conn->check_kernel = false;
    strongswan_watch_check(conn, &no_sa, &no_policy);
    if (conn->mended) {
        svec_append(&no_policy, &no_sa);
        svec_clear(&no_sa);
    }
    SVEC_FOR_EACH (i, id, &no_sa) {
        VLOG_WARN_RL(&rl, "%s: somebody has deleted SAs in the kernel: "
                     "rekeying %s", strongswan_conn_label(conn), id);
        strongswan_send(s->session, STRONGSWAN_OTHER, conn->name, "rekey",
                        strongswan_args("child-id", id, NULL));
    }
    terminate_ids(s, conn, "child-id", "a CHILD_SA that somebody has deleted "
                  "in the kernel", &no_policy);
    if (svec_is_empty(&no_sa) && svec_is_empty(&no_policy)) {
        conn->mended = 0;
    } else {
        conn->mended++;
        strongswan_conn_suspect(&s->conns, conn, time_msec() + MEND_WAIT);
    }
    svec_destroy(&no_sa);
    svec_destroy(&no_policy);
}

/* Where a child of ours has changed and the peer's has not, the peer still
 * sends by the SA that it began for the old one, and has no reason to begin
 * again.  After a while, in which it would have if it had changed as well, we
 * do, and the old SA goes when the new one is there.
 *
 * Returns when, in ms, that is due, LLONG_MAX if it is not needed. */
static long long int
renew_incoming(struct strongswan *s, struct strongswan_conn *conn)
{
    long long int when = (conn->begun_for_peer
                          ? conn->begun_for_peer + RENEW_WAIT
                          : conn->sending_since + RENEW_BEGIN);

    if (conn->up || !conn->sending_since
        || !strongswan_receives_by_replaced(conn->wish, &conn->sas)) {
        return LLONG_MAX;
    }
    if (time_msec() < when) {
        return when;
    }
    if (strongswan_sas_busy(&conn->sas)
        || strongswan_conns_are_busy(&s->conns)) {
        return time_msec() + STRONGSWAN_BACKOFF_MIN;
    }
    initiate_incoming(s, conn);
    /* Apart from each other, so that a fleet does not move in step. */
    conn->begun_for_peer += random_range(RENEW_WAIT);
    return conn->begun_for_peer + RENEW_WAIT;
}

static void
judge(struct strongswan *s, struct strongswan_conn *conn)
{
    struct strongswan_verdict verdict;

    if (conn->check_kernel) {
        check_kernel(s, conn);
    }
    strongswan_verdict_init(&verdict);
    strongswan_judge(conn->wish, &conn->sas, &conn->attempt, time_msec(),
                     &verdict);
    end_unfit(s, conn, &verdict);
    forget_children(s, conn);
    if (verdict.error) {
        strongswan_conn_set_error(conn, verdict.error);
    }
    strongswan_attempt_note(&conn->attempt, &verdict, time_msec());
    if (verdict.sending && verdict.receiving) {
        strongswan_conn_set_error(conn, NULL);
    }
    set_working(s, conn, verdict.sending, verdict.receiving);
    if (svec_is_empty(&verdict.initiate)) {
        verdict.again = MIN(verdict.again, renew_incoming(s, conn));
    }
    strongswan_conn_set_initiating(&s->conns, conn, verdict.under_way);

    if (verdict.again != LLONG_MAX) {
        strongswan_conn_set_timer(&s->conns, conn, verdict.again);
    } else if (svec_is_empty(&verdict.initiate)) {
        strongswan_conn_cancel_timer(&s->conns, conn);
    } else if (strongswan_conn_may_start(&s->conns, conn)) {
        initiate(s, conn, &verdict.initiate);
    } else {
        strongswan_conn_cancel_timer(&s->conns, conn);
    }
    strongswan_verdict_uninit(&verdict);
}

static void
query(struct strongswan *s, struct strongswan_conn *conn)
{
    conn->query = STRONGSWAN_QUERY_RUNNING;
    strongswan_send(s->session, STRONGSWAN_LIST_SAS, conn->name, "list-sas",
                    strongswan_args("ike", conn->name, NULL));
}

/* Removal. */

/* Has no child of 'conn', which nobody wishes for, have a trap. */
static void
uninstall_children(struct strongswan *s, const struct strongswan_conn *conn)
{
    const char *child;

    SSET_FOR_EACH (child, &conn->old_children) {
        strongswan_uninstall(s->session, conn->name, child);
    }
    for (size_t i = 0; conn->told && i < conn->gone->n_children; i++) {
        strongswan_uninstall(s->session, conn->name,
                             conn->gone->children[i].name);
    }
}

/* The configuration goes first, so that nobody starts anything new by it,
 * then its file. */
static void
send_unload(struct strongswan *s, struct strongswan_conn *conn)
{
    char *id;

    conn->removal = STRONGSWAN_UNLOAD_SENT;
    strongswan_conn_set_initiating(&s->conns, conn, false);
    strongswan_conn_cancel_timer(&s->conns, conn);
    /* unload-conn leaves traps that close_action or dpd_action made. */
    uninstall_children(s, conn);
    strongswan_send(s->session, STRONGSWAN_OTHER, conn->name, "unload-conn",
                    strongswan_args("name", conn->name, NULL));
    id = strongswan_shared_id(conn->name);
    strongswan_send(s->session, STRONGSWAN_OTHER, conn->name, "unload-shared",
                    strongswan_args("id", id, NULL));
    free(id);
    strongswan_conn_set_psk(conn, NULL);
    strongswan_conn_set_load(&s->conns, conn, STRONGSWAN_UNLOADED);
    strongswan_files_remove(s->files, conn->name);
}

static void
send_terminate(struct strongswan *s, struct strongswan_conn *conn)
{
    conn->removal = STRONGSWAN_TERMINATE_SENT;
    conn->sas_known = false;
    strongswan_conn_cancel_timer(&s->conns, conn);
    strongswan_terminate(s->session, STRONGSWAN_REMOVE, conn->name, NULL);
}

/* Returns when, in ms, the SAs of 'conn' have to go.  While its successor is
 * being negotiated they carry the traffic.  The peer may have begun what it
 * sends by its own new connection, or may know nothing of one: then it begins
 * again when the old SA is gone. */
static long long int
retirement(const struct strongswan *s, const struct strongswan_conn *conn)
{
    const struct strongswan_conn *next = strongswan_conn_successor(&s->conns,
                                                                   conn);

    if (!next) {
        return 0;
    }
    if (next->up) {
        return MIN(conn->remove_by, next->up_since + SETTLE_WAIT);
    }
    if (next->error && !next->sending_since && distrusts(s, conn, next)) {
        return 0;
    }
    return (next->sending_since
            ? MIN(conn->remove_by, next->sending_since + PEER_WAIT)
            : conn->remove_by);
}

/* Returns false if the successor of 'conn' is not loaded yet: until then the
 * peer must find the old one. */
static bool
may_unload(struct strongswan *s, struct strongswan_conn *conn)
{
    const struct strongswan_conn *next = strongswan_conn_successor(&s->conns,
                                                                   conn);
    long long int now = time_msec();

    if (next && next->waiting) {
        return false;
    }
    if (!conn->remove_by) {
        conn->remove_by = now + SUCCESSOR_WAIT;
    }
    if (next && next->load == STRONGSWAN_LOADED && distrusts(s, conn, next)) {
        conn->remove_by = MIN(conn->remove_by, now + DISTRUST_WAIT);
    }
    if (!next || next->load == STRONGSWAN_LOADED || now >= conn->remove_by) {
        return true;
    }
    strongswan_conn_set_timer(&s->conns, conn, conn->remove_by);
    return false;
}

/* The peer does not begin what it sends by the successor of 'conn' where it
 * thinks that it has: an IKE_SA that it has just started may belong to 'conn'
 * at our end.  So we begin that, which may cost what arrives before charon has
 * its answer, but not all until the peer has seen the old one go.
 *
 * Returns when, in ms, that is due, LLONG_MAX if it is not needed. */
static long long int
begin_for_peer(struct strongswan *s, const struct strongswan_conn *conn)
{
    struct strongswan_conn *next = strongswan_conn_successor(&s->conns, conn);
    long long int when;

    if (!next || next->up || !next->sending_since || next->begun_for_peer) {
        return LLONG_MAX;
    }
    when = next->sending_since + PEER_WAIT_BEGIN;
    if (time_msec() < when) {
        return when;
    }
    initiate_incoming(s, next);
    return LLONG_MAX;
}

static bool
may_terminate(struct strongswan *s, struct strongswan_conn *conn)
{
    long long int when = MIN(retirement(s, conn), begin_for_peer(s, conn));

    if (time_msec() >= when) {
        return true;
    }
    strongswan_conn_set_timer(&s->conns, conn, when);
    return false;
}

static void
finish_removal(struct strongswan *s, struct strongswan_conn *conn)
{
    /* A peer that deleted the SAs at the same time may have had charon make
     * traps after the first time.  Now that there are no SAs, no more come. */
    if (s->synced) {
        uninstall_children(s, conn);
    }
    strongswan_files_remove(s->files, conn->name);
    if (conn->gone) {
        strongswan_sweep_add(s->sweep, conn->gone, time_msec());
    }
    strongswan_conn_destroy(&s->conns, conn);
}

/* After terminate: no SA is left, or one came into being meanwhile. */
static void
check_removed(struct strongswan *s, struct strongswan_conn *conn)
{
    if (conn->query == STRONGSWAN_QUERY_WANTED) {
        query(s, conn);
        return;
    }
    if (conn->query != STRONGSWAN_QUERY_IDLE || !conn->sas_known) {
        return;
    }
    if (!conn->sas.n) {
        finish_removal(s, conn);
        return;
    }
    for (size_t i = 0; i < conn->sas.n; i++) {
        strongswan_terminate_id(s->session, conn->name, "ike-id",
                                conn->sas.sas[i]->unique_id);
    }
    conn->sas_known = false;
    strongswan_conn_set_timer(&s->conns, conn,
                              time_msec() + STRONGSWAN_BACKOFF_MIN);
}

/* Takes the next step of removing 'conn', which may free it. */
static void
remove_conn(struct strongswan *s, struct strongswan_conn *conn)
{
    if (!strongswan_session_is_up(s->session)) {
        finish_removal(s, conn);
        return;
    }
    if (!s->synced) {
        return;
    }
    if (conn->removal == STRONGSWAN_KEPT && may_unload(s, conn)) {
        send_unload(s, conn);
    }
    if (conn->removal == STRONGSWAN_UNLOAD_SENT && may_terminate(s, conn)) {
        send_terminate(s, conn);
        return;
    }
    if (conn->removal == STRONGSWAN_TERMINATE_SENT) {
        check_removed(s, conn);
    }
}

/* Takes the next step for 'conn', which may free it. */
void
strongswan_step(struct strongswan *s, struct strongswan_conn *conn)
{
    if (!conn->wish) {
        remove_conn(s, conn);
        return;
    }
    if (!s->synced) {
        return;
    }
    if (conn->changed && conn->load != STRONGSWAN_LOADING) {
        if (!strongswan_may_load(s, conn)
            || (strongswan_may_load_more(s) <= 0 && !conn->attempt.hurry)) {
            strongswan_conn_wait_for_file(&s->conns, conn);
            return;
        }
        if (conn->wish->credentials
            && !strongswan_creds_load(s, conn->wish->credentials)) {
            conn->waiting = true;
            return;
        }
        if (!may_begin(s, conn)) {
            return;
        }
        load(s, conn);
    }
    if (conn->load != STRONGSWAN_LOADED) {
        return;
    }
    if (conn->query == STRONGSWAN_QUERY_WANTED) {
        query(s, conn);
    } else if (conn->query == STRONGSWAN_QUERY_IDLE && conn->sas_known) {
        judge(s, conn);
    }
}

