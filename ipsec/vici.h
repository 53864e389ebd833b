/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef VICI_H
#define VICI_H 1

/* An asynchronous client of charon's vici socket.
 *
 * Two layers, as jsonrpc and jsonrpc_session: a vici_conn (vici-conn.h, with
 * the bytes in vici-codec.h) is one connection, struct vici here is one that
 * comes back by itself.  Nothing blocks.  Whatever happens comes up as a list
 * of values:
 *
 *     vici_run(vici);
 *     while (vici_recv(vici, &msg)) { ...; vici_msg_uninit(&msg); }
 *     vici_wait(vici);
 *
 * vici_get_seqno() changes each time the connection comes up or breaks:
 * then whatever was known of charon is to be compared anew.  Requests that
 * were under way when it broke end with VICI_FAILED, every one; none is ever
 * repeated.  Requests made while it is down end so as well.  One call of
 * vici_run() does a bounded amount of work; vici_wait() then wakes at once.
 *
 * charon serves the requests of one connection one by one and in order, so
 * what may wait long goes over a connection of its own. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct section;
struct vici;

enum vici_msg_type {
    VICI_REPLY,                 /* The answer to request 'id'.  The last. */
    VICI_FAILED,                /* No answer to request 'id'; 'error' says
                                 * why.  The last. */
    VICI_ITEM,                  /* One item that request 'id' streams. */
    VICI_EVENT,                 /* Event 'name'. */
};

struct vici_msg {
    enum vici_msg_type type;
    unsigned int id;            /* As vici_send() returned it; 0 for
                                 * VICI_EVENT. */
    char *name;                 /* The command, or the event. */
    struct section *body;       /* Null for VICI_FAILED. */
    char *error;                /* For VICI_FAILED; for VICI_REPLY charon's
                                 * errmsg if it answered success=no,
                                 * otherwise null. */
};

void vici_msg_uninit(struct vici_msg *);

/* How many requests charon may have at once; the others wait here. */
#define VICI_WINDOW 64

struct vici *vici_open(const char *socket, const char *const *events);
void vici_close(struct vici *);
void vici_run(struct vici *);
void vici_wait(struct vici *);

bool vici_is_connected(const struct vici *);
unsigned int vici_get_seqno(const struct vici *);
const char *vici_get_error(const struct vici *);
size_t vici_n_pending(const struct vici *);

unsigned int vici_send(struct vici *, const char *command,
                       struct section *args, const char *stream,
                       long long int timeout);
bool vici_recv(struct vici *, struct vici_msg *);

void vici_listen(struct vici *, const char *event, bool listen);
bool vici_is_listening(const struct vici *, const char *event);

/* The same with the time, in ms, as an argument, for tests. */
struct vici *vici_open__(const char *socket, const char *const *events,
                         long long int now);
void vici_run__(struct vici *, long long int now);

#endif /* vici.h */
