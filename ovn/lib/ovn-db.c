/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See ovn-db.h.  Both daemons call this for each of their databases. */

#include <config.h>

#include "ovn/lib/ovn-db.h"

#include <errno.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovn/lib/host-names.h"
#include "ovsdb-idl-provider.h"
#include "reconnect.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ovn_db);

/* A database may take this long to answer before there is a complaint, in
 * ms: a daemon and its database often start together. */
#define PATIENCE_MS 2000

/* Shortest and longest time until there is a new connection after the server
 * refused what was written, in ms.  An identity and a role are those of a
 * connection, so that on this one it would go on refusing. */
#define RETRY_MIN_MS 5000
#define RETRY_MAX_MS 60000

/* Time between two looks at host names while there is no connection, in ms:
 * short against the seconds that an answer is good for. */
#define RESOLVE_MS 250

/* The shortest probe interval that makes sense, in ms. */
#define PROBE_INTERVAL_MIN 1000

/* Prepares 'db' to follow the columns of 'class', which must stay.  'remote'
 * is as ovn_db_set_remote() takes it.  Indexes on 'db->loop.idl' can be made
 * until the first ovn_db_run(). */
void
ovn_db_init(struct ovn_db *db, const struct ovn_db_class *class,
            const char *remote)
{
    struct ovsdb_idl *idl = ovsdb_idl_create_unconnected(class->idl_class,
                                                         false);

    *db = (struct ovn_db) {
        .class = class,
        .loop = OVSDB_IDL_LOOP_INITIALIZER(idl),
        .probe_interval = -1,
        .unusable_since = time_msec(),
        .reconnect_at = LLONG_MAX,
        .resolve_at = LLONG_MAX,
    };
    /* When the schema is converted, the server should drop the connection: to
     * a client that is aware of changes, the news can come before the new
     * schema, and then it goes on with the old one. */
    ovsdb_idl_set_db_change_aware(idl, false);
    for (size_t i = 0; i < class->n_columns; i++) {
        ovsdb_idl_add_column(idl, class->columns[i].column);
        if (class->columns[i].write_only) {
            ovsdb_idl_omit_alert(idl, class->columns[i].column);
        }
    }
    troubles_init(&db->troubles);
    ovn_db_set_remote(db, remote);
}

/* Has the changes of an iteration tracked (see "ovsdb-idl.h"), from
 * ovn_db_run() to ovn_db_commit_and_wait(). */
void
ovn_db_track(struct ovn_db *db)
{
    db->tracked = true;
    for (size_t i = 0; i < db->class->n_columns; i++) {
        ovsdb_idl_track_add_column(db->loop.idl,
                                   db->class->columns[i].column);
    }
}

/* Closes the connection and frees what 'db' contains. */
void
ovn_db_destroy(struct ovn_db *db)
{
    ovsdb_idl_loop_destroy(&db->loop);
    free(db->remote);
    free(db->refusal);
    troubles_destroy(&db->troubles);
}

static void
apply_probe_interval(struct ovn_db *db)
{
    int msecs = db->probe_interval;

    if (!db->remote) {
        return;
    }
    if (msecs < 0) {
        msecs = (stream_or_pstream_needs_probes(db->remote) == 0
                 ? 0 : RECONNECT_DEFAULT_PROBE_INTERVAL);
    }
    ovsdb_idl_set_probe_interval(db->loop.idl, msecs);
}

/* Makes 'db' connect to 'remote': one active OVSDB connection method, or
 * several separated by commas for a cluster; or to nothing if it is null.
 * The same one again has no effect. */
void
ovn_db_set_remote(struct ovn_db *db, const char *remote)
{
    if (nullable_string_is_equal(remote, db->remote)) {
        return;
    }
    free(db->remote);
    db->remote = nullable_xstrdup(remote);
    db->unusable_since = time_msec();
    db->answers = false;
    db->resolve_at = remote ? 0 : LLONG_MAX;
    ovn_db_forget_refusal(db);
    ovsdb_idl_set_remote(db->loop.idl, remote, true);
    apply_probe_interval(db);
}

/* Makes 'db' probe an idle connection every 'msecs', not at all if that is 0,
 * as often as the kind of connection needs if it is negative. */
void
ovn_db_set_probe_interval(struct ovn_db *db, int msecs)
{
    if (msecs > 0) {
        msecs = MAX(msecs, PROBE_INTERVAL_MIN);
    }
    if (msecs != db->probe_interval) {
        db->probe_interval = msecs;
        apply_probe_interval(db);
    }
}

static const char *
table_name(const struct ovn_db *db, const struct ovsdb_idl_column *column)
{
    return ovsdb_idl_table_class_from_column(db->class->idl_class,
                                             column)->name;
}

/* Returns the columns that the server's schema lacks, as "TABLE:COLUMN, ...",
 * which the caller must free; null if there are none. */
static char *
missing_columns(const struct ovn_db *db)
{
    struct ds missing = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < db->class->n_columns; i++) {
        const struct ovsdb_idl_column *column = db->class->columns[i].column;

        if (!ovsdb_idl_server_has_column(db->loop.idl, column)) {
            ds_put_format(&missing, "%s%s:%s", missing.length ? ", " : "",
                          table_name(db, column), column->name);
        }
    }
    return missing.length ? ds_steal_cstr(&missing) : NULL;
}

static bool
has_all_columns(const struct ovn_db *db)
{
    char *missing = missing_columns(db);

    free(missing);
    return !missing;
}

/* Returns true if the replica has been filled and has all columns that the
 * daemon needs.  It stays true while a connection is lost. */
bool
ovn_db_is_usable(const struct ovn_db *db)
{
    return (db->remote
            && ovsdb_idl_has_ever_connected(db->loop.idl)
            && has_all_columns(db));
}

/* libopenvswitch's error for a host name that is not resolved, or not yet,
 * says nothing of names. */
static const char *
connect_error_to_string(int error)
{
    return (error == EAFNOSUPPORT
            ? "its host name has no address, or none that this host can use"
            : ovs_retval_to_string(error));
}

static void
report_silence(struct ovn_db *db)
{
    const struct ovn_db_class *class = db->class;
    int error = ovsdb_idl_get_last_error(db->loop.idl);

    if (error && !db->answers) {
        troubles_add(&db->troubles, VLL_WARN, class->title,
                     "%s: cannot connect to %s (%s): is its ovsdb-server "
                     "running?  %s says where it is; trying on",
                     class->title, db->remote,
                     connect_error_to_string(error), class->setting);
    } else {
        troubles_add(&db->troubles, VLL_WARN, class->title,
                     "%s: no server at %s serves a usable %s database (in a "
                     "cluster: none is in touch with its leader); %s says "
                     "where it is; trying on",
                     class->title, db->remote, class->idl_class->database,
                     class->setting);
    }
}

static void
report_schema(struct ovn_db *db, const char *missing)
{
    const struct ovn_db_class *class = db->class;

    troubles_add(&db->troubles, VLL_ERR, class->title,
                 "%s: the schema of %s at %s is too old, without %s; convert "
                 "it with \"ovsdb-client convert %s %s\" and then restart "
                 "its ovsdb-server, which may go on announcing the old one; "
                 "waiting for that",
                 class->title, class->idl_class->database, db->remote,
                 missing, db->remote, class->schema);
}

static void
report_refusal(struct ovn_db *db)
{
    const struct ovn_db_class *class = db->class;

    troubles_add(&db->troubles, VLL_ERR, class->title,
                 "%s: %s does not let %s write what it has to (%s); %s; "
                 "trying on", class->title, db->remote, program_name,
                 db->refusal, class->refusal_hint);
}

static bool
is_silent(const struct ovn_db *db)
{
    return (db->remote
            && (!ovsdb_idl_has_ever_connected(db->loop.idl)
                || !ovsdb_idl_is_connected(db->loop.idl)));
}

/* When a silence becomes worth a line in the log. */
static long long int
silence_deadline(const struct ovn_db *db)
{
    return (db->unusable_since == LLONG_MAX
            ? LLONG_MAX : db->unusable_since + PATIENCE_MS);
}

static void
note_silence(struct ovn_db *db, bool silent)
{
    if (!silent) {
        db->unusable_since = LLONG_MAX;
    } else if (db->unusable_since == LLONG_MAX) {
        db->unusable_since = time_msec();
        db->answers = false;
    } else if (ovsdb_idl_is_connected(db->loop.idl) && !db->answers) {
        db->answers = true;
        db->unusable_since = time_msec();   /* It has to show its data yet. */
    }
}

/* Keeps 'db->troubles' up to date.  While a silence is short, it keeps what
 * it said before. */
static void
report(struct ovn_db *db)
{
    bool silent = is_silent(db);
    char *missing;

    note_silence(db, silent);
    if (silent && time_msec() < silence_deadline(db)) {
        return;
    }
    missing = db->remote && !silent ? missing_columns(db) : NULL;
    troubles_begin(&db->troubles);
    if (silent) {
        report_silence(db);
    } else if (missing) {
        report_schema(db, missing);
    } else if (db->refusal && !db->loop.committing_txn) {
        report_refusal(db);     /* The caller does not know what to do. */
    }
    troubles_end(&db->troubles);
    free(missing);
}

static void
note_connection(struct ovn_db *db)
{
    bool connected = ovsdb_idl_is_connected(db->loop.idl);

    if (connected && !db->was_connected) {
        db->connections++;
        db->refilling = true;
    }
    db->was_connected = connected;
    if (db->refilling && db->seqno != ovsdb_idl_get_seqno(db->loop.idl)) {
        db->refills++;
        db->refilling = false;
    }
    db->seqno = ovsdb_idl_get_seqno(db->loop.idl);
}

/* Returns the server's words if 'error', from ovsdb_idl_txn_get_error(), says
 * that its access control forbids the transaction, which the caller must free,
 * otherwise null. */
static char *
parse_refusal(const char *error)
{
    struct json *json = error[0] == '{' ? json_from_string(error) : NULL;
    char *refusal = NULL;

    if (json && json->type == JSON_OBJECT) {
        const struct json *kind = shash_find_data(json_object(json), "error");
        const struct json *details = shash_find_data(json_object(json),
                                                     "details");

        if (kind && kind->type == JSON_STRING
            && !strcmp(json_string(kind), "permission error")) {
            refusal = xstrdup(details && details->type == JSON_STRING
                              ? json_string(details) : json_string(kind));
        }
    }
    json_destroy(json);
    return refusal;
}

/* Looks at a transaction that failed before the loop ends it, and the reason
 * with it. */
static void
note_refusal(struct ovn_db *db)
{
    const struct ovsdb_idl_txn *txn = db->loop.committing_txn;
    char *refusal = txn ? parse_refusal(ovsdb_idl_txn_get_error(txn)) : NULL;

    if (refusal) {
        free(db->refusal);
        db->refusal = refusal;
        db->refused_connection = db->connections;
        db->retry_msecs = MIN(MAX(2 * db->retry_msecs, RETRY_MIN_MS),
                              RETRY_MAX_MS);
        db->reconnect_at = time_msec() + db->retry_msecs;
    }
}

/* The loop ends at once a transaction that the server committed. */
static void
note_success(struct ovn_db *db)
{
    if (db->in_flight && !db->loop.committing_txn) {
        ovn_db_forget_refusal(db);
    }
}

static bool
is_waiting_to_retry(const struct ovn_db *db)
{
    return db->refusal && db->connections == db->refused_connection;
}

static void
reconnect_if_refused(struct ovn_db *db)
{
    if (time_msec() >= db->reconnect_at) {
        db->reconnect_at = LLONG_MAX;
        ovsdb_idl_force_reconnect(db->loop.idl);
    }
}

static bool
is_resolving(const struct ovn_db *db)
{
    return (db->resolve_at != LLONG_MAX
            && !ovsdb_idl_is_connected(db->loop.idl));
}

static void
resolve_if_needed(struct ovn_db *db)
{
    if (is_resolving(db) && time_msec() >= db->resolve_at) {
        db->resolve_at = (host_names_resolve(db->remote)
                          ? time_msec() + RESOLVE_MS : LLONG_MAX);
    }
}

/* Takes in what the server sent.  Returns a transaction to write to, which
 * ovn_db_commit_and_wait() will commit, or null if none can be begun now:
 * the database is not usable, the one before is still under way or was
 * refused on this connection. */
struct ovsdb_idl_txn *
ovn_db_run(struct ovn_db *db)
{
    struct ovsdb_idl_txn *txn;

    reconnect_if_refused(db);
    resolve_if_needed(db);
    txn = ovsdb_idl_loop_run(&db->loop);
    note_connection(db);
    note_success(db);
    note_refusal(db);
    report(db);
    return ovn_db_is_usable(db) && !is_waiting_to_retry(db) ? txn : NULL;
}

/* Returns true if the server's access control forbids what was written
 * last. */
bool
ovn_db_was_refused(const struct ovn_db *db)
{
    return db->refusal != NULL;
}

/* Makes 'db' write again at once: the caller will write something else. */
void
ovn_db_forget_refusal(struct ovn_db *db)
{
    free(db->refusal);
    db->refusal = NULL;
    db->retry_msecs = 0;
    db->reconnect_at = LLONG_MAX;
}

/* Commits what was written since ovn_db_run(), without waiting for the
 * outcome, and makes poll_block() wake when something is to be done.  Returns
 * false if a transaction turns out to have failed, so that its work is to be
 * done again. */
bool
ovn_db_commit_and_wait(struct ovn_db *db)
{
    int retval = ovsdb_idl_loop_commit_and_wait(&db->loop);

    if (db->tracked) {
        ovsdb_idl_track_clear(db->loop.idl);
    }
    if (db->reconnect_at != LLONG_MAX) {
        poll_timer_wait_until(db->reconnect_at);
    }
    if (is_resolving(db)) {
        poll_timer_wait_until(db->resolve_at);
    }
    db->in_flight = db->loop.committing_txn != NULL;
    if (db->refusal && !retval) {
        poll_immediate_wake();      /* To report it. */
    }
    if (is_silent(db) && time_msec() < silence_deadline(db)) {
        poll_timer_wait_until(silence_deadline(db));
    }
    return retval != 0;
}

/* Returns "connected" or "not connected". */
const char *
ovn_db_connection_status(const struct ovn_db *db)
{
    return (ovsdb_idl_is_connected(db->loop.idl)
            ? "connected" : "not connected");
}
