/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests that the real swanctl reads what ipsec/swanctl-text wrote as the same
 * tree.  The environment variable SWANCTL_COPY names it; we are the charon
 * that it sends what it has read to. */

#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fatal-signal.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "process.h"
#include "section.h"
#include "stream.h"
#include "swanctl-text.h"
#include "timeval.h"
#include "unit.h"
#include "vici-codec.h"
#include "vici-conn.h"

#define PATIENCE 20000          /* In ms. */

/* A charon that answers "yes" to everything and remembers the requests. */
struct fake_charon {
    struct pstream *listener;
    struct vici_conn *conn;
    struct shash *requests;     /* By command: "struct section"s. */
};

static void
fake_charon_answer(struct fake_charon *charon, struct vici_packet *request)
{
    struct section *yes = section_create();
    char *error;

    section_put(yes, "success", "yes");
    struct ofpbuf *answer = vici_packet_encode(VICI_P_RESPONSE, NULL, yes,
                                               &error);
    vici_conn_send(charon->conn, answer);
    ofpbuf_delete(answer);
    section_destroy(yes);

    shash_add(charon->requests, request->name, request->body);
    request->body = NULL;
}

static void
fake_charon_run(struct fake_charon *charon)
{
    struct stream *stream;

    if (!charon->conn && !pstream_accept(charon->listener, &stream)) {
        charon->conn = vici_conn_open(stream);
    }
    if (charon->conn) {
        struct vici_packet packet;

        while (vici_conn_recv(charon->conn, &packet)) {
            fake_charon_answer(charon, &packet);
            vici_packet_uninit(&packet);
        }
        vici_conn_run(charon->conn);
    }
}

static void
fake_charon_wait(struct fake_charon *charon)
{
    if (!charon->conn) {
        pstream_wait(charon->listener);
    } else {
        vici_conn_wait(charon->conn);
        if (!vici_conn_get_status(charon->conn)) {
            vici_conn_recv_wait(charon->conn);
        }
    }
}

/* Runs swanctl with 'option' on the folder in SWANCTL_DIR.  Adds to
 * 'requests', by command, the messages of what it asked for. */
static void
run_swanctl(const char *option, struct shash *requests)
{
    char *cwd = get_cwd();
    char *uri = xasprintf("unix://%s/unit-parse.sock", cwd);
    char *name = xasprintf("punix:%s/unit-parse.sock", cwd);
    char *argv[] = { getenv("SWANCTL_COPY"), CONST_CAST(char *, option),
                     "--uri", uri, NULL };
    struct fake_charon charon = { .requests = requests };
    struct process *process;
    long long int deadline = time_msec() + PATIENCE;

    ovs_assert(!pstream_open(name, &charon.listener, DSCP_DEFAULT));
    ovs_assert(!process_start(argv, &process));
    while (!process_exited(process) && time_msec() < deadline) {
        fake_charon_run(&charon);
        process_run();
        fake_charon_wait(&charon);
        process_wait(process);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    CHECK(process_exited(process));
    if (process_exited(process)) {
        CHECK(process_status(process) == 0);
    } else {
        process_kill(process, SIGKILL);
    }

    process_destroy(process);
    vici_conn_close(charon.conn);
    pstream_close(charon.listener);
    free(name);
    free(uri);
    free(cwd);
}

static void
free_requests(struct shash *requests)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, requests) {
        section_destroy(node->data);
    }
    shash_destroy(requests);
}

/* A connection whose values have all in them that a parser can take amiss. */
static struct section *
make_connection(void)
{
    static const char *const values[] = {
        "plain", "with space", " around ", "a,b", "a\"b", "\"", "\"\"", "a\\b",
        "\\", "\\\\", "\\n", "a\nb", "\n", "\r", "a\r\nb", "\t", "#", "a#b",
        "a # b", "{", "}", "{}", "=", "a = b", "include x", "include /etc/x",
        "$HOME", "%any", "%s%n", "`id`", "'", "a;b", ".", "a.b", ":", "fd00::",
        "\x01", "\x7f", "\xc3\xa4", "\xff", "\\\"", "\"\\", "trailing\\",
        "0x00", "", " ", "  ", "a\\\nb", "\\r", "\\t", "C=US, CN=\"x\"",
    };
    struct section *top = section_create();
    struct section *conn = section_add(top, "ovs-1");
    struct section *list;

    section_put(conn, "version", "2");
    list = section_add_list(conn, "local_addrs");
    section_append(list, "a\"b", 3);
    section_append(list, "c d\\", 4);
    section_append(list, "{#}", 3);
    section_append(list, "\n", 1);
    section_add_list(conn, "pools");
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        char *name = xasprintf("id-%03"PRIuSIZE, i);
        section_put(conn, name, values[i]);
        free(name);
    }

    struct ds all = DS_EMPTY_INITIALIZER;
    for (int i = 1; i < 256; i++) {
        ds_put_char(&all, i);
    }
    section_put(section_add(conn, "local-1"), "id", ds_cstr(&all));
    ds_put_char_multiple(&all, 'x', 60000);
    section_put(section_add(conn, "remote-1"), "id", ds_cstr(&all));
    ds_destroy(&all);

    struct section *child = section_add(section_add(conn, "children"),
                                        "ovs-2");
    section_put_list(child, "remote_ts", "dynamic[udp/6081]");
    section_put(child, "mode", "transport");
    return top;
}

/* Writes 'conn' into the file that swanctl reads. */
static void
write_connection(const char *path, const struct section *conn)
{
    struct section *top = section_create();
    struct section *copy = section_clone(conn);
    struct section *connections = section_add(top, "connections");
    struct ds text = DS_EMPTY_INITIALIZER;

    ovs_list_push_back_all(&connections->items, &copy->items);
    section_destroy(copy);
    CHECK_STRING(section_format_conf(top, &text), NULL);
    section_destroy(top);

    FILE *file = fopen(path, "w");
    ovs_assert(file && fwrite(text.string, text.length, 1, file) == 1);
    fclose(file);
    ds_destroy(&text);
}

/* A connection whose paths are as long as swanctl's buffers. */
static struct section *
make_long(void)
{
    struct section *top = section_create();
    char name[256];

    memset(name, 'x', sizeof name);
    name[127 - strlen("connections.")] = '\0';
    struct section *conn = section_add(top, name);
    section_put(conn, "version", "2");
    section_put(section_add(section_add(conn, "children"),
                            "a-name-that-exceeds-no-limit-but-its-path-does"),
                "mode", "transport");
    memset(name, 'z', sizeof name);
    name[255 - 127 - strlen(".")] = '\0';
    section_put(section_add(conn, name), "auth", "psk");
    return top;
}

/* Checks that swanctl reads from 'path' what 'conn', which this frees, has. */
static void
check_connection(const char *path, struct section *conn)
{
    struct shash requests = SHASH_INITIALIZER(&requests);
    struct section *got;

    write_connection(path, conn);
    run_swanctl("--load-conns", &requests);
    got = shash_find_data(&requests, "load-conn");
    CHECK(got && section_equals(got, conn));
    free_requests(&requests);
    section_destroy(conn);
}

void
unit_swanctl_parse(void)
{
    char *cwd = get_cwd();
    char *path = xasprintf("%s/swanctl.conf", cwd);

    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    process_init();
    setenv("SWANCTL_DIR", cwd, 1);

    check_connection(path, make_connection());
    check_connection(path, make_long());
    free(path);
    free(cwd);
}
