/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef OVN_DB_H
#define OVN_DB_H 1

/* A daemon's connection to one database: ovsdb_idl_loop, and in addition
 *
 *   - one table of the columns that the daemon uses, which is what it
 *     monitors and what it insists on;
 *
 *   - one clear line in the log when the database is not there, is another
 *     one, has a schema without those columns, or refuses what is written.
 *     It goes on by itself as soon as that is mended.
 *
 * In each iteration of the main loop:
 *
 *     struct ovsdb_idl_txn *txn = ovn_db_run(&db);
 *     if (ovn_db_is_usable(&db)) {
 *         ...                      Read the replica, write to 'txn' if it is
 *                                  not null.
 *     }
 *     ovn_db_commit_and_wait(&db);
 */

#include "ovn/lib/troubles.h"
#include "ovsdb-idl.h"

/* A column that the daemon uses. */
struct ovn_db_column {
    const struct ovsdb_idl_column *column;
    bool write_only;            /* Changes by others need not wake us. */
};

/* What is constant about a database of a daemon. */
struct ovn_db_class {
    const char *title;          /* In messages: "northbound database". */
    const char *setting;        /* What says where it is: "--ovnnb-db". */
    const char *schema;         /* File name of the whole schema. */
    const char *refusal_hint;   /* What to look at if the server refuses what
                                 * the daemon writes. */
    const struct ovsdb_idl_class *idl_class;
    const struct ovn_db_column *columns;
    size_t n_columns;
};

struct ovn_db {
    const struct ovn_db_class *class;
    struct ovsdb_idl_loop loop;
    char *remote;               /* Null: not known yet. */
    int probe_interval;         /* In ms; negative: the default. */
    long long int unusable_since; /* In terms of time_msec(); LLONG_MAX while
                                   * it is usable. */
    bool answers;               /* Did any server answer since then? */
    unsigned int connections;   /* How often a connection came up. */
    unsigned int refills;       /* How often the contents came anew by one:
                                 * then nothing tells what has gone. */
    bool refilling;             /* They have not come yet. */
    unsigned int seqno;         /* Of the contents. */
    bool was_connected;
    bool tracked;               /* ovn_db_track() was called. */
    bool in_flight;             /* A transaction is under way. */
    char *refusal;              /* The server's words when we were not allowed
                                 * what was written last, or null. */
    unsigned int refused_connection;    /* "connections" at that time. */
    int retry_msecs;            /* Time from then to a new connection. */
    long long int reconnect_at; /* In terms of time_msec(); LLONG_MAX while
                                 * nothing is refused. */
    long long int resolve_at;   /* When to ask for host names in "remote", in
                                 * terms of time_msec(); LLONG_MAX: there are
                                 * none. */
    struct troubles troubles;
};

void ovn_db_init(struct ovn_db *, const struct ovn_db_class *,
                 const char *remote);
void ovn_db_destroy(struct ovn_db *);
void ovn_db_track(struct ovn_db *);

void ovn_db_set_remote(struct ovn_db *, const char *remote);
void ovn_db_set_probe_interval(struct ovn_db *, int msecs);

struct ovsdb_idl_txn *ovn_db_run(struct ovn_db *);
bool ovn_db_is_usable(const struct ovn_db *);
bool ovn_db_commit_and_wait(struct ovn_db *);

bool ovn_db_was_refused(const struct ovn_db *);
void ovn_db_forget_refusal(struct ovn_db *);

const char *ovn_db_connection_status(const struct ovn_db *);

#endif /* ovn-db.h */
