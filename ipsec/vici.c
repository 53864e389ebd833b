/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The connection to charon that comes back by itself; see vici.h.
 *
 * All that is sent needs an answer, registrations of events too, and charon
 * answers in order.  So there are two queues, 'waiting' and 'written', and
 * whatever comes either belongs to the oldest in 'written' or is an event
 * that somebody registered for.  Anything else ends the connection, because
 * then nobody knows any more what the next answer belongs to. */

#include <config.h>

#include "vici.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/list.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "reconnect.h"
#include "section.h"
#include "sset.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"
#include "secret.h"
#include "vici-codec.h"
#include "vici-conn.h"

VLOG_DEFINE_THIS_MODULE(vici);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

/* What one vici_run() takes in at most.  On slow machines still well below
 * the 5 ms that a run may take. */
#define RUN_MAX_PACKETS 64

/* How long charon may take to confirm an event, in ms.  It does that at once,
 * also while it is busy with other connections. */
#define REGISTER_TIMEOUT 30000

/* One packet that charon has to answer. */
struct vici_request {
    struct ovs_list node;       /* In struct vici's 'waiting' or 'written'. */
    enum vici_packet_type type; /* VICI_P_REQUEST, VICI_P_REGISTER or
                                 * VICI_P_UNREGISTER. */
    unsigned int id;            /* 0 if it is not VICI_P_REQUEST. */
    char *name;                 /* Command or event. */
    char *stream;               /* Event of its items, or null. */
    long long int timeout;      /* In ms; 0 is for ever. */
    struct ofpbuf *packet;      /* Until it is written. */
};

/* One message for vici_recv(). */
struct vici_result {
    struct ovs_list node;       /* In struct vici's 'results'. */
    struct vici_msg msg;
};

struct vici {
    char *socket;               /* Path. */
    struct sset events;         /* To be registered for, at each connect. */
    struct reconnect *reconnect;
    struct stream *stream;      /* While connecting. */
    struct vici_conn *conn;     /* While connected. */
    bool is_up;                 /* Connected, 'events' registered. */
    unsigned int seqno;
    char *error;                /* Why not 'is_up'; null before the first
                                 * attempt and while up. */
    struct sset registered;     /* Events registered for, or being so. */
    struct sset unknown;        /* Those of them that charon has not. */

    struct ovs_list waiting;    /* "struct vici_request"s, not written. */
    struct ovs_list written;    /* Not answered, the oldest first. */
    size_t n_written;
    size_t n_pending;           /* In both, without registrations. */
    unsigned int last_id;
    long long int deadline;     /* Of the oldest in 'written', in ms;
                                 * LLONG_MAX if there is none. */

    struct ovs_list results;    /* "struct vici_result"s for vici_recv(). */
};

static void vici_register(struct vici *, const char *event);

/* Frees what 'msg' consists of, but not 'msg' itself. */
void
vici_msg_uninit(struct vici_msg *msg)
{
    free(msg->name);
    free(msg->error);
    section_destroy(msg->body);
}

/* As vici_open(), at time 'now' (in ms). */
struct vici *
vici_open__(const char *socket, const char *const *events, long long int now)
{
    struct vici *vici = xzalloc(sizeof *vici);

    vici->socket = xstrdup(socket);
    sset_init(&vici->events);
    for (size_t i = 0; events && events[i]; i++) {
        sset_add(&vici->events, events[i]);
    }
    sset_init(&vici->registered);
    sset_init(&vici->unknown);
    ovs_list_init(&vici->waiting);
    ovs_list_init(&vici->written);
    ovs_list_init(&vici->results);
    vici->deadline = LLONG_MAX;

    /* charon answers no probe that it was not asked for by a request, and
     * every request has a deadline, so there is no other probing. */
    vici->reconnect = reconnect_create(now);
    reconnect_set_name(vici->reconnect, socket);
    reconnect_set_quiet(vici->reconnect, true);
    reconnect_set_backoff(vici->reconnect, 1000, 8000);
    reconnect_set_probe_interval(vici->reconnect, 0);
    reconnect_enable(vici->reconnect, now);
    return vici;
}

/* Returns a new client of the vici socket at the absolute path 'socket', which
 * the caller frees with vici_close().  That charon is not there is a state and
 * not an error: it is tried again, every 1 to 8 s.
 *
 * 'events' is a null-terminated array of names of events to register for at
 * each connect, or null; one that charon does not know is logged and
 * survived. */
struct vici *
vici_open(const char *socket, const char *const *events)
{
    return vici_open__(socket, events, time_msec());
}

static void
vici_request_destroy(struct vici_request *request)
{
    secret_wipe_ofpbuf(request->packet);
    ofpbuf_delete(request->packet);
    free(request->name);
    free(request->stream);
    free(request);
}

static void
vici_requests_destroy(struct ovs_list *requests)
{
    struct vici_request *request;

    LIST_FOR_EACH_POP (request, node, requests) {
        vici_request_destroy(request);
    }
}

/* Closes the connection and frees 'vici', which may be null, with all
 * requests and messages that are left.  charon carries out what was written
 * to it. */
void
vici_close(struct vici *vici)
{
    struct vici_msg msg;

    if (!vici) {
        return;
    }
    while (vici_recv(vici, &msg)) {
        vici_msg_uninit(&msg);
    }
    vici_requests_destroy(&vici->waiting);
    vici_requests_destroy(&vici->written);
    vici_conn_close(vici->conn);
    stream_close(vici->stream);
    reconnect_destroy(vici->reconnect);
    sset_destroy(&vici->events);
    sset_destroy(&vici->registered);
    sset_destroy(&vici->unknown);
    free(vici->socket);
    free(vici->error);
    free(vici);
}

/* Messages for the caller. */

static void
vici_put_result(struct vici *vici, const struct vici_msg *msg)
{
    struct vici_result *result = xmalloc(sizeof *result);

    result->msg = *msg;
    ovs_list_push_back(&vici->results, &result->node);
}

/* Takes 'request', which must be in no list, and tells the caller that it
 * failed with 'error'. */
static void
vici_fail_request(struct vici *vici, struct vici_request *request,
                  const char *error)
{
    if (request->id) {
        vici_put_result(vici, &(struct vici_msg) {
            .type = VICI_FAILED,
            .id = request->id,
            .name = xstrdup(request->name),
            .error = xstrdup(error),
        });
    }
    vici_request_destroy(request);
}

/* Takes the next message.  Returns true, and the caller owns what '*msg'
 * consists of, or false if there is none. */
bool
vici_recv(struct vici *vici, struct vici_msg *msg)
{
    if (ovs_list_is_empty(&vici->results)) {
        return false;
    }

    struct vici_result *result = CONTAINER_OF(
        ovs_list_pop_front(&vici->results), struct vici_result, node);
    *msg = result->msg;
    free(result);
    return true;
}

/* The connection, up and down. */

/* What an operator can do about 'status' (errno or EOF). */
static const char *
vici_get_advice(int status)
{
    return (status == EACCES || status == EPERM
            ? "the socket's owner and mode do not allow it, see "
              "charon.plugins.vici.socket in strongswan.conf"
            : "is charon-systemd running?  See `systemctl status strongswan`");
}

/* Notes that 'vici' is down, and why.  Says so once per reason. */
static void
vici_set_error(struct vici *vici, int status, const char *reason)
{
    static struct vlog_rate_limit down_rl = VLOG_RATE_LIMIT_INIT(1, 1);
    char *error = xasprintf("%s: %s", vici->socket, reason);

    if (!nullable_string_is_equal(error, vici->error)) {
        VLOG_WARN_RL(&down_rl, "%s (%s)", error, vici_get_advice(status));
    }
    free(vici->error);
    vici->error = error;
}

static void
vici_fail_requests(struct vici *vici, struct ovs_list *requests)
{
    struct vici_request *request;

    LIST_FOR_EACH_POP (request, node, requests) {
        vici_fail_request(vici, request, vici->error);
    }
}

/* Drops the connection, or what there is of it, because of 'reason', which
 * 'status' (a positive errno or EOF) stands for. */
static void
vici_disconnect(struct vici *vici, int status, const char *reason,
                long long int now)
{
    vici_set_error(vici, status, reason);
    reconnect_disconnected(vici->reconnect, now, status);

    stream_close(vici->stream);
    vici->stream = NULL;
    vici_conn_close(vici->conn);
    vici->conn = NULL;
    sset_clear(&vici->registered);
    sset_clear(&vici->unknown);

    vici_fail_requests(vici, &vici->written);
    vici_fail_requests(vici, &vici->waiting);
    vici->n_written = 0;
    vici->n_pending = 0;
    vici->deadline = LLONG_MAX;

    if (vici->is_up) {
        vici->is_up = false;
        vici->seqno++;
    }
}

static void OVS_PRINTF_FORMAT(3, 4)
vici_protocol_error(struct vici *vici, long long int now,
                    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *reason = xvasprintf(format, args);
    va_end(args);

    vici_disconnect(vici, EPROTO, reason, now);
    free(reason);
}

static void
vici_connect(struct vici *vici, long long int now)
{
    char *name = xasprintf("unix:%s", vici->socket);

    reconnect_connecting(vici->reconnect, now);
    int error = stream_open(name, &vici->stream, DSCP_DEFAULT);
    if (error) {
        vici_disconnect(vici, error, ovs_strerror(error), now);
    }
    free(name);
}

/* Looks whether the stream is connected by now; if so, registers the
 * events. */
static void
vici_run_connecting(struct vici *vici, long long int now)
{
    stream_run(vici->stream);
    int error = stream_connect(vici->stream);
    if (error == EAGAIN) {
        return;
    }
    if (error) {
        vici_disconnect(vici, error, ovs_strerror(error), now);
        return;
    }

    const char *event;

    reconnect_connected(vici->reconnect, now);
    vici->conn = vici_conn_open(vici->stream);
    vici->stream = NULL;
    SSET_FOR_EACH (event, &vici->events) {
        vici_register(vici, event);
    }
}

/* The connection is up once all that was sent first, the registrations, is
 * answered. */
static void
vici_check_up(struct vici *vici)
{
    if (!vici->is_up && ovs_list_is_empty(&vici->waiting)
        && ovs_list_is_empty(&vici->written)) {
        VLOG_INFO_RL(&rl, "%s: connected to charon", vici->socket);
        vici->is_up = true;
        vici->seqno++;
        free(vici->error);
        vici->error = NULL;
    }
}

/* Returns true while the connection is up and the events are registered. */
bool
vici_is_connected(const struct vici *vici)
{
    return vici->is_up;
}

/* Returns a number that changes each time the connection comes up or
 * breaks. */
unsigned int
vici_get_seqno(const struct vici *vici)
{
    return vici->seqno;
}

/* Returns in words, beginning with the socket's path, why the connection is
 * down, or null if it is up.  Good until the next vici_run(). */
const char *
vici_get_error(const struct vici *vici)
{
    return (vici->is_up ? NULL
            : vici->error ? vici->error
            : "charon's vici socket has not answered yet");
}

/* Requests. */

static void
vici_request_create(struct vici *vici, enum vici_packet_type type,
                    unsigned int id, const char *name, const char *stream,
                    long long int timeout, struct ofpbuf *packet)
{
    struct vici_request *request = xmalloc(sizeof *request);

    *request = (struct vici_request) {
        .type = type,
        .id = id,
        .name = xstrdup(name),
        .stream = nullable_xstrdup(stream),
        .timeout = timeout,
        .packet = packet,
    };
    ovs_list_push_back(&vici->waiting, &request->node);
    vici->n_pending += id != 0;
}

static void
vici_request_event(struct vici *vici, enum vici_packet_type type,
                   const char *event)
{
    char *error;
    struct ofpbuf *packet = vici_packet_encode(type, event, NULL, &error);

    ovs_assert(packet);
    vici_request_create(vici, type, 0, event, NULL, REGISTER_TIMEOUT, packet);
}

/* Registers for 'event' on this connection, if that has not been done. */
static void
vici_register(struct vici *vici, const char *event)
{
    if (sset_add(&vici->registered, event)) {
        vici_request_event(vici, VICI_P_REGISTER, event);
    }
}

/* From now on events called 'event' come if 'listen', on this connection and
 * on later ones, otherwise none does, although charon may have sent it.  Each
 * one costs charon a wake-up of two threads.  'event' must not be one that
 * items of requests on this connection come in. */
void
vici_listen(struct vici *vici, const char *event, bool listen)
{
    if (listen == sset_contains(&vici->events, event)) {
        return;
    }
    if (listen) {
        sset_add(&vici->events, event);
    } else {
        sset_find_and_delete(&vici->events, event);
    }
    if (!vici->conn) {
        return;
    }
    if (listen) {
        vici_register(vici, event);
    } else if (sset_find_and_delete(&vici->registered, event)) {
        vici_request_event(vici, VICI_P_UNREGISTER, event);
    }
}

static bool
vici_is_registering(const struct ovs_list *requests, const char *event)
{
    const struct vici_request *request;

    LIST_FOR_EACH (request, node, requests) {
        if (request->type != VICI_P_REQUEST
            && !strcmp(request->name, event)) {
            return true;
        }
    }
    return false;
}

/* Returns true if charon has confirmed that it sends 'event' from now on. */
bool
vici_is_listening(const struct vici *vici, const char *event)
{
    return (vici->is_up && sset_contains(&vici->registered, event)
            && !vici_is_registering(&vici->waiting, event)
            && !vici_is_registering(&vici->written, event));
}

/* Sends 'command' with 'args', which it takes and which may be null for none.
 * 'stream' names the event in which the command's items come, or is null; it
 * stays registered on the connection.
 *
 * 'timeout' is in ms, 0 for ever.  charon serves one request after the other,
 * so the time runs from when it can begin with this one: it is written and
 * all before it are answered.  Each item begins it anew.  If it runs out, the
 * connection is dropped, because what comes next on it could only come
 * later; that fails all other requests as well.
 *
 * Returns the id of the request, which is not 0.  Exactly one VICI_REPLY or
 * VICI_FAILED with it follows, also when there is no connection or 'args'
 * cannot be sent. */
unsigned int
vici_send(struct vici *vici, const char *command, struct section *args,
          const char *stream, long long int timeout)
{
    unsigned int id = ++vici->last_id ? vici->last_id : ++vici->last_id;
    char *error = NULL;
    struct ofpbuf *packet = NULL;

    if (vici->is_up) {
        packet = vici_packet_encode(VICI_P_REQUEST, command, args, &error);
    } else {
        error = xstrdup(vici_get_error(vici));
    }
    section_destroy(args);

    if (packet) {
        if (stream) {
            vici_register(vici, stream);
        }
        vici_request_create(vici, VICI_P_REQUEST, id, command, stream,
                            timeout, packet);
    } else {
        vici_put_result(vici, &(struct vici_msg) {
            .type = VICI_FAILED,
            .id = id,
            .name = xstrdup(command),
            .error = error,
        });
    }
    return id;
}

/* Returns the number of requests without an answer. */
size_t
vici_n_pending(const struct vici *vici)
{
    return vici->n_pending;
}

static struct vici_request *
vici_get_oldest(const struct vici *vici)
{
    return (ovs_list_is_empty(&vici->written) ? NULL
            : CONTAINER_OF(ovs_list_front(&vici->written),
                           struct vici_request, node));
}

/* Lets the time of the oldest request begin. */
static void
vici_start_deadline(struct vici *vici, long long int now)
{
    const struct vici_request *oldest = vici_get_oldest(vici);

    vici->deadline = (oldest && oldest->timeout ? now + oldest->timeout
                      : LLONG_MAX);
}

/* Writes what is waiting, as far as the window allows. */
static void
vici_write(struct vici *vici, long long int now)
{
    bool idle = ovs_list_is_empty(&vici->written);

    while (vici->n_written < VICI_WINDOW
           && !ovs_list_is_empty(&vici->waiting)) {
        struct vici_request *request = CONTAINER_OF(
            ovs_list_pop_front(&vici->waiting), struct vici_request, node);

        vici_conn_send(vici->conn, request->packet);
        secret_wipe_ofpbuf(request->packet);
        ofpbuf_delete(request->packet);
        request->packet = NULL;
        ovs_list_push_back(&vici->written, &request->node);
        vici->n_written++;
    }
    if (idle) {
        vici_start_deadline(vici, now);
    }
}

/* Answers. */

/* Takes the oldest request out, because it has been answered. */
static struct vici_request *
vici_pop_oldest(struct vici *vici, long long int now)
{
    struct vici_request *request = CONTAINER_OF(
        ovs_list_pop_front(&vici->written), struct vici_request, node);

    vici->n_written--;
    vici->n_pending -= request->id != 0;
    vici_start_deadline(vici, now);
    return request;
}

/* What charon says against a request that it answered with 'body', null if
 * nothing.  The caller frees it. */
static char *
vici_get_errmsg(const struct section *body)
{
    const char *success = section_get(body, "success");

    if (!success || strcmp(success, "no")) {
        return NULL;
    }

    const char *errmsg = section_get(body, "errmsg");
    return xstrdup(errmsg && *errmsg ? errmsg : "charon gave no reason");
}

/* The answer to a request; takes '*body'. */
static void
vici_handle_response(struct vici *vici, struct vici_request *request,
                     struct section **body)
{
    if (request->stream && sset_contains(&vici->unknown, request->stream)) {
        /* Its items never came, so this must not look like an empty list. */
        char *error = xasprintf("charon does not know the event %s, which "
                                "the answer to %s comes in", request->stream,
                                request->name);
        vici_fail_request(vici, request, error);
        free(error);
        return;
    }

    vici_put_result(vici, &(struct vici_msg) {
        .type = VICI_REPLY,
        .id = request->id,
        .name = xstrdup(request->name),
        .body = *body,
        .error = vici_get_errmsg(*body),
    });
    *body = NULL;
    vici_request_destroy(request);
}

static void
vici_handle_unknown_command(struct vici *vici, struct vici_request *request)
{
    char *error = xasprintf("charon does not know the command %s",
                            request->name);

    vici_fail_request(vici, request, error);
    free(error);
}

static void
vici_handle_unknown_event(struct vici *vici, struct vici_request *request)
{
    VLOG_WARN_RL(&rl, "%s: charon does not know the event %s",
                 vici->socket, request->name);
    sset_add(&vici->unknown, request->name);
    vici_request_destroy(request);
}

/* Returns true if 'type' can answer a request of type 'request'. */
static bool
vici_is_answer(enum vici_packet_type type, enum vici_packet_type request)
{
    return (request == VICI_P_REQUEST
            ? type == VICI_P_RESPONSE || type == VICI_P_UNKNOWN_COMMAND
            : type == VICI_P_CONFIRMED || type == VICI_P_UNKNOWN_EVENT);
}

/* Handles 'packet', which answers the oldest request. */
static void
vici_handle_answer(struct vici *vici, struct vici_packet *packet,
                   long long int now)
{
    const struct vici_request *oldest = vici_get_oldest(vici);

    if (!oldest || !vici_is_answer(packet->type, oldest->type)) {
        vici_protocol_error(vici, now, "a packet of type %d came that nobody "
                            "waits for", packet->type);
        return;
    }

    struct vici_request *request = vici_pop_oldest(vici, now);
    if (packet->type == VICI_P_RESPONSE) {
        vici_handle_response(vici, request, &packet->body);
    } else if (packet->type == VICI_P_UNKNOWN_COMMAND) {
        vici_handle_unknown_command(vici, request);
    } else if (packet->type == VICI_P_UNKNOWN_EVENT) {
        vici_handle_unknown_event(vici, request);
    } else {
        vici_request_destroy(request);
    }
}

/* Handles an event: an item of the oldest request, or one of ours.  Else it
 * is left over from a stream that stays registered. */
static void
vici_handle_event(struct vici *vici, struct vici_packet *packet,
                  long long int now)
{
    const struct vici_request *oldest = vici_get_oldest(vici);
    bool is_item = (oldest
                    && nullable_string_is_equal(oldest->stream,
                                                packet->name));

    if (!is_item && !sset_contains(&vici->events, packet->name)) {
        VLOG_DBG("%s: dropping event %s", vici->socket, packet->name);
        return;
    }
    if (is_item) {
        vici_start_deadline(vici, now);
    }
    vici_put_result(vici, &(struct vici_msg) {
        .type = is_item ? VICI_ITEM : VICI_EVENT,
        .id = is_item ? oldest->id : 0,
        .name = is_item ? xstrdup(oldest->name) : packet->name,
        .body = packet->body,
    });
    if (!is_item) {
        packet->name = NULL;
    }
    packet->body = NULL;
}

/* Takes in what charon sent, within limits.  Returns true if that was all for
 * now. */
static bool
vici_receive(struct vici *vici, long long int now)
{
    for (int i = 0; vici->conn && i < RUN_MAX_PACKETS; i++) {
        struct vici_packet packet;

        if (!vici_conn_recv(vici->conn, &packet)) {
            return true;
        }
        reconnect_activity(vici->reconnect, now);
        if (packet.type == VICI_P_EVENT) {
            vici_handle_event(vici, &packet, now);
        } else {
            vici_handle_answer(vici, &packet, now);
        }
        vici_packet_uninit(&packet);
    }
    return false;
}

/* Drops the connection if it has ended, or the oldest request waited too
 * long. */
static void
vici_check_broken(struct vici *vici, bool all_received, long long int now)
{
    int status = vici_conn_get_status(vici->conn);

    if (status) {
        char *reason = xstrdup(vici_conn_get_error(vici->conn));

        vici_disconnect(vici, status, reason, now);
        free(reason);
    } else if (all_received && now >= vici->deadline) {
        const struct vici_request *oldest = vici_get_oldest(vici);
        char *reason = xasprintf("no answer to %s within %lld ms",
                                 oldest->name, oldest->timeout);

        vici_disconnect(vici, ETIMEDOUT, reason, now);
        free(reason);
    }
}

static void
vici_run_connected(struct vici *vici, long long int now)
{
    bool all_received = vici_receive(vici, now);

    if (!vici->conn) {
        return;
    }
    vici_check_up(vici);
    vici_write(vici, now);
    vici_conn_run(vici->conn);
    vici_check_broken(vici, all_received, now);
}

/* As vici_run(), at time 'now' (in ms). */
void
vici_run__(struct vici *vici, long long int now)
{
    switch (reconnect_run(vici->reconnect, now)) {
    case RECONNECT_CONNECT:
        vici_connect(vici, now);
        break;
    case RECONNECT_DISCONNECT:
        vici_disconnect(vici, ETIMEDOUT, "connecting takes too long", now);
        break;
    case RECONNECT_PROBE:       /* Is off. */
    default:
        break;
    }

    if (vici->stream) {
        vici_run_connecting(vici, now);
    }
    if (vici->conn) {
        vici_run_connected(vici, now);
    }
}

/* Connects, writes and reads what can be done without blocking, in bounded
 * time; vici_recv() then has what came of it. */
void
vici_run(struct vici *vici)
{
    vici_run__(vici, time_msec());
}

/* Makes poll_block() wake when vici_run() or vici_recv() has something to
 * do. */
void
vici_wait(struct vici *vici)
{
    reconnect_wait(vici->reconnect, time_msec());
    if (vici->stream) {
        stream_run_wait(vici->stream);
        stream_connect_wait(vici->stream);
    }
    if (vici->conn) {
        vici_conn_wait(vici->conn);
        vici_conn_recv_wait(vici->conn);
        if (vici->n_written < VICI_WINDOW
            && !ovs_list_is_empty(&vici->waiting)) {
            poll_immediate_wake();
        }
    }
    if (vici->deadline != LLONG_MAX) {
        poll_timer_wait_until(vici->deadline);
    }
    if (!ovs_list_is_empty(&vici->results)) {
        poll_immediate_wake();
    }
}
