/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/vici with the real charon, whose socket the environment
 * variable VICI_SOCKET names.  The caller kills charon when the file
 * "vici-up" is there, and starts it again when "vici-down" is. */

#include <config.h>

#include "vici.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fatal-signal.h"
#include "openvswitch/poll-loop.h"
#include "section.h"
#include "timeval.h"
#include "unit.h"
#include "vici-codec.h"

#define PATIENCE 20000          /* In ms. */

static struct vici *vici;

/* Lets 'vici' run until it is connected, or not, as 'up' says.  Returns false
 * if that does not happen. */
static bool
wait_connected(bool up)
{
    long long int deadline = time_msec() + PATIENCE;

    while (time_msec() < deadline) {
        vici_run(vici);
        if (vici_is_connected(vici) == up) {
            return true;
        }
        vici_wait(vici);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    return false;
}

/* Waits for the next message.  Returns false if none comes. */
static bool
wait_msg(struct vici_msg *msg)
{
    long long int deadline = time_msec() + PATIENCE;

    while (time_msec() < deadline) {
        vici_run(vici);
        if (vici_recv(vici, msg)) {
            return true;
        }
        vici_wait(vici);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    return false;
}

/* Waits for the answer to request 'id', which must be the next message, as
 * must be 'type' and the error.  Returns its body, which the caller frees. */
static struct section *
get_answer(unsigned int id, enum vici_msg_type type, const char *error,
           const char *where)
{
    struct vici_msg msg;

    if (!wait_msg(&msg)) {
        unit_check(false, where, "there is an answer");
        return NULL;
    }
    unit_check(msg.id == id, where, "id of the answer");
    unit_check(msg.type == type, where, "type of the answer");
    unit_check_string(msg.error, error, where, "error of the answer");

    struct section *body = msg.body;
    msg.body = NULL;
    vici_msg_uninit(&msg);
    return body;
}
#define GET_ANSWER(ID, TYPE, ERROR) \
    get_answer(ID, TYPE, ERROR, OVS_SOURCE_LOCATOR)
#define CHECK_ANSWER(ID, TYPE, ERROR) \
    section_destroy(GET_ANSWER(ID, TYPE, ERROR))

static unsigned int
send_command(const char *command, struct section *args)
{
    return vici_send(vici, command, args, NULL, PATIENCE);
}

static void
test_version(void)
{
    struct section *body = GET_ANSWER(send_command("version", NULL),
                                      VICI_REPLY, NULL);

    CHECK_STRING(section_get(body, "daemon"), "charon-systemd");
    section_destroy(body);
    CHECK_ANSWER(send_command("make-coffee", NULL), VICI_FAILED,
                 "charon does not know the command make-coffee");
}

static unsigned int
load_conn(const char *name, const char *mobike)
{
    struct section *args = section_create();
    struct section *conn = section_add(args, name);
    struct section *child = section_add(section_add(conn, "children"), "c");

    section_put(conn, "version", "2");
    section_put(conn, "mobike", mobike);
    section_put_list(conn, "remote_addrs", "192.0.2.99");
    section_put(section_add(conn, "local"), "auth", "psk");
    section_put(section_add(conn, "remote"), "auth", "psk");
    section_put(child, "mode", "transport");
    section_put_list(child, "remote_ts", "dynamic[udp/6081]");
    return send_command("load-conn", args);
}

static unsigned int
unload_conn(const char *name)
{
    struct section *args = section_create();

    section_put(args, "name", name);
    return send_command("unload-conn", args);
}

/* How many connections get-conns says there are. */
static size_t
count_conns(void)
{
    struct section *body = GET_ANSWER(send_command("get-conns", NULL),
                                      VICI_REPLY, NULL);
    const struct section *conns = section_get_section(body, "conns");
    size_t n = conns ? ovs_list_size(&conns->items) : SIZE_MAX;

    section_destroy(body);
    return n;
}

static void
test_connections(void)
{
    CHECK_ANSWER(load_conn("ovs-1", "no"), VICI_REPLY, NULL);
    CHECK_ANSWER(load_conn("ovs-2", "maybe"), VICI_REPLY,
                 "invalid value for: mobike, config discarded");
    CHECK(count_conns() == 1);

    /* One item, then the answer. */
    unsigned int id = vici_send(vici, "list-conns", NULL, "list-conn",
                                PATIENCE);
    struct section *item = GET_ANSWER(id, VICI_ITEM, NULL);
    const struct section *conn = section_get_section(item, "ovs-1");
    CHECK_STRING(section_get(conn, "version"), "IKEv2");
    CHECK(section_get_section(section_get_section(conn, "children"), "c"));
    section_destroy(item);
    CHECK_ANSWER(id, VICI_REPLY, NULL);

    id = vici_send(vici, "list-sas", NULL, "list-sa", PATIENCE);
    CHECK_ANSWER(id, VICI_REPLY, NULL);
    id = vici_send(vici, "list-sas", NULL, "list-nonsense", PATIENCE);
    CHECK_ANSWER(id, VICI_FAILED, "charon does not know the event "
                 "list-nonsense, which the answer to list-sas comes in");

    CHECK_ANSWER(unload_conn("ovs-1"), VICI_REPLY, NULL);
    CHECK_ANSWER(unload_conn("ovs-1"), VICI_REPLY,
                 "unload: connection 'ovs-1' not found");
    CHECK(count_conns() == 0);
}

/* Many at once: the answers come in order. */
static void
test_many(void)
{
    unsigned int ids[500];
    char name[16];

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        snprintf(name, sizeof name, "ovs-%"PRIuSIZE, i);
        ids[i] = load_conn(name, "no");
    }
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        CHECK_ANSWER(ids[i], VICI_REPLY, NULL);
    }
    CHECK(count_conns() == 500);
    for (size_t i = ARRAY_SIZE(ids); i-- > 0; ) {
        snprintf(name, sizeof name, "ovs-%"PRIuSIZE, i);
        ids[i] = unload_conn(name);
    }
    for (size_t i = ARRAY_SIZE(ids); i-- > 0; ) {
        CHECK_ANSWER(ids[i], VICI_REPLY, NULL);
    }
    CHECK(count_conns() == 0);
}

/* The largest names, values and packet that we send, charon takes. */
static void
test_limits(void)
{
    struct section *args = section_create();
    char name[VICI_MAX_NAME + 1];
    char *value = xzalloc(VICI_MAX_VALUE + 1);
    size_t left = VICI_MAX_PACKET - strlen("version") - 2;

    memset(name, 'n', VICI_MAX_NAME);
    name[VICI_MAX_NAME] = '\0';
    memset(value, 'v', VICI_MAX_VALUE);
    while (left) {
        size_t length = MIN(left, VICI_MAX_VALUE);
        if (left > length && left - length < sizeof name + 3) {
            length -= sizeof name + 3;  /* The last one must have room. */
        }
        section_put_bytes(args, name, value, length - (sizeof name + 3));
        left -= length;
    }
    free(value);
    CHECK_ANSWER(send_command("version", args), VICI_REPLY, NULL);
}

static void
put_file(const char *name)
{
    FILE *file = fopen(name, "w");

    ovs_assert(file && !fclose(file));
}

/* charon dies, and so does the connection.  It comes back, and so do we. */
static void
test_restart(void)
{
    unsigned int seqno = vici_get_seqno(vici);

    CHECK_ANSWER(load_conn("ovs-1", "no"), VICI_REPLY, NULL);
    put_file("vici-up");
    CHECK(wait_connected(false));
    CHECK(vici_get_seqno(vici) == seqno + 1);
    CHECK(strstr(vici_get_error(vici), getenv("VICI_SOCKET")) != NULL);

    unsigned int id = send_command("version", NULL);
    struct vici_msg msg;
    CHECK(vici_recv(vici, &msg));
    CHECK(msg.id == id && msg.type == VICI_FAILED);
    vici_msg_uninit(&msg);

    put_file("vici-down");
    CHECK(wait_connected(true));
    CHECK(vici_get_seqno(vici) == seqno + 2);
    CHECK(count_conns() == 0);
}

void
unit_vici_charon(void)
{
    static const char *const events[] = {
        "ike-updown", "child-updown", "ike-nonsense", NULL
    };
    const char *socket = getenv("VICI_SOCKET");

    if (!socket) {
        unit_skip("VICI_SOCKET is not set");
    }
    fatal_ignore_sigpipe();
    vici = vici_open(socket, events);
    CHECK(wait_connected(true));
    test_version();
    test_connections();
    test_many();
    test_limits();
    test_restart();
    vici_close(vici);
}
