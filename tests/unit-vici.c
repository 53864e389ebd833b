/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/vici and ipsec/vici-conn, against a peer in this process that
 * plays charon, with the time as an argument.  The socket is a real one in the
 * current folder; what one side wrote the other can read at once, so nothing
 * here waits. */

#include <config.h>

#include "vici.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fatal-signal.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "section.h"
#include "stream.h"
#include "timeval.h"
#include "unit.h"
#include "vici-codec.h"
#include "vici-conn.h"

#define SOCKET "unit-vici.sock"

/* Both ends. */
struct world {
    struct vici *vici;
    long long int now;          /* In ms. */
    struct pstream *listener;   /* The peer's, null while it is not there. */
    struct stream *raw;         /* The peer's, before it speaks vici. */
    struct vici_conn *peer;     /* The peer's. */
};

static void
peer_start(struct world *w)
{
    int error = pstream_open("punix:"SOCKET, &w->listener, DSCP_DEFAULT);

    ovs_assert(!error);
}

static void
peer_hang_up(struct world *w)
{
    vici_conn_close(w->peer);
    w->peer = NULL;
    stream_close(w->raw);
    w->raw = NULL;
}

static void
peer_stop(struct world *w)
{
    peer_hang_up(w);
    pstream_close(w->listener);
    w->listener = NULL;
}

static void
run(struct world *w)
{
    vici_run__(w->vici, w->now);
}

/* Takes the connection that the client made.  Returns false if it did not
 * make one. */
static bool
peer_accept(struct world *w)
{
    return !pstream_accept(w->listener, &w->raw);
}

static void
peer_speak(struct world *w)
{
    w->peer = vici_conn_open(w->raw);
    w->raw = NULL;
}

/* A client, and a peer that has accepted it; 'events' as for vici_open(). */
static struct world
world_start(const char *const *events)
{
    struct world w = { .now = 1000000 };

    peer_start(&w);
    w.vici = vici_open__(SOCKET, events, w.now);
    run(&w);
    CHECK(peer_accept(&w));
    peer_speak(&w);
    run(&w);
    return w;
}

static void
world_end(struct world *w)
{
    vici_close(w->vici);
    peer_stop(w);
}

/* Sends a packet to the client and lets it run. */
static void
peer_send(struct world *w, enum vici_packet_type type, const char *name,
          struct section *body)
{
    char *error;
    struct ofpbuf *packet = vici_packet_encode(type, name, body, &error);

    ovs_assert(packet);
    vici_conn_send(w->peer, packet);
    vici_conn_run(w->peer);
    ofpbuf_delete(packet);
    section_destroy(body);
    run(w);
}

/* Takes the next packet, returns its name, good until the next call, or null
 * if there is none.  Stores its type in '*type'. */
static const char *
peer_recv(struct world *w, enum vici_packet_type *type)
{
    static char *name;
    struct vici_packet packet;

    run(w);
    free(name);
    name = NULL;
    *type = -1;
    if (vici_conn_recv(w->peer, &packet)) {
        *type = packet.type;
        name = nullable_xstrdup(packet.name);
        vici_packet_uninit(&packet);
    }
    return name;
}

static void
peer_expect(struct world *w, enum vici_packet_type type, const char *name,
            const char *where)
{
    enum vici_packet_type got;
    const char *got_name = peer_recv(w, &got);

    unit_check_string(got_name, name, where, "name of the packet");
    unit_check(!name || got == type, where, "type of the packet");
}
#define PEER_EXPECT(W, TYPE, NAME) \
    peer_expect(W, TYPE, NAME, OVS_SOURCE_LOCATOR)

/* Takes the next message of the client: it must be as given.  'error' may be
 * null; otherwise what is there must contain it. */
static void
expect_msg(struct world *w, enum vici_msg_type type, unsigned int id,
           const char *name, const char *error, const char *where)
{
    struct vici_msg msg;

    if (!vici_recv(w->vici, &msg)) {
        unit_check(false, where, "there is a message");
        return;
    }
    unit_check(msg.type == type, where, "type of the message");
    unit_check(msg.id == id, where, "id of the message");
    unit_check_string(msg.name, name, where, "name of the message");
    unit_check(!msg.body == (type == VICI_FAILED), where, "body of message");
    if (!error || !msg.error || !strstr(msg.error, error)) {
        unit_check_string(msg.error, error, where, "error of the message");
    }
    vici_msg_uninit(&msg);
}
#define EXPECT_MSG(W, TYPE, ID, NAME, ERROR) \
    expect_msg(W, TYPE, ID, NAME, ERROR, OVS_SOURCE_LOCATOR)

static bool
has_msg(struct world *w)
{
    struct vici_msg msg;
    bool has = vici_recv(w->vici, &msg);

    if (has) {
        vici_msg_uninit(&msg);
    }
    return has;
}

static unsigned int
send_request(struct world *w, const char *command)
{
    return vici_send(w->vici, command, NULL, NULL, 10000);
}

/* Coming up. */

static void
test_not_there(void)
{
    struct world w = { .now = 1000000 };

    unlink(SOCKET);
    w.vici = vici_open__(SOCKET, NULL, w.now);
    CHECK(vici_get_error(w.vici) != NULL);
    run(&w);
    CHECK(!vici_is_connected(w.vici));
    CHECK_STRING(vici_get_error(w.vici),
                 SOCKET": No such file or directory");
    CHECK(vici_get_seqno(w.vici) == 0);

    unsigned int id = send_request(&w, "version");
    CHECK(id != 0);
    CHECK(vici_n_pending(w.vici) == 0);
    EXPECT_MSG(&w, VICI_FAILED, id, "version", "No such file or directory");
    CHECK(!has_msg(&w));

    /* It is tried again after a second, not before. */
    peer_start(&w);
    w.now += 999;
    run(&w);
    CHECK(!vici_is_connected(w.vici));
    w.now += 1;
    run(&w);
    CHECK(peer_accept(&w));
    CHECK(vici_is_connected(w.vici));
    CHECK_STRING(vici_get_error(w.vici), NULL);
    CHECK(vici_get_seqno(w.vici) == 1);
    world_end(&w);
}

/* The time between attempts grows to 8 s. */
static void
test_backoff(void)
{
    struct world w = { .now = 1000000 };
    long long int attempts[6];
    size_t n = 0;

    peer_start(&w);
    w.vici = vici_open__(SOCKET, NULL, w.now);
    while (n < ARRAY_SIZE(attempts)) {
        run(&w);
        if (peer_accept(&w)) {
            attempts[n++] = w.now;
            peer_hang_up(&w);
            run(&w);
        }
        w.now += 100;
    }
    CHECK(attempts[1] - attempts[0] == 1000);
    CHECK(attempts[2] - attempts[1] == 2000);
    CHECK(attempts[3] - attempts[2] == 4000);
    CHECK(attempts[4] - attempts[3] == 8000);
    CHECK(attempts[5] - attempts[4] == 8000);
    CHECK(vici_get_seqno(w.vici) == 12);
    world_end(&w);
}

static void
test_events(void)
{
    static const char *const events[] = { "ike-updown", "alert", NULL };
    struct world w = world_start(events);
    enum vici_packet_type type;
    bool first_is_alert;

    /* They are registered in any order; the connection is up when all have
     * been answered, with yes or with no. */
    const char *first = peer_recv(&w, &type);
    CHECK(type == VICI_P_REGISTER);
    first_is_alert = first && !strcmp(first, "alert");
    PEER_EXPECT(&w, VICI_P_REGISTER, first_is_alert ? "ike-updown" : "alert");
    CHECK(!vici_is_connected(w.vici));
    unsigned int early = send_request(&w, "version");
    EXPECT_MSG(&w, VICI_FAILED, early, "version", "has not answered yet");
    peer_send(&w, first_is_alert ? VICI_P_UNKNOWN_EVENT : VICI_P_CONFIRMED,
              NULL, NULL);
    CHECK(!vici_is_connected(w.vici));
    peer_send(&w, first_is_alert ? VICI_P_CONFIRMED : VICI_P_UNKNOWN_EVENT,
              NULL, NULL);
    CHECK(vici_is_connected(w.vici));
    CHECK(vici_get_seqno(w.vici) == 1);

    struct section *body = section_create();
    section_put(body, "up", "yes");
    peer_send(&w, VICI_P_EVENT, "ike-updown", body);
    EXPECT_MSG(&w, VICI_EVENT, 0, "ike-updown", NULL);
    CHECK(!has_msg(&w));

    /* After a break they are registered again. */
    peer_hang_up(&w);
    run(&w);
    CHECK(!vici_is_connected(w.vici));
    CHECK(vici_get_seqno(w.vici) == 2);
    w.now += 1000;
    run(&w);
    CHECK(peer_accept(&w));
    peer_speak(&w);
    peer_recv(&w, &type);
    CHECK(type == VICI_P_REGISTER);
    peer_recv(&w, &type);
    CHECK(type == VICI_P_REGISTER);
    PEER_EXPECT(&w, 0, NULL);
    world_end(&w);
}

/* Requests and answers. */

static struct section *
make_answer(const char *success, const char *errmsg)
{
    struct section *body = section_create();

    section_put(body, "success", success);
    if (errmsg) {
        section_put(body, "errmsg", errmsg);
    }
    return body;
}

static void
test_answers(void)
{
    struct world w = world_start(NULL);
    unsigned int ids[5];

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        ids[i] = send_request(&w, "load-conn");
    }
    CHECK(vici_n_pending(w.vici) == 5);
    PEER_EXPECT(&w, VICI_P_REQUEST, "load-conn");
    peer_send(&w, VICI_P_RESPONSE, NULL, make_answer("yes", NULL));
    peer_send(&w, VICI_P_RESPONSE, NULL, make_answer("no", "bad option"));
    peer_send(&w, VICI_P_RESPONSE, NULL, make_answer("no", NULL));
    peer_send(&w, VICI_P_UNKNOWN_COMMAND, NULL, NULL);
    peer_send(&w, VICI_P_RESPONSE, NULL, section_create());
    EXPECT_MSG(&w, VICI_REPLY, ids[0], "load-conn", NULL);
    EXPECT_MSG(&w, VICI_REPLY, ids[1], "load-conn", "bad option");
    EXPECT_MSG(&w, VICI_REPLY, ids[2], "load-conn", "charon gave no reason");
    EXPECT_MSG(&w, VICI_FAILED, ids[3], "load-conn",
               "charon does not know the command load-conn");
    EXPECT_MSG(&w, VICI_REPLY, ids[4], "load-conn", NULL);
    CHECK(!has_msg(&w));
    CHECK(vici_n_pending(w.vici) == 0);
    CHECK(vici_is_connected(w.vici));
    world_end(&w);
}

/* Arguments arrive; those that cannot be sent fail that request alone. */
static void
test_arguments(void)
{
    struct world w = world_start(NULL);
    struct section *args = section_create();
    char *large = xzalloc(65536);

    section_put_bytes(args, "data", large, 65536);
    free(large);
    unsigned int bad = vici_send(w.vici, "load-key", args, NULL, 10000);
    args = section_create();
    section_put(args, "name", "ovs-1");
    vici_send(w.vici, "unload-conn", args, NULL, 10000);

    EXPECT_MSG(&w, VICI_FAILED, bad, "load-key", "65536 bytes");
    struct vici_packet packet;
    run(&w);
    CHECK(vici_conn_recv(w.peer, &packet));
    CHECK_STRING(packet.name, "unload-conn");
    CHECK_STRING(section_get(packet.body, "name"), "ovs-1");
    vici_packet_uninit(&packet);
    CHECK(vici_is_connected(w.vici));
    world_end(&w);
}

static void
test_items(void)
{
    static const char *const events[] = { "ike-updown", NULL };
    struct world w = world_start(events);

    PEER_EXPECT(&w, VICI_P_REGISTER, "ike-updown");
    peer_send(&w, VICI_P_CONFIRMED, NULL, NULL);
    unsigned int one = vici_send(w.vici, "list-sas", NULL, "list-sa", 10000);
    unsigned int two = vici_send(w.vici, "list-sas", NULL, "list-sa", 10000);
    PEER_EXPECT(&w, VICI_P_REGISTER, "list-sa");
    PEER_EXPECT(&w, VICI_P_REQUEST, "list-sas");
    PEER_EXPECT(&w, VICI_P_REQUEST, "list-sas");
    CHECK(vici_n_pending(w.vici) == 2);

    /* An event of ours between items is an event, one of nobody is lost. */
    peer_send(&w, VICI_P_CONFIRMED, NULL, NULL);
    peer_send(&w, VICI_P_EVENT, "list-sa", section_create());
    peer_send(&w, VICI_P_EVENT, "ike-updown", section_create());
    peer_send(&w, VICI_P_EVENT, "control-log", section_create());
    peer_send(&w, VICI_P_EVENT, "list-sa", section_create());
    peer_send(&w, VICI_P_RESPONSE, NULL, section_create());
    peer_send(&w, VICI_P_EVENT, "list-sa", section_create());
    peer_send(&w, VICI_P_RESPONSE, NULL, section_create());
    peer_send(&w, VICI_P_EVENT, "list-sa", section_create());
    EXPECT_MSG(&w, VICI_ITEM, one, "list-sas", NULL);
    EXPECT_MSG(&w, VICI_EVENT, 0, "ike-updown", NULL);
    EXPECT_MSG(&w, VICI_ITEM, one, "list-sas", NULL);
    EXPECT_MSG(&w, VICI_REPLY, one, "list-sas", NULL);
    EXPECT_MSG(&w, VICI_ITEM, two, "list-sas", NULL);
    EXPECT_MSG(&w, VICI_REPLY, two, "list-sas", NULL);
    CHECK(!has_msg(&w));
    CHECK(vici_is_connected(w.vici));
    world_end(&w);
}

/* A list whose items cannot come must not look empty. */
static void
test_unknown_stream(void)
{
    struct world w = world_start(NULL);
    unsigned int one = vici_send(w.vici, "list-sas", NULL, "list-sa", 10000);
    unsigned int two = vici_send(w.vici, "list-sas", NULL, "list-sa", 10000);

    PEER_EXPECT(&w, VICI_P_REGISTER, "list-sa");
    peer_send(&w, VICI_P_UNKNOWN_EVENT, NULL, NULL);
    peer_send(&w, VICI_P_RESPONSE, NULL, section_create());
    peer_send(&w, VICI_P_RESPONSE, NULL, section_create());
    EXPECT_MSG(&w, VICI_FAILED, one, "list-sas", "event list-sa");
    EXPECT_MSG(&w, VICI_FAILED, two, "list-sas", "event list-sa");
    CHECK(vici_is_connected(w.vici));

    /* Another charon may know it. */
    peer_hang_up(&w);
    run(&w);
    w.now += 1000;
    run(&w);
    CHECK(peer_accept(&w));
    peer_speak(&w);
    one = vici_send(w.vici, "list-sas", NULL, "list-sa", 10000);
    PEER_EXPECT(&w, VICI_P_REGISTER, "list-sa");
    peer_send(&w, VICI_P_CONFIRMED, NULL, NULL);
    peer_send(&w, VICI_P_RESPONSE, NULL, section_create());
    EXPECT_MSG(&w, VICI_REPLY, one, "list-sas", NULL);
    world_end(&w);
}

/* The window. */

static unsigned int
peer_count_requests(struct world *w)
{
    enum vici_packet_type type;
    unsigned int n = 0;

    while (peer_recv(w, &type)) {
        n++;
    }
    return n;
}

static void
test_window(void)
{
    struct world w = world_start(NULL);
    unsigned int first = send_request(&w, "version");
    unsigned int n = 1;

    while (n < 1000) {
        CHECK(send_request(&w, "version") == first + n++);
    }
    CHECK(vici_n_pending(w.vici) == 1000);
    CHECK(peer_count_requests(&w) == VICI_WINDOW);
    for (unsigned int i = 0; i < 1000; i++) {
        peer_send(&w, VICI_P_RESPONSE, NULL, section_create());
        EXPECT_MSG(&w, VICI_REPLY, first + i, "version", NULL);
        CHECK(peer_count_requests(&w) == (i + VICI_WINDOW < 1000));
    }
    CHECK(!has_msg(&w));
    CHECK(vici_n_pending(w.vici) == 0);
    world_end(&w);
}

/* However much the peer sends, one run takes in a part of it; all arrives. */
static void
test_bounded_run(void)
{
    static const char *const events[] = { "log", NULL };
    struct world w = world_start(events);
    char *error;
    struct ofpbuf *packet = vici_packet_encode(VICI_P_EVENT, "log", NULL,
                                               &error);

    PEER_EXPECT(&w, VICI_P_REGISTER, "log");
    peer_send(&w, VICI_P_CONFIRMED, NULL, NULL);
    for (int i = 0; i < 1000; i++) {
        vici_conn_send(w.peer, packet);
    }
    ofpbuf_delete(packet);

    int n_runs = 0, n_events = 0, most = 0;
    while (n_events < 1000 && n_runs < 1000) {
        vici_conn_run(w.peer);
        run(&w);
        int n = 0;
        while (has_msg(&w)) {
            n++;
        }
        n_events += n;
        most = MAX(most, n);
        n_runs++;
    }
    CHECK(n_events == 1000);
    CHECK(most > 1 && most <= 100);
    world_end(&w);
}

/* Failures.  In each, every request ends exactly once, and the client comes
 * back. */

static void
check_failed(struct world *w, unsigned int first, unsigned int n,
             const char *error, const char *where)
{
    run(w);
    unit_check(!vici_is_connected(w->vici), where, "down");
    unit_check(vici_get_seqno(w->vici) == 2, where, "seqno");
    unit_check(vici_n_pending(w->vici) == 0, where, "nothing pending");
    for (unsigned int i = 0; i < n; i++) {
        expect_msg(w, VICI_FAILED, first + i, "version", error, where);
    }
    unit_check(!has_msg(w), where, "no more messages");

    peer_hang_up(w);
    w->now += 8000;
    run(w);
    unit_check(peer_accept(w), where, "connects again");
    unit_check(vici_is_connected(w->vici), where, "up");
    unit_check(vici_get_seqno(w->vici) == 3, where, "seqno");
    peer_speak(w);
    unit_check(peer_count_requests(w) == 0, where, "nothing is repeated");

    /* Nothing of the old connection counts for the new one. */
    w->now += 9999;
    for (int i = 0; i < VICI_WINDOW + 1; i++) {
        send_request(w, "version");
    }
    unit_check(peer_count_requests(w) == VICI_WINDOW, where, "new window");
    w->now += 9999;
    run(w);
    unit_check(vici_is_connected(w->vici), where, "new deadline");
}
#define CHECK_FAILED(W, FIRST, N, ERROR) \
    check_failed(W, FIRST, N, ERROR, OVS_SOURCE_LOCATOR)

/* Sends 'n' requests; returns the id of the first. */
static unsigned int
send_requests(struct world *w, unsigned int n)
{
    unsigned int first = send_request(w, "version");

    while (--n) {
        send_request(w, "version");
    }
    run(w);
    return first;
}

static void
test_closes(void)
{
    struct world w = world_start(NULL);
    unsigned int first = send_requests(&w, 100);

    peer_send(&w, VICI_P_RESPONSE, NULL, section_create());
    EXPECT_MSG(&w, VICI_REPLY, first, "version", NULL);
    peer_hang_up(&w);
    CHECK_FAILED(&w, first + 1, 99, "");
    world_end(&w);
}

/* What came before the end is not lost. */
static void
test_answers_and_closes(void)
{
    struct world w = world_start(NULL);
    unsigned int first = send_requests(&w, 2);
    char *error;
    struct ofpbuf *packet = vici_packet_encode(VICI_P_RESPONSE, NULL, NULL,
                                               &error);

    CHECK(peer_count_requests(&w) == 2);
    vici_conn_send(w.peer, packet);
    vici_conn_run(w.peer);
    ofpbuf_delete(packet);
    peer_hang_up(&w);
    run(&w);
    EXPECT_MSG(&w, VICI_REPLY, first, "version", NULL);
    CHECK_FAILED(&w, first + 1, 1, "closed the connection");
    world_end(&w);
}

/* The peer sends the 'n' bytes at 'bytes', then hangs up if 'hang_up'. */
static void
check_bytes(const char *bytes, size_t n, bool hang_up, const char *error,
            const char *where)
{
    struct world w = { .now = 1000000 };

    peer_start(&w);
    w.vici = vici_open__(SOCKET, NULL, w.now);
    run(&w);
    CHECK(peer_accept(&w));
    unsigned int first = send_requests(&w, 100);
    if (hang_up) {
        /* Otherwise what is unread makes the end a reset. */
        char buffer[4096];
        while (stream_recv(w.raw, buffer, sizeof buffer) > 0) {
            continue;
        }
    }
    CHECK(stream_send(w.raw, bytes, n) == n);
    run(&w);
    if (hang_up) {
        CHECK(vici_is_connected(w.vici));
        peer_hang_up(&w);
    }
    check_failed(&w, first, 100, error, where);
    world_end(&w);
}
#define CHECK_BYTES(BYTES, HANG_UP, ERROR) \
    check_bytes(BYTES, sizeof(BYTES) - 1, HANG_UP, ERROR, OVS_SOURCE_LOCATOR)

static void
test_garbage(void)
{
    CHECK_BYTES("HTTP/1.0 200 OK\r\n", false, "1213486160 bytes is announced");
    CHECK_BYTES("\0\0\0\0", false, "0 bytes is announced");
    CHECK_BYTES("\0\0\0\1\x42", false, "packet type 66 is unknown");
    CHECK_BYTES("\0\0\0\2\1\2", false, "element 2 outside of all");
    /* A confirmation, or a request, where an answer is due. */
    CHECK_BYTES("\0\0\0\1\5", false, "a packet of type 5 came that nobody");
    CHECK_BYTES("\0\0\0\3\0\1x", false, "a packet of type 0 came that nobody");
    /* Half a message, then the end. */
    CHECK_BYTES("\0\0", true, "the other side closed the connection");
    CHECK_BYTES("\0\0\0\3\1\3", true, "the other side closed the connection");
}

static void
test_unasked_answer(void)
{
    struct world w = world_start(NULL);

    peer_send(&w, VICI_P_RESPONSE, NULL, section_create());
    CHECK(!has_msg(&w));
    CHECK_FAILED(&w, 0, 0, "");
    world_end(&w);
}

/* Nothing comes. */
static void
test_deadline(void)
{
    struct world w = world_start(NULL);
    unsigned int first = send_requests(&w, 100);

    w.now += 9999;
    run(&w);
    CHECK(vici_is_connected(w.vici));
    CHECK(!has_msg(&w));
    w.now += 1;
    run(&w);
    CHECK_STRING(vici_get_error(w.vici),
                 SOCKET": no answer to version within 10000 ms");
    CHECK_FAILED(&w, first, 100, "no answer to version within 10000 ms");
    world_end(&w);
}

/* A request's time begins when the one before it is answered, and anew with
 * each of its items. */
static void
test_deadline_begins(void)
{
    struct world w = world_start(NULL);

    send_requests(&w, 1);
    unsigned int list = vici_send(w.vici, "list-sas", NULL, "list-sa", 5000);
    run(&w);
    w.now += 9999;
    peer_send(&w, VICI_P_RESPONSE, NULL, section_create());
    peer_send(&w, VICI_P_CONFIRMED, NULL, NULL);
    CHECK(has_msg(&w));
    w.now += 4999;
    run(&w);
    CHECK(vici_is_connected(w.vici));
    peer_send(&w, VICI_P_EVENT, "list-sa", section_create());
    EXPECT_MSG(&w, VICI_ITEM, list, "list-sas", NULL);
    w.now += 4999;
    run(&w);
    CHECK(vici_is_connected(w.vici));
    w.now += 1;
    run(&w);
    CHECK(!vici_is_connected(w.vici));
    EXPECT_MSG(&w, VICI_FAILED, list, "list-sas", "within 5000 ms");
    world_end(&w);
}

static void
test_no_deadline(void)
{
    struct world w = world_start(NULL);
    unsigned int id = vici_send(w.vici, "initiate", NULL, NULL, 0);

    run(&w);
    w.now += 1000LL * 24 * 3600 * 1000;
    run(&w);
    w.now += 1000LL * 24 * 3600 * 1000;
    run(&w);
    CHECK(vici_is_connected(w.vici));
    peer_send(&w, VICI_P_RESPONSE, NULL, section_create());
    EXPECT_MSG(&w, VICI_REPLY, id, "initiate", NULL);
    world_end(&w);
}

/* An answer that came in time counts, however late we look. */
static void
test_late_look(void)
{
    struct world w = world_start(NULL);
    unsigned int id = send_requests(&w, 1);

    w.now += 60000;
    peer_send(&w, VICI_P_RESPONSE, NULL, section_create());
    EXPECT_MSG(&w, VICI_REPLY, id, "version", NULL);
    CHECK(vici_is_connected(w.vici));
    world_end(&w);
}

/* A peer that confirms no event. */
static void
test_register_deadline(void)
{
    static const char *const events[] = { "ike-updown", NULL };
    struct world w = world_start(events);

    w.now += 30000;
    run(&w);
    CHECK(!vici_is_connected(w.vici));
    CHECK_STRING(vici_get_error(w.vici),
                 SOCKET": no answer to ike-updown within 30000 ms");
    CHECK(vici_get_seqno(w.vici) == 0);
    world_end(&w);
}

/* A peer that does not read: what is written fills the socket, and no call
 * blocks. */
static void
test_reads_nothing(void)
{
    struct world w = world_start(NULL);
    char *large = xzalloc(60000);
    unsigned int first = 0;

    for (int i = 0; i < 100; i++) {
        struct section *args = section_create();

        section_put_bytes(args, "data", large, 60000);
        unsigned int id = vici_send(w.vici, "version", args, NULL, 10000);
        first = first ? first : id;
        run(&w);
    }
    free(large);
    CHECK(vici_is_connected(w.vici));
    w.now += 10000;
    CHECK_FAILED(&w, first, 100, "no answer to version within 10000 ms");
    world_end(&w);
}

/* A large answer, in pieces. */
static void
test_large_answer(void)
{
    struct world w = world_start(NULL);
    struct section *body = section_create();
    char *large = xzalloc(65535);
    unsigned int id = send_requests(&w, 1);

    memset(large, 'x', 65535);
    for (int i = 0; i < 7; i++) {
        section_put_bytes(body, "data", large, 65535);
    }
    free(large);
    peer_send(&w, VICI_P_RESPONSE, NULL, section_clone(body));
    for (int i = 0; i < 100; i++) {
        vici_conn_run(w.peer);
        run(&w);
    }

    struct vici_msg msg;
    CHECK(vici_recv(w.vici, &msg));
    CHECK(msg.id == id);
    CHECK(section_equals(msg.body, body));
    vici_msg_uninit(&msg);
    section_destroy(body);
    world_end(&w);
}

/* Returns true if vici_wait() lets poll_block() wake, within 'msec', by the
 * clock. */
static bool
wakes(struct world *w, long long int msec)
{
    long long int deadline = time_msec() + msec;

    vici_wait(w->vici);
    poll_timer_wait_until(deadline);
    poll_block();
    return time_msec() < deadline;
}

static void
test_wait(void)
{
    struct world w = world_start(NULL);
    char *error, *large = xzalloc(60000);

    CHECK(!wakes(&w, 20));

    /* A request to write. */
    vici_send(w.vici, "version", NULL, NULL, 0);
    CHECK(wakes(&w, 10000));
    PEER_EXPECT(&w, VICI_P_REQUEST, "version");
    CHECK(!wakes(&w, 20));

    /* An answer to read, then to take. */
    struct ofpbuf *answer = vici_packet_encode(VICI_P_RESPONSE, NULL, NULL,
                                               &error);
    vici_conn_send(w.peer, answer);
    vici_conn_run(w.peer);
    CHECK(wakes(&w, 10000));
    run(&w);
    CHECK(wakes(&w, 10000));
    CHECK(has_msg(&w));
    CHECK(!wakes(&w, 20));

    /* More than fits into the socket. */
    for (int i = 0; i < VICI_WINDOW; i++) {
        struct section *args = section_create();
        section_put_bytes(args, "data", large, 60000);
        vici_send(w.vici, "version", args, NULL, 0);
    }
    free(large);
    run(&w);
    CHECK(!wakes(&w, 20));
    struct vici_packet packet;
    while (vici_conn_recv(w.peer, &packet)) {
        vici_packet_uninit(&packet);
    }
    CHECK(wakes(&w, 10000));
    ofpbuf_delete(answer);
    world_end(&w);
}

/* Events that are read at once, but are too many for one run. */
static void
test_wait_buffered(void)
{
    static const char *const events[] = { "log", NULL };
    struct world w = world_start(events);
    unsigned int n = 0;
    char *error;
    struct ofpbuf *packet = vici_packet_encode(VICI_P_EVENT, "log", NULL,
                                               &error);

    peer_send(&w, VICI_P_CONFIRMED, NULL, NULL);
    for (int i = 0; i < 100; i++) {
        vici_conn_send(w.peer, packet);
    }
    vici_conn_run(w.peer);
    ofpbuf_delete(packet);
    run(&w);
    while (has_msg(&w)) {
        n++;
    }
    CHECK(n > 0 && n < 100);
    CHECK(wakes(&w, 10000));
    run(&w);
    while (has_msg(&w)) {
        n++;
    }
    CHECK(n == 100);
    CHECK(!wakes(&w, 20));
    world_end(&w);
}

/* Events that are wanted only at times. */
static void
test_listen(void)
{
    static const char *const events[] = { "log", NULL };
    struct world w = world_start(events);
    enum vici_packet_type type;

    CHECK_STRING(peer_recv(&w, &type), "log");
    CHECK(!vici_is_listening(w.vici, "log"));
    peer_send(&w, VICI_P_CONFIRMED, NULL, NULL);
    CHECK(vici_is_listening(w.vici, "log"));
    vici_listen(w.vici, "log", true);
    CHECK(!peer_recv(&w, &type));

    /* What is on its way does not come any more. */
    vici_listen(w.vici, "log", false);
    CHECK_STRING(peer_recv(&w, &type), "log");
    CHECK(type == VICI_P_UNREGISTER);
    peer_send(&w, VICI_P_EVENT, "log", NULL);
    CHECK(!has_msg(&w));
    peer_send(&w, VICI_P_CONFIRMED, NULL, NULL);
    CHECK(vici_is_connected(w.vici));

    vici_listen(w.vici, "log", true);
    CHECK_STRING(peer_recv(&w, &type), "log");
    CHECK(type == VICI_P_REGISTER);
    CHECK(!vici_is_listening(w.vici, "log"));
    peer_send(&w, VICI_P_CONFIRMED, NULL, NULL);
    CHECK(vici_is_listening(w.vici, "log"));
    peer_send(&w, VICI_P_EVENT, "log", NULL);
    CHECK(has_msg(&w));

    /* The next connection is as the last one was meant to be. */
    vici_listen(w.vici, "log", false);
    peer_hang_up(&w);
    run(&w);
    w.now += 60000;
    run(&w);
    CHECK(peer_accept(&w));
    peer_speak(&w);
    CHECK(!peer_recv(&w, &type));
    CHECK(vici_is_connected(w.vici));
    world_end(&w);
}

void
unit_vici(void)
{
    char *folder = get_cwd();

    setenv("OVS_RUNDIR", folder, 1);    /* Where relative sockets are. */
    free(folder);
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    test_not_there();
    test_backoff();
    test_events();
    test_answers();
    test_arguments();
    test_items();
    test_unknown_stream();
    test_window();
    test_bounded_run();
    test_closes();
    test_answers_and_closes();
    test_garbage();
    test_unasked_answer();
    test_deadline();
    test_deadline_begins();
    test_no_deadline();
    test_late_look();
    test_register_deadline();
    test_reads_nothing();
    test_large_answer();
    test_wait();
    test_wait_buffered();
    test_listen();
    unlink(SOCKET);
}
