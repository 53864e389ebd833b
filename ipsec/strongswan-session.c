/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Conversation with charon; see strongswan-session.h. */

#include <config.h>

#include "strongswan-session.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/hmap.h"
#include "hash.h"
#include "util.h"

#include "peer.h"
#include "section.h"

#define LOG_EVENT "log"

static const char *const event_names[] = {
    "ike-updown", "ike-rekey", "child-updown", "child-rekey", LOG_EVENT, NULL
};

/* The vici connections. */
enum channel { CONFIG, QUERY, EVENTS, N_CHANNELS };

struct request {
    struct hmap_node node;      /* In struct strongswan_session's
                                 * 'requests'. */
    enum channel channel;
    unsigned int id;
    enum strongswan_purpose purpose;
    char *conn;                 /* Name of a connection, or null. */
    struct strongswan_sas sas;  /* What has come in so far. */
};

struct strongswan_session {
    int timeout;                /* In ms: a request that charon has not
                                 * answered then will not be answered. */
    struct vici *vici[N_CHANNELS];
    unsigned int seqno[N_CHANNELS];
    struct hmap requests;       /* Contains "struct request"s. */
    bool up;                    /* All channels are connected. */
};

/* Returns true if what is called 'name' in charon, which may be null, belongs
 * to us. */
bool
strongswan_is_ours(const char *name)
{
    return name && !strncmp(name, PEER_NAME_PREFIX, strlen(PEER_NAME_PREFIX));
}

/* Returns a session with the charon behind the vici socket at path 'socket',
 * which may be down.  It has 'timeout', in ms, for each request.  The caller
 * frees the session. */
struct strongswan_session *
strongswan_session_open(const char *socket, int timeout)
{
    struct strongswan_session *session = xzalloc(sizeof *session);

    session->timeout = timeout;
    for (enum channel i = 0; i < N_CHANNELS; i++) {
        session->vici[i] = vici_open(socket,
                                     i == EVENTS ? event_names : NULL);
        session->seqno[i] = vici_get_seqno(session->vici[i]);
    }
    hmap_init(&session->requests);
    return session;
}

static struct request *
find_request(const struct strongswan_session *session, enum channel channel,
             unsigned int id)
{
    struct request *req;

    HMAP_FOR_EACH_WITH_HASH (req, node, hash_2words(channel, id),
                             &session->requests) {
        if (req->channel == channel && req->id == id) {
            return req;
        }
    }
    return NULL;
}

static void
request_destroy(struct strongswan_session *session, struct request *req)
{
    hmap_remove(&session->requests, &req->node);
    strongswan_sas_uninit(&req->sas);
    free(req->conn);
    free(req);
}

static void
forget_requests(struct strongswan_session *session)
{
    struct request *req;

    HMAP_FOR_EACH_SAFE (req, node, &session->requests) {
        request_destroy(session, req);
    }
}

/* Frees 'session', which may be null.  charon carries out what was sent. */
void
strongswan_session_close(struct strongswan_session *session)
{
    if (!session) {
        return;
    }
    forget_requests(session);
    for (enum channel i = 0; i < N_CHANNELS; i++) {
        vici_close(session->vici[i]);
    }
    hmap_destroy(&session->requests);
    free(session);
}

/* Sends and receives.  Returns true if a connection came up or broke since the
 * last call: then no request from before is answered any more. */
bool
strongswan_session_run(struct strongswan_session *session)
{
    bool changed = false;

    session->up = true;
    for (enum channel i = 0; i < N_CHANNELS; i++) {
        struct vici *vici = session->vici[i];

        vici_run(vici);
        if (vici_get_seqno(vici) != session->seqno[i]) {
            session->seqno[i] = vici_get_seqno(vici);
            changed = true;
        }
        session->up = session->up && vici_is_connected(vici);
    }
    if (changed) {
        forget_requests(session);
    }
    return changed;
}

/* Wakes the poll loop when strongswan_session_run() or
 * strongswan_session_recv() has something to do. */
void
strongswan_session_wait(struct strongswan_session *session)
{
    for (enum channel i = 0; i < N_CHANNELS; i++) {
        vici_wait(session->vici[i]);
    }
}

/* Returns true if charon was there at the last strongswan_session_run(). */
bool
strongswan_session_is_up(const struct strongswan_session *session)
{
    return session->up;
}

/* Returns null if charon answers, otherwise why not, owned by 'session'. */
const char *
strongswan_session_get_error(const struct strongswan_session *session)
{
    for (enum channel i = 0; i < N_CHANNELS; i++) {
        const char *error = vici_get_error(session->vici[i]);

        if (error) {
            return error;
        }
    }
    return NULL;
}

static const char *
stream_of(const char *command)
{
    return (!strcmp(command, "list-sas") ? "list-sa"
            : !strcmp(command, "list-policies") ? "list-policy"
            : NULL);
}

/* Sends 'command' with 'args', which it takes and which may be null.  The
 * answer will have 'purpose' and 'conn', the name of the connection that it is
 * about, or null. */
void
strongswan_send(struct strongswan_session *session,
                enum strongswan_purpose purpose, const char *conn,
                const char *command, struct section *args)
{
    enum channel channel = strcmp(command, "list-sas") ? CONFIG : QUERY;
    struct request *req = xzalloc(sizeof *req);

    req->channel = channel;
    req->purpose = purpose;
    req->conn = nullable_xstrdup(conn);
    strongswan_sas_init(&req->sas);
    req->id = vici_send(session->vici[channel], command, args,
                        stream_of(command), session->timeout);
    hmap_insert(&session->requests, &req->node, hash_2words(channel, req->id));
}

/* Only a sweep wants to know of other people's SAs. */
static void
take_sa(struct request *req, const struct section *body)
{
    const struct section_item *item;

    SECTION_FOR_EACH (item, body) {
        if (item->section && (strongswan_is_ours(item->name)
                              || req->purpose == STRONGSWAN_SWEEP)) {
            strongswan_sas_add(&req->sas,
                               strongswan_ike_sa_parse(item->name,
                                                       item->section));
        }
    }
}

/* Completes 'msg', which came over 'channel', from the request that it
 * answers, if it does.  Returns false if it is not for the caller. */
static bool
complete_msg(struct strongswan_session *session, enum channel channel,
             struct strongswan_msg *msg)
{
    struct request *req;
    bool wanted;

    if (msg->vici.type == VICI_EVENT) {
        return true;
    }
    req = find_request(session, channel, msg->vici.id);
    if (!req) {
        return false;
    }
    msg->purpose = req->purpose;
    if (msg->vici.type == VICI_ITEM) {
        if (req->purpose == STRONGSWAN_SYNC_TRAPS
            || req->purpose == STRONGSWAN_HEED_TRAPS) {
            return true;
        }
        take_sa(req, msg->vici.body);
        return false;
    }
    /* When the connection has broken all starts anew.  While it is up,
     * VICI_FAILED answers what cannot be sent at all, because a value is too
     * long for vici. */
    wanted = (msg->vici.type == VICI_REPLY
              || (vici_is_connected(session->vici[channel])
                  && (req->purpose == STRONGSWAN_LOAD
                      || req->purpose == STRONGSWAN_LOAD_CREDENTIAL)));
    if (wanted) {
        msg->conn = nullable_xstrdup(req->conn);
        strongswan_sas_move(&msg->sas, &req->sas);
    }
    request_destroy(session, req);
    return wanted;
}

/* From now on charon's log comes as events, or no longer.  A line of it costs
 * charon a good part of what loading a connection does. */
void
strongswan_session_listen(struct strongswan_session *session, bool listen)
{
    vici_listen(session->vici[EVENTS], LOG_EVENT, listen);
}

/* Returns true if all that charon's log tells from now on comes as events. */
bool
strongswan_session_is_listening(const struct strongswan_session *session)
{
    return vici_is_listening(session->vici[EVENTS], LOG_EVENT);
}

/* Takes the next message that needs attention into '*msg', which the caller
 * frees with strongswan_msg_uninit().  Returns false if there is none. */
bool
strongswan_session_recv(struct strongswan_session *session,
                        struct strongswan_msg *msg)
{
    for (enum channel i = 0; i < N_CHANNELS; i++) {
        struct vici_msg vici;

        while (vici_recv(session->vici[i], &vici)) {
            *msg = (struct strongswan_msg) { .vici = vici };
            strongswan_sas_init(&msg->sas);
            if (complete_msg(session, i, msg)) {
                return true;
            }
            strongswan_msg_uninit(msg);
        }
    }
    return false;
}

/* Frees what 'msg' consists of. */
void
strongswan_msg_uninit(struct strongswan_msg *msg)
{
    vici_msg_uninit(&msg->vici);
    strongswan_sas_uninit(&msg->sas);
    free(msg->conn);
}

/* Returns arguments made of pairs of names and values, ended by a null
 * name. */
struct section *
strongswan_args(const char *name, ...)
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

/* Takes away the trap of 'child' of connection 'conn', if there is one. */
void
strongswan_uninstall(struct strongswan_session *session, const char *conn,
                     const char *child)
{
    strongswan_send(session, STRONGSWAN_OTHER, conn, "uninstall",
                    strongswan_args("child", child, "ike", conn, NULL));
}

/* Ends all SAs of connection 'conn', or only those of its 'child' if that is
 * not null.  The answer does not wait for the peer's. */
void
strongswan_terminate(struct strongswan_session *session,
                     enum strongswan_purpose purpose, const char *conn,
                     const char *child)
{
    struct section *args = strongswan_args("ike", conn, "force", "yes",
                                           "timeout", "-1", NULL);

    if (child) {
        section_put(args, "child", child);
    }
    strongswan_send(session, purpose, conn, "terminate", args);
}

/* Ends one IKE_SA or CHILD_SA of connection 'conn' ('kind' is "ike-id" or
 * "child-id") by its unique id. */
void
strongswan_terminate_id(struct strongswan_session *session, const char *conn,
                        const char *kind, const char *id)
{
    strongswan_send(session, STRONGSWAN_OTHER, conn, "terminate",
                    strongswan_args(kind, id, "force", "yes",
                                    "timeout", "-1", NULL));
}
