/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STRONGSWAN_SESSION_H
#define STRONGSWAN_SESSION_H 1

/* Conversation with charon: what the strongSwan back end asks, and the answer
 * to each question with what it was asked for.
 *
 * A session is three vici connections, because charon serves the requests of
 * each one in order, and list-sas may wait for a busy IKE_SA.  It is up when
 * all three are.  When one breaks, no question that was asked is answered any
 * more: strongswan_session_run() tells, and all is to be compared anew. */

#include <stdbool.h>

#include "compiler.h"

#include "strongswan-sa.h"
#include "vici.h"

struct section;
struct strongswan_session;

/* What is asked for, so what to do with the answer. */
enum strongswan_purpose {
    STRONGSWAN_OTHER,           /* The answer changes nothing. */
    STRONGSWAN_LOOK,
    STRONGSWAN_SYNC_CONNS,
    STRONGSWAN_SYNC_SHARED,
    STRONGSWAN_SYNC_TRAPS,
    STRONGSWAN_SYNC_SAS,
    STRONGSWAN_HEED_CONNS,
    STRONGSWAN_HEED_TRAPS,
    STRONGSWAN_LOAD,
    STRONGSWAN_LOAD_CREDENTIAL, /* load-key or load-shared. */
    STRONGSWAN_LIST_SAS,
    STRONGSWAN_SWEEP,
    STRONGSWAN_REMOVE,
};

/* An answer (VICI_REPLY), an item of one (VICI_ITEM), or an event, to which
 * 'purpose', 'conn' and 'sas' do not apply.  The items of list-sas do not come
 * one by one but as 'sas' of the answer. */
struct strongswan_msg {
    struct vici_msg vici;
    enum strongswan_purpose purpose;
    char *conn;                 /* Name of a connection, or null. */
    struct strongswan_sas sas;
};

void strongswan_msg_uninit(struct strongswan_msg *);

struct strongswan_session *strongswan_session_open(const char *socket,
                                                   int timeout);
void strongswan_session_close(struct strongswan_session *);
bool strongswan_session_run(struct strongswan_session *);
void strongswan_session_wait(struct strongswan_session *);
bool strongswan_session_is_up(const struct strongswan_session *);
const char *strongswan_session_get_error(const struct strongswan_session *);

void strongswan_send(struct strongswan_session *, enum strongswan_purpose,
                     const char *conn, const char *command,
                     struct section *args);
void strongswan_session_listen(struct strongswan_session *, bool);
bool strongswan_session_is_listening(const struct strongswan_session *);
bool strongswan_session_recv(struct strongswan_session *,
                             struct strongswan_msg *);

/* Requests of several places. */
struct section *strongswan_args(const char *name, ...) SENTINEL(0);
void strongswan_uninstall(struct strongswan_session *, const char *conn,
                          const char *child);
void strongswan_terminate(struct strongswan_session *,
                          enum strongswan_purpose, const char *conn,
                          const char *child);
void strongswan_terminate_id(struct strongswan_session *, const char *conn,
                             const char *kind, const char *id);

bool strongswan_is_ours(const char *name);

#endif /* strongswan-session.h */
