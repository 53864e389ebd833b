/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The strongSwan back end: makes charon have the connections that 'monitor'
 * wishes for, over vici, and keeps the files that a charon restarting without
 * us would load.
 *
 * Each wish is a struct conn, whose way is the same whether it is new,
 * changed, or was there before charon or we restarted:
 *
 *     file written -> load-conn -> list-sas -> judge -> initiate -+
 *                                     ^                           |
 *                                     +--- event, or a timer -----+
 *
 *     no wish any more: uninstall, unload-conn -> file removed
 *                       -> a successor is up, or there is none -> terminate
 *                       -> list-sas -> forgotten
 *
 * What charon answers is never taken for what it did: list-sas is asked after
 * every event that names the connection, and judge looks at that alone.
 *
 * At every connect (and so at start) a sync asks charon for all that it has
 * of ours; then each wish is loaded again, which leaves SAs that fit alone,
 * and what nobody wishes for goes. */

#include <config.h>

#include "ike-strongswan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"

#include "credentials.h"
#include "peer.h"
#include "section.h"
#include "strongswan-conf.h"
#include "strongswan-files.h"
#include "strongswan-sa.h"
#include "strongswan-session.h"
#include "strongswan-sweep.h"
#include "strongswan-watch.h"
#include "strongswan-words.h"
#include "swanctl-conf.h"

VLOG_DEFINE_THIS_MODULE(ike_strongswan);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 60);

/* How long, in ms, a call of run() may go on. */
#define RUN_BUDGET 5

/* How many files, at most, are on their way to the disk.  More would only take
 * memory while charon, which takes longer for each, loads the first ones. */
#define MAX_PENDING_FILES 256

/* How long, in ms, until a connection that charon refuses is tried again. */
#define REFUSED_WAIT 30000

/* After these words of charon's log stands the name of a connection. */
#define LOADED_WORDS " vici connection: "

static struct strongswan *
strongswan_cast(const struct ike *ike)
{
    return CONTAINER_OF(ike, struct strongswan, up);
}

/* Files. */

/* Certificates of peers do not go with our own. */
static void
spare_remote_certs(struct strongswan *s)
{
    const struct strongswan_conn *conn;

    STRONGSWAN_CONN_FOR_EACH (conn, &s->conns) {
        if (conn->wish && conn->wish->remote_cert) {
            char *file = strongswan_remote_cert_file(conn->wish->remote_cert);

            sset_find_and_delete(&s->creds.old_certs, file);
            free(file);
        }
    }
}

static bool
may_write(const struct strongswan *s)
{
    return (!ovs_list_is_empty(&s->conns.unwritten)
            && swanctl_conf_n_pending(s->files) < MAX_PENDING_FILES);
}

static void
write_next(struct strongswan *s)
{
    struct strongswan_conn *conn = CONTAINER_OF(
        ovs_list_pop_front(&s->conns.unwritten), struct strongswan_conn,
        unwritten);

    ovs_list_init(&conn->unwritten);
    strongswan_files_write(s->files, conn->wish);
}

/* Has the files of connections written, until 'deadline' in ms. */
static void
run_files(struct strongswan *s, long long int deadline)
{
    while (may_write(s) && time_msec() < deadline) {
        write_next(s);
    }
    swanctl_conf_run(s->files);
}

/* What earlier runs left in the folders and nobody wishes for. */
static void
sweep_files(struct strongswan *s)
{
    const struct sset *found = swanctl_conf_found(s->files,
                                                  SWANCTL_CONNECTION);
    const char *file;

    if (s->files_swept || !s->committed || !found) {
        return;
    }
    s->files_swept = true;
    strongswan_creds_take_found(s);
    spare_remote_certs(s);

    SSET_FOR_EACH (file, found) {
        char *name = xasprintf(PEER_NAME_PREFIX"%s", file);

        strongswan_conn_get(&s->conns, name);
        free(name);
    }
}

/* Answers and events. */

static void
handle_list_sas(struct strongswan *s, struct strongswan_msg *msg)
{
    struct strongswan_conn *conn = strongswan_conn_find(&s->conns,
                                                        msg->conn);

    if (!conn) {
        return;
    }
    strongswan_sas_take(&conn->sas, &msg->sas, time_msec());
    conn->sas_known = true;
    conn->query = (conn->query == STRONGSWAN_QUERY_AGAIN
                   ? STRONGSWAN_QUERY_WANTED : STRONGSWAN_QUERY_IDLE);
    strongswan_conn_touch(&s->conns, conn);
}

static void
handle_loaded(struct strongswan *s, const struct strongswan_msg *msg)
{
    struct strongswan_conn *conn = strongswan_conn_find(&s->conns,
                                                        msg->conn);

    if (!conn || conn->load != STRONGSWAN_LOADING) {
        return;
    }
    if (msg->vici.error) {
        VLOG_WARN_RL(&rl, "%s: charon refuses the connection: %s",
                     strongswan_conn_label(conn), msg->vici.error);
        strongswan_conn_set_error(conn, msg->vici.error);
        strongswan_conn_set_load(&s->conns, conn, STRONGSWAN_UNLOADED);
        conn->changed = true;
        strongswan_conn_set_initiating(&s->conns, conn, false);
        strongswan_conn_set_timer(&s->conns, conn, time_msec() + REFUSED_WAIT);
        return;
    }
    strongswan_conn_set_load(&s->conns, conn, STRONGSWAN_LOADED);
    if (conn->sas_known) {
        /* Loading changes no SAs. */
        strongswan_conn_touch(&s->conns, conn);
    } else {
        strongswan_conn_want_query(&s->conns, conn);
    }
    strongswan_conn_touch_predecessors(&s->conns, conn);
}

static void
handle_credential(struct strongswan *s, const struct strongswan_msg *msg)
{
    struct strongswan_conn *conn = (msg->conn
                                    ? strongswan_conn_find(&s->conns,
                                                           msg->conn)
                                    : NULL);

    if (!strcmp(msg->vici.name, "load-token")) {
        strongswan_creds_handle_token(s, msg);
    } else if (msg->vici.error) {
        const char *what = (!strcmp(msg->vici.name, "load-key") ? "private key"
                            : !strcmp(msg->vici.name, "load-cert") ? "CRL"
                            : "psk");

        VLOG_WARN_RL(&rl, "%s: charon refuses the %s: %s",
                     conn ? strongswan_conn_label(conn) : "this host",
                     what, msg->vici.error);
    }
    if (conn && msg->vici.error) {
        strongswan_conn_set_error(conn, msg->vici.error);
    }
}

static void
handle_reply(struct strongswan *s, struct strongswan_msg *msg)
{
    struct strongswan_conn *conn;

    switch (msg->purpose) {
    case STRONGSWAN_SYNC_CONNS:
    case STRONGSWAN_SYNC_SHARED:
    case STRONGSWAN_SYNC_SAS:
    case STRONGSWAN_SYNC_TRAPS:
        strongswan_sync_handle(s, msg);
        break;
    case STRONGSWAN_HEED_CONNS:
    case STRONGSWAN_HEED_TRAPS:
        strongswan_quiet_handle(s, msg);
        break;
    case STRONGSWAN_LOAD:
        handle_loaded(s, msg);
        break;
    case STRONGSWAN_LOAD_CREDENTIAL:
        handle_credential(s, msg);
        break;
    case STRONGSWAN_LIST_SAS:
        handle_list_sas(s, msg);
        break;
    case STRONGSWAN_SWEEP:
        strongswan_sweep_finish(s->sweep, &msg->sas);
        break;
    case STRONGSWAN_REMOVE:
        conn = strongswan_conn_find(&s->conns, msg->conn);
        if (conn) {
            strongswan_conn_want_query(&s->conns, conn);
        }
        break;
    case STRONGSWAN_LOOK:
        strongswan_look_handle(s, msg);
        break;
    case STRONGSWAN_OTHER:
        if (msg->vici.error) {
            VLOG_DBG("%s: %s", msg->vici.name, msg->vici.error);
        }
        break;
    }
}

/* Somebody else has loaded 'conn', or brought it back. */
void
strongswan_note_reloaded(struct strongswan *s, struct strongswan_conn *conn)
{
    VLOG_INFO_RL(&rl, "%s: somebody else has loaded the connection: loading "
                 "it again", strongswan_conn_label(conn));
    conn->changed = true;
    conn->removal = STRONGSWAN_KEPT;
    strongswan_conn_touch(&s->conns, conn);
}

/* Takes in what charon's log says of a configuration being loaded, which is
 * all that tells when somebody else does it, with `swanctl --load-all` say.
 * What that has changed, or brought back, is changed again. */
static void
handle_loaded_log(struct strongswan *s, const char *text)
{
    const char *name = strstr(text, LOADED_WORDS);
    struct strongswan_conn *conn;

    if (!name || !strongswan_is_ours(name + strlen(LOADED_WORDS))) {
        return;
    }
    conn = strongswan_conn_get(&s->conns, name + strlen(LOADED_WORDS));
    if (conn->n_unheard) {
        conn->n_unheard--;
    } else {
        strongswan_note_reloaded(s, conn);
    }
}

/* Keeps the words of charon's log that tell why 'conn' does not come up.  One
 * that only says that it has failed comes after the one with the cause. */
static void
handle_log(struct strongswan *s, const struct section *body)
{
    const char *name = section_get(body, "ikesa-name");
    const char *text = section_get(body, "msg");
    enum strongswan_words_rank rank;
    struct strongswan_conn *conn;
    char *words;

    if (text) {
        handle_loaded_log(s, text);
    }
    if (!text || (name && !strongswan_is_ours(name))) {
        return;
    }
    conn = name ? strongswan_conn_find(&s->conns, name) : NULL;
    rank = strongswan_explain(text, &words);
    if (rank >= STRONGSWAN_WORDS_TOKEN) {
        strongswan_creds_note_words(s, words, rank == STRONGSWAN_WORDS_PIN);
    } else if (conn && (rank == STRONGSWAN_WORDS_CAUSE
                 || (rank == STRONGSWAN_WORDS_RESULT && !conn->error))) {
        strongswan_conn_set_error(conn, words);
        strongswan_conn_touch_predecessors(&s->conns, conn);
    }
    free(words);
}

/* An event names connections: have another look at each. */
static void
handle_event(struct strongswan *s, const struct vici_msg *msg)
{
    const struct section_item *item;

    if (!strcmp(msg->name, "log")) {
        handle_log(s, msg->body);
        return;
    }
    SECTION_FOR_EACH (item, msg->body) {
        struct strongswan_conn *conn = NULL;

        if (item->section && strongswan_is_ours(item->name)) {
            conn = strongswan_conn_find(&s->conns, item->name);
        }
        if (!conn) {
            continue;
        }
        if (!strcmp(msg->name, "ike-rekey")) {
            strongswan_sas_note_rekey(&conn->sas, item->section);
        }
        if (section_get(msg->body, "up")) {
            /* The peer is there: no need to wait. */
            conn->attempt.next = MIN(conn->attempt.next,
                                     conn->attempt.at
                                     + STRONGSWAN_BACKOFF_MIN);
        }
        strongswan_conn_want_query(&s->conns, conn);
    }
}

/* Running. */

/* Forgets what was known of charon. */
static void
reset(struct strongswan *s)
{
    struct strongswan_conn *conn;

    STRONGSWAN_CONN_FOR_EACH (conn, &s->conns) {
        strongswan_conn_reset(&s->conns, conn);
    }
    strongswan_quiet_reset(s);
    strongswan_sweep_reset(s->sweep, time_msec());
    strongswan_creds_reset(&s->creds);
    s->synced = false;
    s->n_syncing = 0;
    strongswan_look_reset(s);
}

static void
run_session(struct strongswan *s)
{
    if (strongswan_session_run(s->session)) {
        reset(s);
    }
    strongswan_look_run(s);
    if (strongswan_session_is_up(s->session) && s->committed && !s->synced
        && !s->n_syncing) {
        strongswan_sync_start(s);
    }
}

static void
receive(struct strongswan *s, long long int deadline)
{
    struct strongswan_msg msg;

    while (time_msec() < deadline
           && strongswan_session_recv(s->session, &msg)) {
        if (msg.vici.type != VICI_EVENT) {
            handle_reply(s, &msg);
        } else if (s->synced) {
            handle_event(s, &msg.vici);
        }
        strongswan_msg_uninit(&msg);
    }
}

static void
finish_sweep_without_charon(struct strongswan *s)
{
    struct sset wanted = SSET_INITIALIZER(&wanted);
    const struct strongswan_conn *conn;

    STRONGSWAN_CONN_FOR_EACH (conn, &s->conns) {
        if (conn->wish) {
            sset_add_and_free(&wanted,
                              strongswan_sweep_pair(&conn->wish->local,
                                                    &conn->wish->remote));
        }
    }
    strongswan_sweep_finish_without(s->sweep, &wanted);
    sset_destroy(&wanted);
}

static void
run_sweep(struct strongswan *s)
{
    if (strongswan_sweep_run(s->sweep, time_msec())) {
        if (s->synced) {
            strongswan_send(s->session, STRONGSWAN_SWEEP, NULL, "list-sas",
                            NULL);
        } else {
            finish_sweep_without_charon(s);
        }
    }
}

/* Wakes connections whose files have been written, as many as charon may be
 * told to load.  Files are written in the order in which connections wait. */
static void
run_file_waiters(struct strongswan *s)
{
    for (int n = strongswan_may_load_more(s);
         n > 0 && !ovs_list_is_empty(&s->conns.file_waiters); n--) {
        struct strongswan_conn *conn = CONTAINER_OF(
            ovs_list_front(&s->conns.file_waiters), struct strongswan_conn,
            todo);

        if (!strongswan_may_load(s, conn)) {
            break;
        }
        strongswan_conn_touch(&s->conns, conn);
    }
}

/* Takes the next step for each connection that has one, until 'deadline' in
 * ms. */
static void
run_todo(struct strongswan *s, long long int deadline)
{
    struct ovs_list todo;

    ovs_list_init(&todo);
    ovs_list_splice(&todo, s->conns.todo.next, &s->conns.todo);
    while (!ovs_list_is_empty(&todo) && time_msec() < deadline) {
        struct strongswan_conn *conn = CONTAINER_OF(
            ovs_list_pop_front(&todo), struct strongswan_conn, todo);

        /* Only one without a wish may be gone afterwards. */
        bool wished = conn->wish != NULL;
        ovs_list_init(&conn->todo);
        strongswan_step(s, conn);
        if (wished) {
            strongswan_conn_count(&s->conns, conn);
        }
    }
    ovs_list_splice(s->conns.todo.next, todo.next, &todo);
}

static int
strongswan_open(const struct ike_options *options, struct ike **ikep)
{
    struct strongswan *s = xzalloc(sizeof *s);

    s->up.class = &ike_strongswan_class;
    s->session = strongswan_session_open(options->socket, options->timeout);
    s->files = swanctl_conf_open(options->dir);
    s->sweep = strongswan_sweep_create();
    s->watch = strongswan_watch_create();
    strongswan_conns_init(&s->conns);
    sset_init(&s->looked);
    strongswan_creds_init(&s->creds);
    *ikep = &s->up;
    return 0;
}

static void
strongswan_close(struct ike *ike)
{
    struct strongswan *s = strongswan_cast(ike);

    while (!ovs_list_is_empty(&s->conns.unwritten)) {
        write_next(s);
    }
    strongswan_conns_uninit(&s->conns);
    strongswan_session_close(s->session);
    swanctl_conf_close(s->files);
    strongswan_sweep_destroy(s->sweep);
    strongswan_watch_destroy(s->watch);
    sset_destroy(&s->looked);
    strongswan_creds_uninit(&s->creds);
    free(s);
}

static void
strongswan_set(struct ike *ike, const char *name, const struct peer *peer)
{
    struct strongswan *s = strongswan_cast(ike);
    struct strongswan_conn *conn = strongswan_conn_find(&s->conns, name);

    if (!peer) {
        if (conn && conn->wish) {
            strongswan_conn_set_wish(&s->conns, conn, NULL);
        }
        return;
    }
    if (peer->credentials) {
        strongswan_creds_use(s, peer->credentials);
    }
    if (conn && conn->wish && peer_equals(conn->wish, peer)) {
        strongswan_conn_renew_wish(conn, peer);
        return;
    }
    if (!conn) {
        conn = strongswan_conn_get(&s->conns, name);
        /* What charon had at the sync has been found. */
        conn->sas_known = s->synced;
    }
    strongswan_conn_set_wish(&s->conns, conn, peer);
}

static void
strongswan_set_crls(struct ike *ike, const struct svec *crls)
{
    strongswan_creds_set_crls(strongswan_cast(ike), crls);
}

static void
strongswan_commit(struct ike *ike)
{
    strongswan_cast(ike)->committed = true;
}

static void
strongswan_hurry(struct ike *ike, const char *name)
{
    struct strongswan *s = strongswan_cast(ike);
    struct strongswan_conn *conn = strongswan_conn_find(&s->conns, name);

    if (!conn || !conn->wish) {
        return;
    }
    conn->attempt.hurry = true;
    strongswan_conn_want_query(&s->conns, conn);
    strongswan_conn_touch_first(&s->conns, conn);
}

static void
strongswan_run(struct ike *ike)
{
    struct strongswan *s = strongswan_cast(ike);
    long long int deadline = time_msec() + RUN_BUDGET;

    run_files(s, deadline);
    sweep_files(s);
    run_session(s);
    receive(s, deadline);
    strongswan_quiet_run(s, time_msec());
    strongswan_creds_run(s);
    strongswan_conns_run(&s->conns, time_msec());
    run_sweep(s);
    strongswan_watch_run(s->watch, &s->conns, time_msec());
    run_file_waiters(s);
    run_todo(s, deadline);
    if (s->synced && s->files_swept && !s->conns.n_removing) {
        strongswan_creds_retire(s);
    }
}

static void
strongswan_wait(struct ike *ike)
{
    struct strongswan *s = strongswan_cast(ike);

    strongswan_session_wait(s->session);
    swanctl_conf_wait(s->files);
    if (may_write(s)) {
        poll_immediate_wake();
    }
    strongswan_quiet_wait(s);
    strongswan_creds_wait(s);
    strongswan_sweep_wait(s->sweep);
    strongswan_watch_wait(s->watch, &s->conns);
    strongswan_conns_wait(&s->conns);
}

static int
strongswan_get(const struct ike *ike, const char *name,
               struct ike_state *state)
{
    const struct strongswan *s = strongswan_cast(ike);
    const struct strongswan_conn *conn = strongswan_conn_find(&s->conns, name);

    if (!conn || !conn->wish) {
        return ENOENT;
    }
    *state = (struct ike_state) {
        .loaded = conn->load == STRONGSWAN_LOADED,
        .established = strongswan_sas_newest(&conn->sas) != NULL,
        .file_written = strongswan_file_is_written(s, conn),
        .error = (conn->wish->credentials && s->creds.token_error && !conn->up
                  ? s->creds.token_error : conn->error),
        .last_error = conn->last_error,
        .last_error_at = conn->last_error_at,
    };
    return 0;
}

static int
strongswan_get_child(const struct ike *ike, const char *name,
                     const char *child, struct ike_child_state *state)
{
    const struct strongswan_conn *conn = strongswan_conn_find(
        &strongswan_cast(ike)->conns, name);

    memset(state, 0, sizeof *state);
    state->algorithm = "";
    if (!conn || !conn->wish) {
        return ENOENT;
    }
    for (size_t i = 0; i < conn->wish->n_children; i++) {
        const struct child *wish = &conn->wish->children[i];
        const struct strongswan_child_sa *sa;

        if (!strcmp(wish->name, child)) {
            sa = strongswan_sas_find_child(&conn->sas, wish);
            if (sa) {
                state->installed = true;
                state->spi_in = sa->spi_in;
                state->spi_out = sa->spi_out;
                state->reqid = sa->reqid;
                state->algorithm = sa->algorithm;
            }
            return 0;
        }
    }
    return ENOENT;
}

static size_t
n_replacing(const struct strongswan_conns *conns)
{
    const struct strongswan_conn *conn;
    size_t n = 0;

    if (conns->n_removing) {
        STRONGSWAN_CONN_FOR_EACH (conn, conns) {
            n += !conn->wish && strongswan_conn_successor(conns, conn);
        }
    }
    return n;
}

static void
strongswan_get_counts(const struct ike *ike, struct ike_counts *counts)
{
    const struct strongswan_conns *conns = &strongswan_cast(ike)->conns;

    *counts = (struct ike_counts) {
        .n = hmap_count(&conns->by_name) - conns->n_removing,
        .n_loaded = conns->n_loaded,
        .n_up = conns->n_up,
        .n_replacing = n_replacing(conns),
        .n_removing = conns->n_removing,
    };
}

static const char *
strongswan_get_error(const struct ike *ike)
{
    const struct strongswan *s = strongswan_cast(ike);

    const char *error = strongswan_session_get_error(s->session);

    return error ? error : swanctl_conf_get_error(s->files);
}

static bool
strongswan_is_clean(const struct ike *ike)
{
    const struct strongswan *s = strongswan_cast(ike);

    return (!s->conns.n_removing
            && (s->synced || !strongswan_session_is_up(s->session)));
}

const struct ike_class ike_strongswan_class = {
    .name = "strongswan",
    .open = strongswan_open,
    .close = strongswan_close,
    .look = strongswan_look,
    .had_sa = strongswan_had_sa,
    .set = strongswan_set,
    .set_crls = strongswan_set_crls,
    .commit = strongswan_commit,
    .hurry = strongswan_hurry,
    .run = strongswan_run,
    .wait = strongswan_wait,
    .get = strongswan_get,
    .get_child = strongswan_get_child,
    .get_counts = strongswan_get_counts,
    .get_error = strongswan_get_error,
    .is_clean = strongswan_is_clean,
};
