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
 *     no wish any more: uninstall, unload-conn, terminate -> list-sas
 *                       -> file removed -> forgotten
 *
 * What charon answers is never taken for what it did: list-sas is asked after
 * every event that names the connection, and judge looks at that alone.
 *
 * At every connect (and so at start) a sync asks charon for all that it has
 * of ours; then each wish is loaded again, which leaves SAs that fit alone,
 * and what nobody wishes for goes. */

#include <config.h>

#include "ike-provider.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "compiler.h"
#include "hash.h"
#include "heap.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"

#include "credentials.h"
#include "peer.h"
#include "section.h"
#include "strongswan-conf.h"
#include "strongswan-files.h"
#include "strongswan-judge.h"
#include "strongswan-sa.h"
#include "strongswan-sweep.h"
#include "swanctl-conf.h"
#include "vici.h"

VLOG_DEFINE_THIS_MODULE(ike_strongswan);

/* A request that charon has not answered after this time, in ms, will not be
 * answered. */
#define REQUEST_TIMEOUT 60000

/* How long, in ms, a call of run() may go on. */
#define RUN_BUDGET 5

/* How many negotiations at once. */
#define MAX_INITIATING 64

/* How long, in ms, until a connection that charon refuses is tried again. */
#define REFUSED_WAIT 30000

/* The connections to charon.  It serves each one's requests in order, and
 * list-sas may wait for a busy IKE_SA, so that has one of its own. */
enum session { CONFIG, QUERY, EVENTS, N_SESSIONS };

enum purpose {
    REQ_OTHER,                  /* Its answer changes nothing. */
    REQ_SYNC_CONNS,
    REQ_SYNC_SHARED,
    REQ_SYNC_TRAPS,
    REQ_SYNC_SAS,
    REQ_LOAD,
    REQ_LOAD_CREDENTIAL,        /* load-key or load-shared. */
    REQ_LIST_SAS,
    REQ_SWEEP,
    REQ_REMOVE,
};

struct request {
    struct hmap_node node;      /* In struct strongswan's 'requests'. */
    enum session session;
    unsigned int id;
    enum purpose purpose;
    char *conn;                 /* Name of a connection, or null. */
    struct strongswan_sas sas;  /* What has come in so far. */
};

enum conn_load { CONN_UNLOADED, CONN_LOADING, CONN_LOADED };
enum conn_query { QUERY_IDLE, QUERY_WANTED, QUERY_RUNNING, QUERY_AGAIN };

struct conn {
    struct hmap_node node;      /* In struct strongswan's 'conns'. */
    struct ovs_list todo;       /* In its 'todo' or 'file_waiters', or
                                 * empty. */
    struct heap_node timer;     /* In its 'timers' if 'has_timer'. */
    bool has_timer;
    char *name;

    struct peer *wish;          /* Null: to be removed. */
    struct peer *gone;          /* If 'wish' is null, what it was, or null. */
    bool up;                    /* All of its SAs were there when it was last
                                 * judged. */
    bool changed;               /* 'wish' is not what was last loaded. */
    enum conn_load load;
    struct sset children;       /* Those that charon has been told of. */
    char *loaded_psk;           /* The secret that charon has, or null. */
    bool removing;              /* The requests for removal are sent. */

    enum conn_query query;
    bool sas_known;             /* 'sas' is what list-sas told. */
    struct strongswan_sas sas;
    struct strongswan_attempt attempt;
    bool initiating;            /* Counted in 'n_initiating'. */
    char *error;
};

struct strongswan {
    struct ike up;
    struct vici *vici[N_SESSIONS];
    unsigned int seqno[N_SESSIONS];
    struct swanctl_conf *files;
    struct strongswan_sweep *sweep;
    struct hmap requests;       /* Contains "struct request"s. */
    struct hmap conns;          /* Contains "struct conn"s. */
    struct ovs_list todo;       /* Contains "struct conn"s to look at. */
    struct ovs_list file_waiters; /* Likewise, when the file is written. */
    struct heap timers;         /* Contains "struct conn"s to ask about. */
    size_t n_initiating;
    size_t n_removing;          /* Conns without a wish. */
    struct credentials *key;    /* Whose key charon has, or null. */
    struct credentials *filed;  /* Which ones are in 'files', or null. */
    bool committed;
    bool up_now;                /* All sessions are connected. */
    unsigned int n_syncing;     /* Answers that the sync waits for. */
    bool synced;
    bool files_swept;
    char *error;
};

/* Words of charon's log that tell why a negotiation failed.  It has no other
 * way to say so for attempts that nobody waits for. */
static const char *const failure_words[] = {
    "notify error", "notify, no CHILD_SA built", "giving up after",
    "no private key found", "no shared key found", "no trusted",
    "peer not responding", "no acceptable", "no matching peer config",
    "constraint check failed", "failed to establish", "unable to install",
};

static const char *const event_names[] = {
    "ike-updown", "ike-rekey", "child-updown", "child-rekey", "log", NULL
};

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 60);

static struct strongswan *
strongswan_cast(const struct ike *ike)
{
    return CONTAINER_OF(ike, struct strongswan, up);
}

static bool
is_ours(const char *name)
{
    return name && !strncmp(name, PEER_NAME_PREFIX, strlen(PEER_NAME_PREFIX));
}

/* For messages: a connection's name says nothing to people. */
static const char *
conn_label(const struct conn *conn)
{
    return conn->wish ? conn->wish->tunnel : conn->name;
}

/* Looking at connections later. */

static void
conn_touch(struct strongswan *s, struct conn *conn)
{
    ovs_list_remove(&conn->todo);
    ovs_list_push_back(&s->todo, &conn->todo);
}

static void
conn_touch_first(struct strongswan *s, struct conn *conn)
{
    ovs_list_remove(&conn->todo);
    ovs_list_push_front(&s->todo, &conn->todo);
}

static void
conn_wait_for_file(struct strongswan *s, struct conn *conn)
{
    ovs_list_remove(&conn->todo);
    ovs_list_push_back(&s->file_waiters, &conn->todo);
}

/* The heap gives the largest first. */
static uint64_t
timer_priority(long long int when)
{
    return UINT64_MAX - (uint64_t) when;
}

static void
conn_cancel_timer(struct strongswan *s, struct conn *conn)
{
    if (conn->has_timer) {
        heap_remove(&s->timers, &conn->timer);
        conn->has_timer = false;
    }
}

/* Has 'conn' looked at again at 'when', in ms. */
static void
conn_set_timer(struct strongswan *s, struct conn *conn, long long int when)
{
    conn_cancel_timer(s, conn);
    heap_insert(&s->timers, &conn->timer, timer_priority(when));
    conn->has_timer = true;
}

/* Connections. */

static struct conn *
conn_find(const struct strongswan *s, const char *name)
{
    struct conn *conn;

    HMAP_FOR_EACH_WITH_HASH (conn, node, hash_string(name, 0), &s->conns) {
        if (!strcmp(conn->name, name)) {
            return conn;
        }
    }
    return NULL;
}

static struct conn *
conn_create(struct strongswan *s, const char *name)
{
    struct conn *conn = xzalloc(sizeof *conn);

    conn->name = xstrdup(name);
    sset_init(&conn->children);
    strongswan_sas_init(&conn->sas);
    ovs_list_init(&conn->todo);
    hmap_insert(&s->conns, &conn->node, hash_string(name, 0));
    s->n_removing++;            /* As long as it has no wish. */
    return conn;
}

static void
free_secret(char *secret)
{
    if (secret) {
        memset(secret, 0, strlen(secret));
        free(secret);
    }
}

static void
conn_set_initiating(struct strongswan *s, struct conn *conn, bool initiating)
{
    s->n_initiating += initiating - conn->initiating;
    conn->initiating = initiating;
}

static void
conn_destroy(struct strongswan *s, struct conn *conn)
{
    conn_cancel_timer(s, conn);
    conn_set_initiating(s, conn, false);
    if (!conn->wish) {
        s->n_removing--;
    }
    hmap_remove(&s->conns, &conn->node);
    ovs_list_remove(&conn->todo);
    strongswan_sas_uninit(&conn->sas);
    peer_destroy(conn->wish);
    peer_destroy(conn->gone);
    sset_destroy(&conn->children);
    free_secret(conn->loaded_psk);
    free(conn->error);
    free(conn->name);
    free(conn);
}

/* charon is gone, and with it what it knew of 'conn'. */
static void
conn_reset(struct strongswan *s, struct conn *conn)
{
    conn_cancel_timer(s, conn);
    conn_set_initiating(s, conn, false);
    strongswan_sas_clear(&conn->sas);
    conn->sas_known = false;
    conn->load = CONN_UNLOADED;
    conn->up = false;
    conn->query = QUERY_IDLE;
    conn->changed = true;
    conn->removing = false;
    memset(&conn->attempt, 0, sizeof conn->attempt);
    sset_clear(&conn->children);
    free_secret(conn->loaded_psk);
    conn->loaded_psk = NULL;
    conn_touch(s, conn);
}

/* Returns the connection called 'name'.  If there is none, that is because
 * nobody wishes for it, and it is put on the way to removal. */
static struct conn *
conn_orphan(struct strongswan *s, const char *name)
{
    struct conn *conn = conn_find(s, name);

    if (!conn) {
        conn = conn_create(s, name);
        conn_touch(s, conn);
    }
    return conn;
}

static void
conn_set_error(struct conn *conn, const char *error)
{
    if (!nullable_string_is_equal(conn->error, error)) {
        free(conn->error);
        conn->error = nullable_xstrdup(error);
    }
}

/* Requests. */

static struct request *
request_find(const struct strongswan *s, enum session session,
             unsigned int id)
{
    struct request *req;

    HMAP_FOR_EACH_WITH_HASH (req, node, hash_2words(session, id),
                             &s->requests) {
        if (req->session == session && req->id == id) {
            return req;
        }
    }
    return NULL;
}

static void
request_destroy(struct strongswan *s, struct request *req)
{
    hmap_remove(&s->requests, &req->node);
    strongswan_sas_uninit(&req->sas);
    free(req->conn);
    free(req);
}

/* Sends 'command' with 'args', which it takes, for connection 'conn', which
 * may be null. */
static void
request_send(struct strongswan *s, enum session session, enum purpose purpose,
             const char *conn, const char *command, struct section *args)
{
    const char *stream = (!strcmp(command, "list-sas") ? "list-sa"
                          : !strcmp(command, "list-policies") ? "list-policy"
                          : NULL);
    struct request *req = xzalloc(sizeof *req);

    req->session = session;
    req->purpose = purpose;
    req->conn = nullable_xstrdup(conn);
    strongswan_sas_init(&req->sas);
    req->id = vici_send(s->vici[session], command, args, stream,
                        REQUEST_TIMEOUT);
    hmap_insert(&s->requests, &req->node, hash_2words(session, req->id));
}

/* Arguments made of pairs of names and values, ended by a null name. */
static struct section *make_args(const char *name, ...) SENTINEL(0);

static struct section *
make_args(const char *name, ...)
{
    struct section *args = section_create();
    va_list ap;

    va_start(ap, name);
    for (; name; name = va_arg(ap, const char *)) {
        section_put(args, name, va_arg(ap, const char *));
    }
    va_end(ap);
    return args;
}

static void
uninstall(struct strongswan *s, const char *conn, const char *child)
{
    request_send(s, CONFIG, REQ_OTHER, conn, "uninstall",
                 make_args("child", child, "ike", conn, NULL));
}

/* Ends all SAs of connection 'conn', or only those of its 'child' if that is
 * not null.  The answer does not wait for the peer's. */
static void
terminate(struct strongswan *s, enum purpose purpose, const char *conn,
          const char *child)
{
    struct section *args = make_args("ike", conn, "force", "yes",
                                     "timeout", "-1", NULL);

    if (child) {
        section_put(args, "child", child);
    }
    request_send(s, CONFIG, purpose, conn, "terminate", args);
}

/* Ends one IKE_SA or CHILD_SA ('kind' is "ike-id" or "child-id"). */
static void
terminate_id(struct strongswan *s, const char *conn, const char *kind,
             const char *id)
{
    request_send(s, CONFIG, REQ_OTHER, conn, "terminate",
                 make_args(kind, id, "force", "yes", "timeout", "-1", NULL));
}

static void
conn_query(struct strongswan *s, struct conn *conn)
{
    conn->query = QUERY_RUNNING;
    request_send(s, QUERY, REQ_LIST_SAS, conn->name, "list-sas",
                 make_args("ike", conn->name, NULL));
}

static void
conn_want_query(struct strongswan *s, struct conn *conn)
{
    if (conn->query == QUERY_RUNNING) {
        conn->query = QUERY_AGAIN;
    } else if (conn->query == QUERY_IDLE) {
        conn->query = QUERY_WANTED;
    }
    conn_touch(s, conn);
}

/* Files. */

/* What is added goes to the file first, so that somebody's `swanctl
 * --load-all` is harmless at any moment.  A disk that is full keeps nobody
 * from being encrypted. */
static bool
conn_may_load(const struct strongswan *s, const struct conn *conn)
{
    return (strongswan_files_are_written(s->files, conn->name)
            || swanctl_conf_get_error(s->files) != NULL);
}

/* What earlier runs left in the folders and nobody wishes for. */
static void
sweep_files(struct strongswan *s)
{
    const struct sset *found = swanctl_conf_found(s->files,
                                                  SWANCTL_CONNECTION);
    struct sset used = SSET_INITIALIZER(&used);
    const struct conn *conn;
    const char *file;

    if (s->files_swept || !s->committed || !found) {
        return;
    }
    s->files_swept = true;
    HMAP_FOR_EACH (conn, node, &s->conns) {
        if (conn->wish) {
            strongswan_files_note_used(conn->wish, &used);
        }
    }
    strongswan_files_sweep(s->files, &used);
    sset_destroy(&used);

    SSET_FOR_EACH (file, found) {
        char *name = xasprintf(PEER_NAME_PREFIX"%s", file);

        conn_orphan(s, name);
        free(name);
    }
}

/* Loading. */

static void
load_credentials(struct strongswan *s, struct conn *conn)
{
    const struct peer *peer = conn->wish;

    if (peer->credentials && peer->credentials != s->key) {
        request_send(s, CONFIG, REQ_LOAD_CREDENTIAL, conn->name, "load-key",
                     strongswan_key(peer));
        credentials_unref(s->key);
        s->key = credentials_ref(peer->credentials);
    }
    if (peer->psk && !nullable_string_is_equal(peer->psk, conn->loaded_psk)) {
        request_send(s, CONFIG, REQ_LOAD_CREDENTIAL, conn->name,
                     "load-shared", strongswan_shared(peer));
        if (conn->loaded_psk) {
            /* What was authenticated by the old secret must not go on. */
            terminate(s, REQ_OTHER, conn->name, NULL);
        }
        free_secret(conn->loaded_psk);
        conn->loaded_psk = xstrdup(peer->psk);
    }
}

static bool
peer_has_child_named(const struct peer *peer, const char *name)
{
    for (size_t i = 0; i < peer->n_children; i++) {
        if (!strcmp(peer->children[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Ends the SAs of children that 'conn' no longer has, after the connection
 * without them has been sent, so that nothing brings them back. */
static void
drop_children(struct strongswan *s, struct conn *conn)
{
    const char *child;

    SSET_FOR_EACH_SAFE (child, &conn->children) {
        if (!peer_has_child_named(conn->wish, child)) {
            terminate(s, REQ_OTHER, conn->name, child);
            sset_find_and_delete(&conn->children, child);
        }
    }
}

static void
conn_load(struct strongswan *s, struct conn *conn)
{
    const struct peer *peer = conn->wish;
    const char *child;

    load_credentials(s, conn);
    SSET_FOR_EACH (child, &conn->children) {
        if (!peer_has_child_named(peer, child)) {
            uninstall(s, conn->name, child);
        }
    }
    request_send(s, CONFIG, REQ_LOAD, conn->name, "load-conn",
                 strongswan_conn_for_vici(peer));
    drop_children(s, conn);
    for (size_t i = 0; i < peer->n_children; i++) {
        sset_add(&conn->children, peer->children[i].name);
    }
    conn->load = CONN_LOADING;
    conn->changed = false;
    conn->removing = false;
    memset(&conn->attempt, 0, sizeof conn->attempt);
}

/* Judging what list-sas told. */

static void
conn_initiate(struct strongswan *s, struct conn *conn,
              const struct svec *children)
{
    const char *child;
    size_t i;

    SVEC_FOR_EACH (i, child, children) {
        request_send(s, CONFIG, REQ_OTHER, conn->name, "initiate",
                     make_args("child", child, "ike", conn->name,
                               "timeout", "-1", NULL));
    }
    strongswan_attempt_made(&conn->attempt, time_msec());
    conn_set_initiating(s, conn, true);
    conn_set_timer(s, conn, conn->attempt.next);
}

static void
terminate_ids(struct strongswan *s, struct conn *conn, const char *kind,
              const struct svec *ids)
{
    const char *id;
    size_t i;

    SVEC_FOR_EACH (i, id, ids) {
        VLOG_INFO_RL(&rl, "%s: ending %s %s", conn_label(conn),
                     strcmp(kind, "ike-id")
                     ? "a CHILD_SA that does not fit:"
                     : "an IKE_SA that the peer has lost or does not answer:",
                     id);
        terminate_id(s, conn->name, kind, id);
    }
}

static void
conn_judge(struct strongswan *s, struct conn *conn)
{
    struct strongswan_verdict verdict;

    strongswan_verdict_init(&verdict);
    strongswan_judge(conn->wish, &conn->sas, &conn->attempt, time_msec(),
                     &verdict);
    terminate_ids(s, conn, "child-id", &verdict.end_children);
    terminate_ids(s, conn, "ike-id", &verdict.end_ikes);
    if (verdict.error) {
        conn_set_error(conn, verdict.error);
    }
    if (verdict.sending) {
        memset(&conn->attempt, 0, sizeof conn->attempt);
        if (verdict.receiving) {
            conn_set_error(conn, NULL);
        }
    }
    if (verdict.sending && verdict.receiving && !conn->up) {
        strongswan_sweep_add(s->sweep, conn->wish, time_msec());
    }
    conn->up = verdict.sending && verdict.receiving;
    conn_set_initiating(s, conn, verdict.under_way);

    if (verdict.again != LLONG_MAX) {
        conn_set_timer(s, conn, verdict.again);
    } else if (svec_is_empty(&verdict.initiate)) {
        conn_cancel_timer(s, conn);
    } else if (s->n_initiating >= MAX_INITIATING && !conn->initiating) {
        conn_set_timer(s, conn, time_msec() + STRONGSWAN_BACKOFF_MIN);
    } else {
        conn_initiate(s, conn, &verdict.initiate);
    }
    strongswan_verdict_uninit(&verdict);
}

/* Removal. */

static void
conn_send_removal(struct strongswan *s, struct conn *conn)
{
    const char *child;

    conn->removing = true;
    conn_set_initiating(s, conn, false);
    conn_cancel_timer(s, conn);
    /* unload-conn leaves traps that close_action or dpd_action made. */
    SSET_FOR_EACH (child, &conn->children) {
        uninstall(s, conn->name, child);
    }
    request_send(s, CONFIG, REQ_OTHER, conn->name, "unload-conn",
                 make_args("name", conn->name, NULL));
    request_send(s, CONFIG, REQ_OTHER, conn->name, "unload-shared",
                 make_args("id", conn->name, NULL));
    terminate(s, REQ_REMOVE, conn->name, NULL);
    free_secret(conn->loaded_psk);
    conn->loaded_psk = NULL;
    conn->load = CONN_UNLOADED;
}

static void
conn_finish_removal(struct strongswan *s, struct conn *conn)
{
    const char *child;

    /* A peer that deleted the SAs at the same time may have had charon make
     * traps after the first time.  Now that there are no SAs, no more come. */
    if (s->synced) {
        SSET_FOR_EACH (child, &conn->children) {
            uninstall(s, conn->name, child);
        }
    }
    strongswan_files_remove(s->files, conn->name);
    if (conn->gone) {
        strongswan_sweep_add(s->sweep, conn->gone, time_msec());
    }
    conn_destroy(s, conn);
}

/* Takes the next step of removing 'conn', which may free it. */
static void
conn_remove(struct strongswan *s, struct conn *conn)
{
    if (!s->up_now) {
        conn_finish_removal(s, conn);
    } else if (!s->synced) {
        return;
    } else if (!conn->removing) {
        conn_send_removal(s, conn);
    } else if (conn->query == QUERY_WANTED) {
        conn_query(s, conn);
    } else if (conn->query == QUERY_IDLE && conn->sas_known) {
        if (!conn->sas.n) {
            conn_finish_removal(s, conn);
            return;
        }
        /* An IKE_SA that came into being meanwhile. */
        for (size_t i = 0; i < conn->sas.n; i++) {
            terminate_id(s, conn->name, "ike-id",
                         conn->sas.sas[i]->unique_id);
        }
        conn->sas_known = false;
        conn_set_timer(s, conn, time_msec() + STRONGSWAN_BACKOFF_MIN);
    }
}

/* Takes the next step for 'conn', which may free it. */
static void
conn_run(struct strongswan *s, struct conn *conn)
{
    if (!conn->wish) {
        conn_remove(s, conn);
        return;
    }
    if (!s->synced) {
        return;
    }
    if (conn->changed && conn->load != CONN_LOADING) {
        if (!conn_may_load(s, conn)) {
            conn_wait_for_file(s, conn);
            return;
        }
        conn_load(s, conn);
    }
    if (conn->load != CONN_LOADED) {
        return;
    }
    if (conn->query == QUERY_WANTED) {
        conn_query(s, conn);
    } else if (conn->query == QUERY_IDLE && conn->sas_known) {
        conn_judge(s, conn);
    }
}

/* Sync. */

static void
start_sync(struct strongswan *s)
{
    s->synced = false;
    s->n_syncing = 4;
    request_send(s, CONFIG, REQ_SYNC_CONNS, NULL, "get-conns", NULL);
    request_send(s, CONFIG, REQ_SYNC_SHARED, NULL, "get-shared", NULL);
    request_send(s, CONFIG, REQ_SYNC_TRAPS, NULL, "list-policies",
                 make_args("trap", "yes", NULL));
    request_send(s, QUERY, REQ_SYNC_SAS, NULL, "list-sas", NULL);
}

static void
finish_sync(struct strongswan *s)
{
    struct conn *conn;

    s->synced = true;
    HMAP_FOR_EACH (conn, node, &s->conns) {
        conn_touch(s, conn);
    }
    VLOG_INFO("charon is there: comparing %"PRIuSIZE" connections with it",
              hmap_count(&s->conns));
}

/* Connections of ours that nobody wishes for are removed like any other. */
static void
find_orphans(struct strongswan *s, const struct section *body,
             const char *list)
{
    const struct section *names = section_get_section(body, list);
    const struct section_item *item;

    if (!names) {
        return;
    }
    SECTION_FOR_EACH (item, names) {
        if (is_ours(item->data)) {
            conn_orphan(s, item->data);
        }
    }
}

static void
find_orphan_shared(struct strongswan *s, const struct section *body)
{
    const struct section *keys = section_get_section(body, "keys");
    const struct section_item *item;

    if (!keys) {
        return;
    }
    SECTION_FOR_EACH (item, keys) {
        if (is_ours(item->data) && !conn_find(s, item->data)) {
            request_send(s, CONFIG, REQ_OTHER, NULL, "unload-shared",
                         make_args("id", item->data, NULL));
        }
    }
}

/* One trap that charon has.  Ours come from close_action and dpd_action, and
 * from files that it loaded when we were not there. */
static void
handle_trap(struct strongswan *s, const struct section *body)
{
    const struct section_item *item;

    SECTION_FOR_EACH (item, body) {
        const char *ike = section_get(item->section, "ike");
        const char *child = section_get(item->section, "child");
        struct conn *conn = is_ours(ike) ? conn_find(s, ike) : NULL;

        if (is_ours(ike) && child && (!conn || !conn->wish)) {
            uninstall(s, ike, child);
        }
    }
}

/* Only a sweep wants to know of other people's SAs. */
static void
take_sa(struct request *req, const struct section *body)
{
    const struct section_item *item;

    SECTION_FOR_EACH (item, body) {
        if (item->section
            && (is_ours(item->name) || req->purpose == REQ_SWEEP)) {
            strongswan_sas_add(&req->sas,
                               strongswan_ike_sa_parse(item->name,
                                                       item->section));
        }
    }
}

/* Gives each connection its IKE_SAs.  One of ours whose connection nobody
 * wishes for becomes a connection to remove. */
static void
distribute_sas(struct strongswan *s, struct request *req)
{
    struct conn *conn;

    for (size_t i = 0; i < req->sas.n; i++) {
        conn = conn_orphan(s, req->sas.sas[i]->name);
        strongswan_sas_add(&conn->sas, req->sas.sas[i]);
    }
    req->sas.n = 0;
    HMAP_FOR_EACH (conn, node, &s->conns) {
        strongswan_sas_note_births(&conn->sas, time_msec());
        conn->sas_known = true;
    }
}

/* Answers and events. */

static void
handle_list_sas(struct strongswan *s, struct request *req)
{
    struct conn *conn = conn_find(s, req->conn);

    if (!conn) {
        return;
    }
    strongswan_sas_take(&conn->sas, &req->sas, time_msec());
    conn->sas_known = true;
    conn->query = (conn->query == QUERY_AGAIN ? QUERY_WANTED : QUERY_IDLE);
    conn_touch(s, conn);
}

static void
handle_loaded(struct strongswan *s, struct request *req,
              const struct vici_msg *msg)
{
    struct conn *conn = conn_find(s, req->conn);

    if (!conn || conn->load != CONN_LOADING) {
        return;
    }
    if (msg->error) {
        VLOG_WARN_RL(&rl, "%s: charon refuses the connection: %s",
                     conn_label(conn), msg->error);
        conn_set_error(conn, msg->error);
        conn->load = CONN_UNLOADED;
        conn->changed = true;
        conn_set_timer(s, conn, time_msec() + REFUSED_WAIT);
        return;
    }
    conn->load = CONN_LOADED;
    conn_want_query(s, conn);
}

static void
handle_credential(struct strongswan *s, struct request *req,
                  const struct vici_msg *msg)
{
    struct conn *conn = conn_find(s, req->conn);

    if (conn && msg->error) {
        VLOG_WARN_RL(&rl, "%s: charon refuses the %s: %s", conn_label(conn),
                     strcmp(msg->name, "load-key") ? "psk" : "private key",
                     msg->error);
        conn_set_error(conn, msg->error);
    }
}

static void
handle_reply(struct strongswan *s, struct request *req,
             const struct vici_msg *msg)
{
    struct conn *conn;

    switch (req->purpose) {
    case REQ_SYNC_CONNS:
        find_orphans(s, msg->body, "conns");
        break;
    case REQ_SYNC_SHARED:
        find_orphan_shared(s, msg->body);
        break;
    case REQ_SYNC_SAS:
        distribute_sas(s, req);
        break;
    case REQ_SYNC_TRAPS:
        break;
    case REQ_LOAD:
        handle_loaded(s, req, msg);
        break;
    case REQ_LOAD_CREDENTIAL:
        handle_credential(s, req, msg);
        break;
    case REQ_LIST_SAS:
        handle_list_sas(s, req);
        break;
    case REQ_SWEEP:
        strongswan_sweep_finish(s->sweep, &req->sas);
        break;
    case REQ_REMOVE:
        conn = conn_find(s, req->conn);
        if (conn) {
            conn_want_query(s, conn);
        }
        break;
    case REQ_OTHER:
        if (msg->error) {
            VLOG_DBG("%s: %s", msg->name, msg->error);
        }
        break;
    }
    if (req->purpose >= REQ_SYNC_CONNS && req->purpose <= REQ_SYNC_SAS
        && !--s->n_syncing) {
        finish_sync(s);
    }
}

static void
handle_item(struct strongswan *s, struct request *req,
            const struct vici_msg *msg)
{
    if (req->purpose == REQ_SYNC_TRAPS) {
        handle_trap(s, msg->body);
    } else {
        take_sa(req, msg->body);
    }
}

static bool
tells_failure(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(failure_words); i++) {
        if (strstr(text, failure_words[i])) {
            return true;
        }
    }
    return false;
}

/* Keeps the words of charon's log that tell why 'conn' does not come up. */
static void
handle_log(struct strongswan *s, const struct section *body)
{
    const char *name = section_get(body, "ikesa-name");
    const char *text = section_get(body, "msg");
    struct conn *conn = is_ours(name) ? conn_find(s, name) : NULL;

    if (conn && text && tells_failure(text)) {
        char *error = xasprintf("charon: %s", text);

        conn_set_error(conn, error);
        free(error);
    }
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
        struct conn *conn = (item->section && is_ours(item->name)
                             ? conn_find(s, item->name) : NULL);

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
        conn_want_query(s, conn);
    }
}

static void
handle_msg(struct strongswan *s, enum session session,
           const struct vici_msg *msg)
{
    struct request *req;

    if (msg->type == VICI_EVENT) {
        if (s->synced) {
            handle_event(s, msg);
        }
        return;
    }
    req = request_find(s, session, msg->id);
    if (!req) {
        return;
    }
    if (msg->type == VICI_ITEM) {
        handle_item(s, req, msg);
        return;
    }
    /* After VICI_FAILED the session's number has changed, and all starts
     * anew. */
    if (msg->type == VICI_REPLY) {
        handle_reply(s, req, msg);
    }
    request_destroy(s, req);
}

/* Sessions. */

/* Forgets what was known of charon. */
static void
reset(struct strongswan *s)
{
    struct request *req;
    struct conn *conn;

    HMAP_FOR_EACH_SAFE (req, node, &s->requests) {
        request_destroy(s, req);
    }
    HMAP_FOR_EACH (conn, node, &s->conns) {
        conn_reset(s, conn);
    }
    strongswan_sweep_reset(s->sweep, time_msec());
    credentials_unref(s->key);
    s->key = NULL;
    s->synced = false;
    s->n_syncing = 0;
}

static void
run_sessions(struct strongswan *s)
{
    bool all = true;
    bool changed = false;

    for (enum session i = 0; i < N_SESSIONS; i++) {
        vici_run(s->vici[i]);
        if (vici_get_seqno(s->vici[i]) != s->seqno[i]) {
            s->seqno[i] = vici_get_seqno(s->vici[i]);
            changed = true;
        }
        all = all && vici_is_connected(s->vici[i]);
    }
    s->up_now = all;
    if (changed) {
        reset(s);
    }
    if (all && s->committed && !s->synced && !s->n_syncing) {
        start_sync(s);
    }
}

static void
receive(struct strongswan *s, long long int deadline)
{
    struct vici_msg msg;

    for (enum session i = 0; i < N_SESSIONS; i++) {
        while (time_msec() < deadline && vici_recv(s->vici[i], &msg)) {
            handle_msg(s, i, &msg);
            vici_msg_uninit(&msg);
        }
    }
}

static void
run_timers(struct strongswan *s)
{
    uint64_t now = timer_priority(time_msec());

    while (!heap_is_empty(&s->timers)
           && heap_max(&s->timers)->priority >= now) {
        struct conn *conn = CONTAINER_OF(heap_max(&s->timers), struct conn,
                                         timer);

        conn_cancel_timer(s, conn);
        conn_want_query(s, conn);
    }
}

static void
finish_sweep_without_charon(struct strongswan *s)
{
    struct sset wanted = SSET_INITIALIZER(&wanted);
    const struct conn *conn;

    HMAP_FOR_EACH (conn, node, &s->conns) {
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
            request_send(s, QUERY, REQ_SWEEP, NULL, "list-sas", NULL);
        } else {
            finish_sweep_without_charon(s);
        }
    }
}

/* Wakes connections whose files have been written.  Files are written in the
 * order in which connections wait. */
static void
run_file_waiters(struct strongswan *s)
{
    while (!ovs_list_is_empty(&s->file_waiters)) {
        struct conn *conn = CONTAINER_OF(ovs_list_front(&s->file_waiters),
                                         struct conn, todo);

        if (!conn_may_load(s, conn)) {
            break;
        }
        conn_touch(s, conn);
    }
}

/* Takes the next step for each connection that has one, until 'deadline' in
 * ms. */
static void
run_todo(struct strongswan *s, long long int deadline)
{
    struct ovs_list todo;

    ovs_list_init(&todo);
    ovs_list_splice(&todo, s->todo.next, &s->todo);
    while (!ovs_list_is_empty(&todo) && time_msec() < deadline) {
        struct conn *conn = CONTAINER_OF(ovs_list_pop_front(&todo),
                                         struct conn, todo);

        ovs_list_init(&conn->todo);
        conn_run(s, conn);
    }
    ovs_list_splice(s->todo.next, todo.next, &todo);
}

static int
strongswan_open(const struct ike_options *options, struct ike **ikep)
{
    struct strongswan *s = xzalloc(sizeof *s);

    s->up.class = &ike_strongswan_class;
    for (enum session i = 0; i < N_SESSIONS; i++) {
        s->vici[i] = vici_open(options->socket,
                               i == EVENTS ? event_names : NULL);
        s->seqno[i] = vici_get_seqno(s->vici[i]);
    }
    s->files = swanctl_conf_open(options->dir);
    s->sweep = strongswan_sweep_create();
    hmap_init(&s->requests);
    hmap_init(&s->conns);
    ovs_list_init(&s->todo);
    ovs_list_init(&s->file_waiters);
    heap_init(&s->timers);
    *ikep = &s->up;
    return 0;
}

static void
strongswan_close(struct ike *ike)
{
    struct strongswan *s = strongswan_cast(ike);
    struct request *req;
    struct conn *conn;

    HMAP_FOR_EACH_SAFE (req, node, &s->requests) {
        request_destroy(s, req);
    }
    HMAP_FOR_EACH_SAFE (conn, node, &s->conns) {
        conn_destroy(s, conn);
    }
    for (enum session i = 0; i < N_SESSIONS; i++) {
        vici_close(s->vici[i]);
    }
    swanctl_conf_close(s->files);
    strongswan_sweep_destroy(s->sweep);
    credentials_unref(s->key);
    credentials_unref(s->filed);
    hmap_destroy(&s->requests);
    hmap_destroy(&s->conns);
    heap_destroy(&s->timers);
    free(s->error);
    free(s);
}

static void
strongswan_set(struct ike *ike, const char *name, const struct peer *peer)
{
    struct strongswan *s = strongswan_cast(ike);
    struct conn *conn = conn_find(s, name);

    if (!peer) {
        if (conn && conn->wish) {
            conn->gone = conn->wish;
            conn->wish = NULL;
            conn->up = false;
            conn->removing = false;
            s->n_removing++;
            conn_touch(s, conn);
        }
        return;
    }
    if (conn && conn->wish && peer_equals(conn->wish, peer)) {
        return;
    }
    if (!conn) {
        conn = conn_create(s, name);
    }
    if (!conn->wish) {
        s->n_removing--;
    }
    peer_destroy(conn->wish);
    peer_destroy(conn->gone);
    conn->wish = peer_clone(peer);
    conn->gone = NULL;
    conn->up = false;
    conn->changed = true;
    if (peer->credentials && peer->credentials != s->filed) {
        strongswan_files_write_credentials(s->files, peer->credentials);
        credentials_unref(s->filed);
        s->filed = credentials_ref(peer->credentials);
    }
    strongswan_files_write(s->files, peer);
    conn_touch(s, conn);
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
    struct conn *conn = conn_find(s, name);

    if (!conn || !conn->wish) {
        return;
    }
    conn->attempt.hurry = true;
    conn_want_query(s, conn);
    conn_touch_first(s, conn);
}

static void
strongswan_run(struct ike *ike)
{
    struct strongswan *s = strongswan_cast(ike);
    long long int deadline = time_msec() + RUN_BUDGET;

    swanctl_conf_run(s->files);
    sweep_files(s);
    run_sessions(s);
    receive(s, deadline);
    run_timers(s);
    run_sweep(s);
    run_file_waiters(s);
    run_todo(s, deadline);
}

static void
strongswan_wait(struct ike *ike)
{
    struct strongswan *s = strongswan_cast(ike);

    for (enum session i = 0; i < N_SESSIONS; i++) {
        vici_wait(s->vici[i]);
    }
    swanctl_conf_wait(s->files);
    strongswan_sweep_wait(s->sweep);
    if (!ovs_list_is_empty(&s->todo)) {
        poll_immediate_wake();
    }
    if (!heap_is_empty(&s->timers)) {
        poll_timer_wait_until(UINT64_MAX - heap_max(&s->timers)->priority);
    }
}

static int
strongswan_get(const struct ike *ike, const char *name,
               struct ike_state *state)
{
    const struct strongswan *s = strongswan_cast(ike);
    const struct conn *conn = conn_find(s, name);

    if (!conn || !conn->wish) {
        return ENOENT;
    }
    *state = (struct ike_state) {
        .loaded = conn->load == CONN_LOADED,
        .established = strongswan_sas_newest(&conn->sas) != NULL,
        .file_written = strongswan_files_are_written(s->files, conn->name),
        .error = conn->error,
    };
    return 0;
}

static int
strongswan_get_child(const struct ike *ike, const char *name,
                     const char *child, struct ike_child_state *state)
{
    const struct conn *conn = conn_find(strongswan_cast(ike), name);

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
                state->algorithm = sa->algorithm;
            }
            return 0;
        }
    }
    return ENOENT;
}

static const char *
strongswan_get_error(const struct ike *ike)
{
    const struct strongswan *s = strongswan_cast(ike);

    for (enum session i = 0; i < N_SESSIONS; i++) {
        const char *error = vici_get_error(s->vici[i]);

        if (error) {
            return error;
        }
    }
    return swanctl_conf_get_error(s->files);
}

static bool
strongswan_is_clean(const struct ike *ike)
{
    const struct strongswan *s = strongswan_cast(ike);

    return !s->n_removing && (s->synced || !s->up_now);
}

const struct ike_class ike_strongswan_class = {
    .name = "strongswan",
    .open = strongswan_open,
    .close = strongswan_close,
    .set = strongswan_set,
    .commit = strongswan_commit,
    .hurry = strongswan_hurry,
    .run = strongswan_run,
    .wait = strongswan_wait,
    .get = strongswan_get,
    .get_child = strongswan_get_child,
    .get_error = strongswan_get_error,
    .is_clean = strongswan_is_clean,
};
