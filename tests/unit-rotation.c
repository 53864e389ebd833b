/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests that the strongSwan back end takes 1,000 peers from one certificate to
 * the next with a charon that is slow: how many negotiations are under way at
 * once, that none waits forever, and what memory that takes.
 *
 * charon is played in this process and needs REQUEST_TIME for each request and
 * NEGOTIATION_TIME for each negotiation.  Some peers do not answer at all for
 * a while, more than may negotiate at once, and some others do not begin what
 * they send in the new IKE_SA.  The clock is ours. */

#include <config.h>

#include "ike.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "smap.h"
#include "sset.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"

#include "credentials.h"
#include "peer.h"
#include "section.h"
#include "status-text.h"
#include "tunnel.h"
#include "unit.h"
#include "vici-codec.h"
#include "vici-conn.h"

#define N_PEERS 1000
#define N_SILENT 100
#define N_IDLE 10
#define MAX_UNDER_WAY 64

/* In ms. */
#define STEP 5
#define REQUEST_TIME 10
#define NEGOTIATION_TIME 1500
#define PATIENCE (600 * 1000)

/* The clock of this program: the system's until it is set. */

static long long int fake_now;          /* In ms. */

int
clock_gettime(clockid_t id, struct timespec *ts)
{
    if (!fake_now) {
        return syscall(SYS_clock_gettime, id, ts);
    }
    nsec_to_timespec(fake_now * 1000 * 1000, ts);
    return 0;
}

/* charon. */

#define SOCKET "rotation.sock"
#define N_CLIENTS 3

struct client {
    struct vici_conn *conn;
    struct vici_packet packet;  /* Being served, if 'busy_until'. */
    long long int busy_until;   /* In ms; 0: not busy. */
    bool wants_events;
};

/* A connection that charon has, with at most one IKE_SA. */
struct fake_conn {
    struct section *config;
    bool unloaded;              /* Only its IKE_SA is left. */
    long long int up_at;        /* In ms, when its IKE_SA is up; 0: it has
                                 * none; LLONG_MAX: never. */
    bool told;                  /* The event has been sent. */
    bool half;                  /* The peer has not begun what it sends. */
    unsigned int id;
};

static struct charon {
    struct pstream *listener;
    struct client clients[N_CLIENTS];
    size_t n_clients;
    struct shash conns;
    struct sset silent, idle;   /* Peers' addresses. */
    unsigned int next_id;
    size_t max_under_way;
    size_t n_initiated;
    size_t n_begun;             /* What idle peers send has been, by us. */
} charon;

static bool
is_up(const struct fake_conn *conn)
{
    return conn->up_at && conn->up_at <= fake_now;
}

static size_t
n_under_way(void)
{
    struct shash_node *node;
    size_t n = 0;

    SHASH_FOR_EACH (node, &charon.conns) {
        const struct fake_conn *conn = node->data;

        n += conn->up_at && !is_up(conn);
    }
    return n;
}

static void
send_packet(struct client *client, enum vici_packet_type type,
            const char *name, const struct section *body)
{
    char *error;
    struct ofpbuf *packet = vici_packet_encode(type, name, body, &error);

    ovs_assert(packet);
    vici_conn_send(client->conn, packet);
    ofpbuf_delete(packet);
}

/* Tells that the IKE_SA of 'name' has come or gone. */
static void
send_event(const char *name, bool up)
{
    for (size_t i = 0; i < charon.n_clients; i++) {
        struct section *body = section_create();

        if (up) {
            section_put(body, "up", "yes");
        }
        section_add(body, name);
        if (charon.clients[i].wants_events) {
            send_packet(&charon.clients[i], VICI_P_EVENT, "child-updown",
                        body);
        }
        section_destroy(body);
    }
}

static const char *
first_of(const struct section *section, const char *list)
{
    const struct section_item *item;

    SECTION_FOR_EACH (item, section_find(section, list)->section) {
        return item->data;
    }
    return "";
}

/* What follows "dynamic" in a selector. */
static void
put_ts(struct section *child, const char *name, const char *address,
       const struct section *config, const char *list)
{
    char *ts = xasprintf("%s/32%s", address,
                         first_of(config, list) + strlen("dynamic"));

    section_put_list(child, name, ts);
    free(ts);
}

static bool
is_incoming(const struct section *child)
{
    return strchr(first_of(child, "local_ts"), '/') != NULL;
}

static void
put_sa(struct section *body, const char *name, const struct fake_conn *conn)
{
    const struct section_item *config;
    struct section *sa = section_add(body, name);
    const char *local = first_of(conn->config, "local_addrs");
    const char *remote = first_of(conn->config, "remote_addrs");

    section_put_format(sa, "uniqueid", "%u", conn->id);
    section_put(sa, "state", is_up(conn) ? "ESTABLISHED" : "CONNECTING");
    section_put(sa, "initiator", "yes");
    section_put_format(sa, "established", "%lld",
                       is_up(conn) ? (fake_now - conn->up_at) / 1000 : 0);
    section_put(sa, "local-host", local);
    section_put(sa, "remote-host", remote);

    struct section *children = section_add(sa, "child-sas");
    if (!is_up(conn)) {
        return;
    }
    SECTION_FOR_EACH (config,
                      section_get_section(conn->config, "children")) {
        struct section *child;

        if (conn->half && is_incoming(config->section)) {
            continue;
        }
        child = section_add(children, config->name);
        section_put(child, "name", config->name);
        section_put_format(child, "uniqueid", "%u", conn->id);
        section_put(child, "state", "INSTALLED");
        section_put(child, "spi-in", "c0ffee01");
        put_ts(child, "local-ts", local, config->section, "local_ts");
        put_ts(child, "remote-ts", remote, config->section, "remote_ts");
    }
}

/* "list-sas", of one connection or of all. */
static void
list_sas(struct client *client, const char *name)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &charon.conns) {
        const struct fake_conn *conn = node->data;

        if (conn->up_at && (!name || !strcmp(name, node->name))) {
            struct section *body = section_create();

            put_sa(body, node->name, conn);
            send_packet(client, VICI_P_EVENT, "list-sa", body);
            section_destroy(body);
        }
    }
}

static void
load_conn(const struct section *body)
{
    const struct section_item *item;

    SECTION_FOR_EACH (item, body) {
        struct fake_conn *conn = shash_find_data(&charon.conns, item->name);

        if (!conn) {
            conn = xzalloc(sizeof *conn);
            shash_add(&charon.conns, item->name, conn);
        }
        section_destroy(conn->config);
        conn->config = section_clone(item->section);
        conn->unloaded = false;
    }
}

static bool
is_one_of(const struct sset *peers, const struct fake_conn *conn)
{
    return sset_contains(peers, first_of(conn->config, "remote_addrs"));
}

/* Whoever is silent lets us wait for good. */
static void
initiate(const struct section *body)
{
    const char *name = section_get(body, "ike");
    struct fake_conn *conn = shash_find_data(&charon.conns, name);

    charon.n_initiated++;
    if (!conn) {
        return;
    }
    if (conn->half && is_up(conn)) {
        const struct section *child = section_get_section(
            section_get_section(conn->config, "children"),
            section_get(body, "child"));

        if (is_incoming(child)) {
            conn->half = false;
            charon.n_begun++;
            send_event(name, true);
        }
    } else if (!conn->up_at) {
        conn->id = ++charon.next_id;
        conn->told = false;
        conn->half = is_one_of(&charon.idle, conn);
        conn->up_at = (is_one_of(&charon.silent, conn)
                       ? LLONG_MAX : fake_now + NEGOTIATION_TIME);
        charon.max_under_way = MAX(charon.max_under_way, n_under_way());
    }
}

static void
forget_if_gone(struct shash_node *node)
{
    struct fake_conn *conn = node->data;

    if (conn->unloaded && !conn->up_at) {
        shash_delete(&charon.conns, node);
        section_destroy(conn->config);
        free(conn);
    }
}

static void
terminate(const struct section *body)
{
    const char *name = section_get(body, "ike");
    const char *id = section_get(body, "ike-id");
    struct shash_node *node, *next;

    SHASH_FOR_EACH_SAFE (node, next, &charon.conns) {
        struct fake_conn *conn = node->data;

        if (conn->up_at
            && (name ? !strcmp(name, node->name)
                : id && conn->id == strtoul(id, NULL, 10))) {
            conn->up_at = 0;
            send_event(node->name, false);
            forget_if_gone(node);
        }
    }
}

/* SAs stay. */
static void
unload_conn(const char *name)
{
    struct shash_node *node = shash_find(&charon.conns, name);

    if (node) {
        struct fake_conn *conn = node->data;

        conn->unloaded = true;
        forget_if_gone(node);
    }
}

static void
carry_out(struct client *client, const struct vici_packet *packet)
{
    const struct section *body = packet->body;

    if (!strcmp(packet->name, "load-conn")) {
        load_conn(body);
    } else if (!strcmp(packet->name, "unload-conn")) {
        unload_conn(section_get(body, "name"));
    } else if (!strcmp(packet->name, "initiate")) {
        initiate(body);
    } else if (!strcmp(packet->name, "terminate")) {
        terminate(body);
    } else if (!strcmp(packet->name, "list-sas")) {
        list_sas(client, body ? section_get(body, "ike") : NULL);
    }
}

static void
serve(struct client *client)
{
    struct section *answer;

    if (client->busy_until && client->busy_until <= fake_now) {
        answer = section_create();
        section_put(answer, "success", "yes");
        carry_out(client, &client->packet);
        send_packet(client, VICI_P_RESPONSE, NULL, answer);
        section_destroy(answer);
        vici_packet_uninit(&client->packet);
        client->busy_until = 0;
    }
    while (!client->busy_until
           && vici_conn_recv(client->conn, &client->packet)) {
        if (client->packet.type == VICI_P_REQUEST) {
            client->busy_until = fake_now + REQUEST_TIME;
            return;
        }
        client->wants_events |= !strcmp(client->packet.name, "child-updown");
        send_packet(client, VICI_P_CONFIRMED, NULL, NULL);
        vici_packet_uninit(&client->packet);
    }
}

static void
charon_run(void)
{
    struct shash_node *node;
    struct stream *stream;

    while (charon.n_clients < N_CLIENTS
           && !pstream_accept(charon.listener, &stream)) {
        charon.clients[charon.n_clients++].conn = vici_conn_open(stream);
    }
    for (size_t i = 0; i < charon.n_clients; i++) {
        serve(&charon.clients[i]);
        vici_conn_run(charon.clients[i].conn);
    }
    SHASH_FOR_EACH (node, &charon.conns) {
        struct fake_conn *conn = node->data;

        if (is_up(conn) && !conn->told) {
            conn->told = true;
            send_event(node->name, true);
        }
    }
}

static void
charon_end(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &charon.conns) {
        struct fake_conn *conn = node->data;

        section_destroy(conn->config);
        free(conn);
    }
    shash_destroy(&charon.conns);
    for (size_t i = 0; i < charon.n_clients; i++) {
        vici_conn_close(charon.clients[i].conn);
    }
    pstream_close(charon.listener);
    sset_destroy(&charon.silent);
    sset_destroy(&charon.idle);
}

/* Ours. */

static struct credentials first = {
    .ref_cnt = 1, .name = "us", .cert = "first", .key = "first",
    .key_id = "1111", .digest = "1111",
};
static struct credentials second = {
    .ref_cnt = 1, .name = "us", .cert = "second", .key = "second",
    .key_id = "2222", .digest = "2222",
};

static char *
address_of(int i)
{
    return xasprintf("10.0.%d.%d", 1 + i / 250, 1 + i % 250);
}

/* States all wishes, each with 'cred', which become 'peers' instead of 'old',
 * which may be null, as 'monitor' does. */
static void
wish(struct ike *ike, struct peers *peers, const struct peers *old,
     struct credentials *cred)
{
    const struct peer *peer;

    peers_init(peers);
    for (int i = 0; i < N_PEERS; i++) {
        struct smap options = SMAP_INITIALIZER(&options);
        char *error;

        smap_add_nocopy(&options, xstrdup("remote_ip"), address_of(i));
        smap_add(&options, "local_ip", "10.0.0.1");
        smap_add(&options, "remote_name", "peer");
        struct tunnel *t = tunnel_parse("tun", "geneve", &options);
        peers_add_tunnel(peers, t, &t->local, cred, NULL, &error);
        tunnel_destroy(t);
        smap_destroy(&options);
    }
    PEERS_FOR_EACH (peer, peers) {
        ike_set(ike, peer->name, peer);
    }
    if (old) {
        PEERS_FOR_EACH (peer, old) {
            ike_set(ike, peer->name, NULL);
        }
    }
    ike_commit(ike);
}

/* The disk has a clock of its own. */
static void
wait_for_files(struct ike *ike, const struct peers *peers)
{
    const struct peer *peer;
    struct ike_state state;

    PEERS_FOR_EACH (peer, peers) {
        while (!ike_get(ike, peer->name, &state) && !state.file_written) {
            ike_run(ike);
            usleep(1000);
        }
    }
}

static void
step(struct ike *ike)
{
    ike_run(ike);
    charon_run();
    fake_now += STEP;
}

/* Lets the clock go on until 'n_up' peers are up and 'n_replacing' wait for
 * their turn or for an answer.  Returns how long that took, in ms. */
static long long int
run_until(struct ike *ike, size_t n_up, size_t n_replacing, size_t *memory)
{
    long long int start = fake_now;
    struct ike_counts counts;
    size_t last = SIZE_MAX;

    for (;;) {
        step(ike);
        ike_get_counts(ike, &counts);
        CHECK(counts.n == N_PEERS);
        CHECK(counts.n_replacing <= last);
        last = counts.n_replacing;
        *memory = MAX(*memory, mallinfo2().uordblks);
        if ((counts.n_up >= n_up && counts.n_replacing <= n_replacing)
            || fake_now - start >= PATIENCE) {
            break;
        }
    }
    CHECK(counts.n_up == n_up);
    CHECK(counts.n_replacing == n_replacing);
    return fake_now - start;
}

/* What people are told of it meanwhile. */
static void
check_told(const struct ike *ike, const char *expected)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct ike_counts counts;

    ike_get_counts(ike, &counts);
    status_text_rotation(&counts, &ds);
    CHECK_STRING(ds_cstr(&ds), expected);
    ds_destroy(&ds);
}

static bool
becomes_clean(struct ike *ike)
{
    long long int start = fake_now;

    while (!ike_is_clean(ike) && fake_now - start < PATIENCE) {
        step(ike);
    }
    return ike_is_clean(ike);
}

static struct ike *
start(void)
{
    const struct ike_options options = {
        .socket = SOCKET, .dir = "rotation", .timeout = 30000,
    };
    struct ike *ike;

    shash_init(&charon.conns);
    sset_init(&charon.silent);
    sset_init(&charon.idle);
    ovs_assert(!pstream_open("punix:"SOCKET, &charon.listener, DSCP_DEFAULT));
    CHECK(!ike_open("strongswan", &options, &ike));
    return ike;
}

void
unit_rotation(void)
{
    struct ike *ike;
    struct peers peers, next;
    size_t before = 0, peak = 0, after = 0;
    long long int time;

    char *folder = get_cwd();

    setenv("OVS_RUNDIR", folder, 1);    /* Where relative sockets are. */
    free(folder);
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    ike = start();
    fake_now = time_msec();
    wish(ike, &peers, NULL, &first);
    wait_for_files(ike, &peers);
    time = run_until(ike, N_PEERS, 0, &before);
    printf("up: %lld s, %"PRIuSIZE" at once, %"PRIuSIZE" attempts\n",
           time / 1000, charon.max_under_way, charon.n_initiated);
    CHECK(charon.max_under_way <= MAX_UNDER_WAY);
    before = mallinfo2().uordblks;

    for (int i = 0; i < N_SILENT; i++) {
        sset_add_and_free(&charon.silent, address_of(i * 7));
    }
    for (int i = 0; i < N_IDLE; i++) {
        sset_add_and_free(&charon.idle, address_of(i * 7 + 1));
    }
    charon.max_under_way = charon.n_initiated = 0;
    wish(ike, &next, &peers, &second);
    check_told(ike, "Rotation: 0 of 1000 peers\n");
    peers_destroy(&peers);
    wait_for_files(ike, &next);
    time = run_until(ike, N_PEERS - N_SILENT, N_SILENT, &peak);
    printf("rotated: %lld s, %"PRIuSIZE" at once, %"PRIuSIZE" attempts\n",
           time / 1000, charon.max_under_way, charon.n_initiated);
    CHECK(charon.max_under_way <= MAX_UNDER_WAY);
    CHECK(charon.max_under_way >= 2);
    CHECK(charon.n_begun == N_IDLE);
    check_told(ike, "Rotation: 900 of 1000 peers\n");

    sset_clear(&charon.silent);
    time = run_until(ike, N_PEERS, 0, &peak);
    printf("the silent ones: %lld s\n", time / 1000);
    CHECK(becomes_clean(ike));
    check_told(ike, "");
    after = mallinfo2().uordblks;
    printf("memory, KiB: before %"PRIuSIZE", at most %"PRIuSIZE", after "
           "%"PRIuSIZE"\n", before / 1024, peak / 1024, after / 1024);
    /* A sanitizer's allocator is not that of which mallinfo2() tells. */
    CHECK(!before || peak < before + before / 2);
    CHECK(!before || after < before + before / 8);

    fake_now = 0;
    ike_close(ike);
    charon_end();
    peers_destroy(&next);
}
