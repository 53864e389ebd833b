/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Vici packets over a stream; see vici-conn.h. */

#include <config.h>

#include "vici-conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "stream.h"
#include "util.h"
#include "secret.h"
#include "vici-codec.h"

/* How much is read at once, and what an idle connection keeps. */
#define READ_CHUNK (16 * 1024)

struct vici_conn {
    struct stream *stream;
    struct ofpbuf input;        /* Received, not yet taken. */
    struct ofpbuf output;       /* Not yet written. */
    int status;                 /* 0, a positive errno, or EOF. */
    char *error;                /* 'status' in words, null if it is 0. */
};

/* Returns a new connection over 'stream', which must be connected, and which
 * it owns from now on. */
struct vici_conn *
vici_conn_open(struct stream *stream)
{
    struct vici_conn *conn = xzalloc(sizeof *conn);

    conn->stream = stream;
    ofpbuf_init(&conn->input, 0);
    ofpbuf_init(&conn->output, 0);
    return conn;
}

/* Closes and frees 'conn', which may be null.  What is not written yet is
 * lost. */
void
vici_conn_close(struct vici_conn *conn)
{
    if (conn) {
        stream_close(conn->stream);
        ofpbuf_uninit(&conn->input);
        secret_wipe_ofpbuf(&conn->output);
        ofpbuf_uninit(&conn->output);
        free(conn->error);
        free(conn);
    }
}

/* Ends 'conn' with 'status' and 'error', which it takes. */
static void
vici_conn_fail(struct vici_conn *conn, int status, char *error)
{
    ovs_assert(!conn->status);
    conn->status = status;
    conn->error = error;
}

/* Ends 'conn' after a stream function that did 'what' returned 'retval'. */
static void
vici_conn_fail_stream(struct vici_conn *conn, const char *what, int retval)
{
    if (!retval) {
        vici_conn_fail(conn, EOF, xstrdup("the other side closed the "
                                          "connection"));
    } else {
        vici_conn_fail(conn, -retval, xasprintf("%s failed: %s", what,
                                                ovs_strerror(-retval)));
    }
}

/* Moves what is in 'buf' to its front, so that it does not grow with all that
 * ever went through it. */
static void
compact(struct ofpbuf *buf)
{
    ofpbuf_shift(buf, -(int) ofpbuf_headroom(buf));
}

/* Forgets what was in 'buf', which may be keys, and that it ever was large, if
 * it is empty. */
static void
shrink_if_empty(struct ofpbuf *buf)
{
    if (!buf->size) {
        secret_wipe_ofpbuf(buf);
        if (buf->allocated > READ_CHUNK) {
            ofpbuf_uninit(buf);
            ofpbuf_init(buf, 0);
        }
    }
}

/* Writes as much of the output as the stream takes. */
void
vici_conn_run(struct vici_conn *conn)
{
    if (conn->status) {
        return;
    }

    stream_run(conn->stream);
    while (conn->output.size) {
        int retval = stream_send(conn->stream, conn->output.data,
                                 conn->output.size);
        if (retval > 0) {
            ofpbuf_pull(&conn->output, retval);
        } else {
            if (retval != -EAGAIN) {
                vici_conn_fail_stream(conn, "writing", retval);
            }
            break;
        }
    }
    shrink_if_empty(&conn->output);
}

/* Makes poll_block() wake when vici_conn_run() has something to do. */
void
vici_conn_wait(struct vici_conn *conn)
{
    if (!conn->status) {
        stream_run_wait(conn->stream);
        if (conn->output.size) {
            stream_send_wait(conn->stream);
        }
    }
}

/* Puts a copy of 'packet', one or more whole packets, into the output, which
 * vici_conn_run() writes.  The caller bounds how much waits there. */
void
vici_conn_send(struct vici_conn *conn, const struct ofpbuf *packet)
{
    if (!conn->status) {
        if (ofpbuf_headroom(&conn->output) > conn->output.size) {
            compact(&conn->output);
        }
        ofpbuf_put(&conn->output, packet->data, packet->size);
    }
}

/* Reads once.  Returns false if nothing came, or after an error. */
static bool
vici_conn_fill(struct vici_conn *conn)
{
    struct ofpbuf *input = &conn->input;

    compact(input);
    ofpbuf_prealloc_tailroom(input, READ_CHUNK);

    int retval = stream_recv(conn->stream, ofpbuf_tail(input),
                             ofpbuf_tailroom(input));
    if (retval > 0) {
        input->size += retval;
        return true;
    }
    if (retval != -EAGAIN) {
        vici_conn_fail_stream(conn, "reading", retval);
    }
    return false;
}

/* Stores in '*length' how many bytes the packet in front of the input has,
 * and returns true if they are all there.  Fails 'conn' if that cannot be. */
static bool
vici_conn_has_packet(struct vici_conn *conn, size_t *length)
{
    if (conn->input.size < VICI_HEADER_LEN) {
        return false;
    }

    char *error = vici_packet_decode_length(conn->input.data, length);
    if (error) {
        vici_conn_fail(conn, EPROTO, error);
        return false;
    }
    return conn->input.size - VICI_HEADER_LEN >= *length;
}

/* Takes the next packet.  Returns true, and the caller owns what '*packet'
 * consists of, or false if there is none now or 'conn' has ended. */
bool
vici_conn_recv(struct vici_conn *conn, struct vici_packet *packet)
{
    size_t length;

    if (conn->status) {
        return false;
    }
    while (!vici_conn_has_packet(conn, &length)) {
        if (conn->status || !vici_conn_fill(conn)) {
            shrink_if_empty(&conn->input);
            return false;
        }
    }

    ofpbuf_pull(&conn->input, VICI_HEADER_LEN);
    char *error = vici_packet_decode(ofpbuf_pull(&conn->input, length),
                                     length, packet);
    if (error) {
        vici_conn_fail(conn, EPROTO,
                       xasprintf("a packet cannot be understood: %s", error));
        free(error);
        return false;
    }
    return true;
}

/* Makes poll_block() wake when vici_conn_recv() may return true or find that
 * 'conn' has ended. */
void
vici_conn_recv_wait(struct vici_conn *conn)
{
    size_t length;

    if (conn->status || vici_conn_has_packet(conn, &length) || conn->status) {
        poll_immediate_wake();
    } else {
        stream_recv_wait(conn->stream);
    }
}

/* Returns 0 while 'conn' works, otherwise a positive errno or EOF. */
int
vici_conn_get_status(const struct vici_conn *conn)
{
    return conn->status;
}

/* Returns in words why 'conn' has ended, null while it works.  Good until
 * vici_conn_close(). */
const char *
vici_conn_get_error(const struct vici_conn *conn)
{
    return conn->error;
}
