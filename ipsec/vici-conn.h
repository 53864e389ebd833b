/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef VICI_CONN_H
#define VICI_CONN_H 1

/* One connection over which vici packets go, in either role.
 *
 * The lower layer of 'vici', which knows what the packets mean and connects
 * again; this one ends with the stream it was given.  Nothing blocks.  After
 * an error, every call does nothing, and vici_conn_get_error() says why. */

#include <stdbool.h>
#include <stddef.h>

struct ofpbuf;
struct stream;
struct vici_conn;
struct vici_packet;

struct vici_conn *vici_conn_open(struct stream *);
void vici_conn_close(struct vici_conn *);
void vici_conn_run(struct vici_conn *);
void vici_conn_wait(struct vici_conn *);

void vici_conn_send(struct vici_conn *, const struct ofpbuf *packet);
bool vici_conn_recv(struct vici_conn *, struct vici_packet *);
void vici_conn_recv_wait(struct vici_conn *);

int vici_conn_get_status(const struct vici_conn *);
const char *vici_conn_get_error(const struct vici_conn *);

#endif /* vici-conn.h */
