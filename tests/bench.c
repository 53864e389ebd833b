/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* What `make bench` measures with; tests/bench.sh calls it.
 *
 *     bench add DB SOCKET PID FIRST N
 *         adds N Geneve tunnels, the first with number FIRST, to the database
 *         in one transaction and waits until the charon behind vici socket
 *         SOCKET has loaded a connection for each.  Prints the microseconds
 *         from the transaction on, and those of CPU that all threads of
 *         process PID, ovs-monitor-ipsec, took meanwhile.
 *     bench today DB SOCKET N
 *         adds tunnels 0 to N - 1 likewise, and waits until charon has been
 *         told of both connections of each, as Open vSwitch's Python program
 *         has strongSwan's starter tell it: until it has made traps of them.
 *         Prints the microseconds.
 *     bench floor SOCKET N CERT KEY CA
 *         the floor: loads the same connections in a bare loop and prints the
 *         microseconds. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jsonrpc.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "smap.h"
#include "socket-util.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"

#include "credentials-loader.h"
#include "credentials.h"
#include "peer.h"
#include "section.h"
#include "strongswan-conf.h"
#include "tunnel.h"
#include "vici.h"

/* How long, in ms, anything may take. */
#define PATIENCE 600000

/* How often, in ms, charon is asked how many connections it has, and up to how
 * many it tells of each instead, which is exact and takes its time. */
#define ASK_INTERVAL 20
#define MAX_TOLD 10

/* So that no prefix of numbers stands out. */
static char *
remote_ip(unsigned int i)
{
    return xasprintf("10.%u.%u.%u", 1 + i / 62500, i / 250 % 250,
                     1 + i % 250);
}

static struct vici *
connect_vici(const char *socket, const char *const *events)
{
    struct vici *vici = vici_open(socket, events);
    long long int deadline = time_msec() + PATIENCE;

    while (vici_run(vici), !vici_is_connected(vici)) {
        if (time_msec() > deadline) {
            ovs_fatal(0, "%s: %s", socket, vici_get_error(vici));
        }
        vici_wait(vici);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    return vici;
}

/* CPU time, in us, that the threads of process 'pid' have taken. */
static long long int
cpu_usec(const char *pid)
{
    char *path = xasprintf("/proc/%s/task", pid);
    DIR *dir = opendir(path);
    long long int sum = 0;
    struct dirent *entry;

    if (!dir) {
        ovs_fatal(errno, "%s", path);
    }
    while ((entry = readdir(dir))) {
        char *file = xasprintf("%s/%s/schedstat", path, entry->d_name);
        FILE *stream = entry->d_name[0] != '.' ? fopen(file, "r") : NULL;
        unsigned long long int ns;

        if (stream && fscanf(stream, "%llu", &ns) == 1) {
            sum += ns / 1000;
        }
        if (stream) {
            fclose(stream);
        }
        free(file);
    }
    closedir(dir);
    free(path);
    return sum;
}

static struct json *
parse(const char *text)
{
    struct json *json = json_from_string(text);

    if (json->type == JSON_STRING) {
        ovs_fatal(0, "%s: %s", text, json_string(json));
    }
    return json;
}

/* A transaction that adds the tunnels to bridge "br0", which it makes. */
static struct json *
make_transaction(unsigned int first, unsigned int n)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&ds, "[\"Open_vSwitch\"");
    for (unsigned int i = first; i < first + n; i++) {
        char *ip = remote_ip(i);

        ds_put_format(&ds, ",{\"op\":\"insert\",\"table\":\"Interface\","
                      "\"uuid-name\":\"i%u\",\"row\":{\"name\":\"t%u\","
                      "\"type\":\"geneve\",\"options\":[\"map\","
                      "[[\"remote_ip\",\"%s\"],[\"remote_name\",\"c%u\"],"
                      "[\"key\",\"flow\"],[\"csum\",\"true\"]]]}},"
                      "{\"op\":\"insert\",\"table\":\"Port\","
                      "\"uuid-name\":\"p%u\",\"row\":{\"name\":\"t%u\","
                      "\"interfaces\":[\"named-uuid\",\"i%u\"]}}",
                      i, i, ip, i, i, i, i);
        free(ip);
    }
    ds_put_cstr(&ds, ",{\"op\":\"mutate\",\"table\":\"Bridge\",\"where\":"
                "[[\"name\",\"==\",\"br0\"]],\"mutations\":[[\"ports\","
                "\"insert\",[\"set\",[");
    for (unsigned int i = first; i < first + n; i++) {
        ds_put_format(&ds, "%s[\"named-uuid\",\"p%u\"]",
                      i == first ? "" : ",", i);
    }
    ds_put_cstr(&ds, "]]]]}]");

    struct json *json = parse(ds_cstr(&ds));
    ds_destroy(&ds);
    return json;
}

/* What charon's log has of each connection of ours, and of each of the
 * starter's, last. */
#define ADDED_WORDS "added vici connection: ovs-"
#define ROUTED_WORDS "received stroke: route "

/* Returns how many lines of charon's log that 'vici' has have 'words'. */
static unsigned int
count_told(struct vici *vici, const char *words)
{
    unsigned int n = 0;
    struct vici_msg msg;

    vici_run(vici);
    while (vici_recv(vici, &msg)) {
        const char *text = msg.body ? section_get(msg.body, "msg") : NULL;

        n += text && strstr(text, words);
        vici_msg_uninit(&msg);
    }
    return n;
}

/* Waits for the next message of 'vici'. */
static void
wait_for(struct vici *vici, long long int deadline)
{
    if (time_msec() > deadline) {
        ovs_fatal(0, "charon does not have all connections in time");
    }
    vici_wait(vici);
    poll_timer_wait_until(deadline);
    poll_block();
}

/* Waits until charon's log has had 'n' lines with 'words'. */
static void
wait_told(struct vici *vici, const char *words, unsigned int n)
{
    long long int deadline = time_msec() + PATIENCE;

    for (unsigned int got = 0; (got += count_told(vici, words)) < n; ) {
        wait_for(vici, deadline);
    }
}

/* Returns how many connections charon says that it has. */
static size_t
ask_number(struct vici *vici, long long int deadline)
{
    const struct section *conns;
    struct vici_msg msg;
    size_t n = 0;

    vici_send(vici, "get-conns", NULL, NULL, PATIENCE);
    while (vici_run(vici), !vici_recv(vici, &msg)) {
        wait_for(vici, deadline);
    }
    conns = section_get_section(msg.body, "conns");
    if (conns) {
        n = ovs_list_size(&conns->items);
    }
    vici_msg_uninit(&msg);
    return n;
}

/* Waits until charon has loaded 'n' more connections. */
static void
wait_loaded(struct vici *vici, unsigned int n)
{
    long long int deadline = time_msec() + PATIENCE;

    if (n <= MAX_TOLD) {
        wait_told(vici, ADDED_WORDS, n);
        return;
    }
    while (ask_number(vici, deadline) < n) {
        poll_timer_wait(ASK_INTERVAL);
        poll_block();
    }
}

static struct jsonrpc *
connect_database(const char *db)
{
    struct stream *stream;
    int error = stream_open_block(stream_open(db, &stream, DSCP_DEFAULT), -1,
                                  &stream);

    if (error) {
        ovs_fatal(error, "%s", db);
    }
    return jsonrpc_open(stream);
}

/* Has 'request', which this takes, done. */
static void
transact(struct jsonrpc *rpc, struct jsonrpc_msg *request)
{
    struct jsonrpc_msg *reply;
    int error = jsonrpc_transact_block(rpc, request, &reply);

    if (error || reply->error) {
        ovs_fatal(error, "the transaction failed");
    }
    jsonrpc_msg_destroy(reply);
}

static const char *const log_events[] = { "log", NULL };

static void
add(const char *db, const char *socket, const char *pid, unsigned int first,
    unsigned int n)
{
    struct vici *vici = connect_vici(socket,
                                     n <= MAX_TOLD ? log_events : NULL);
    struct json *params = make_transaction(first, n);
    struct jsonrpc_msg *request = jsonrpc_create_request("transact", params,
                                                         NULL);
    struct jsonrpc *rpc = connect_database(db);

    long long int cpu = cpu_usec(pid);
    long long int start = time_usec();
    transact(rpc, request);
    wait_loaded(vici, n);
    printf("%lld %lld\n", time_usec() - start, cpu_usec(pid) - cpu);

    jsonrpc_close(rpc);
    vici_close(vici);
}

static void
today(const char *db, const char *socket, unsigned int n)
{
    struct vici *vici = connect_vici(socket, log_events);
    struct json *params = make_transaction(0, n);
    struct jsonrpc_msg *request = jsonrpc_create_request("transact", params,
                                                         NULL);
    struct jsonrpc *rpc = connect_database(db);

    long long int start = time_usec();
    transact(rpc, request);
    wait_told(vici, ROUTED_WORDS, 2 * n);
    printf("%lld\n", time_usec() - start);

    jsonrpc_close(rpc);
    vici_close(vici);
}

static struct credentials *
load_credentials(struct credentials_loader *loader, char *files[])
{
    struct smap other_config = SMAP_INITIALIZER(&other_config);

    smap_add(&other_config, "certificate", files[0]);
    smap_add(&other_config, "private_key", files[1]);
    smap_add(&other_config, "ca_cert", files[2]);
    credentials_loader_set(loader, &other_config);
    smap_destroy(&other_config);
    while (credentials_loader_run(loader), !credentials_loader_get(loader)) {
        credentials_loader_wait(loader);
        poll_block();
    }
    return credentials_loader_get(loader);
}

static struct section *
conn_message(unsigned int i, struct credentials *credentials)
{
    struct smap options = SMAP_INITIALIZER(&options);
    struct in6_addr local = in6_addr_mapped_ipv4(htonl(0x0a000001));
    char *name = xasprintf("t%u", i);
    char *error;

    smap_add_nocopy(&options, xstrdup("remote_ip"), remote_ip(i));
    smap_add_format(&options, "remote_name", "c%u", i);

    struct tunnel *tunnel = tunnel_parse(name, "geneve", &options);
    struct peers peers;
    peers_init(&peers);
    struct peer *peer = peers_add_tunnel(&peers, tunnel, &local, credentials,
                                         NULL, &error);
    struct section *args = strongswan_conn_for_vici(peer);

    peers_destroy(&peers);
    tunnel_destroy(tunnel);
    smap_destroy(&options);
    free(name);
    return args;
}

static void
floor_(const char *socket, unsigned int n, char *files[])
{
    struct vici *vici = connect_vici(socket, NULL);
    struct credentials_loader *loader = credentials_loader_create();
    struct credentials *credentials = load_credentials(loader, files);
    unsigned int n_sent = 0, n_done = 0;
    struct vici_msg msg;

    long long int start = time_usec();
    while (n_done < n) {
        while (n_sent < n && vici_n_pending(vici) < 2 * VICI_WINDOW) {
            vici_send(vici, "load-conn", conn_message(n_sent++, credentials),
                      NULL, PATIENCE);
        }
        vici_run(vici);
        while (vici_recv(vici, &msg)) {
            if (msg.type != VICI_REPLY || msg.error) {
                ovs_fatal(0, "%s: %s", socket, msg.error);
            }
            n_done++;
            vici_msg_uninit(&msg);
        }
        if (n_done < n) {
            vici_wait(vici);
            poll_block();
        }
    }
    printf("%lld\n", time_usec() - start);
    vici_close(vici);
    credentials_loader_destroy(loader);
}

int
main(int argc, char *argv[])
{
    ovs_set_program_name(argv[0], PACKAGE_VERSION);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_WARN);
    if (argc == 7 && !strcmp(argv[1], "add")) {
        add(argv[2], argv[3], argv[4], atoi(argv[5]), atoi(argv[6]));
    } else if (argc == 5 && !strcmp(argv[1], "today")) {
        today(argv[2], argv[3], atoi(argv[4]));
    } else if (argc == 7 && !strcmp(argv[1], "floor")) {
        floor_(argv[2], atoi(argv[3]), argv + 4);
    } else {
        ovs_fatal(0, "usage: see tests/bench.c");
    }
    return 0;
}
