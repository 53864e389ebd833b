/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Makes JSON of what there is to tell; see status-json.h. */

#include <config.h>

#include "status-json.h"

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "packets.h"
#include "smap.h"
#include "sset.h"
#include "svec.h"
#include "util.h"
#include "ipsec/ipsec-vswitch-idl.h"

#include "credentials.h"
#include "json-ascii.h"
#include "status.h"
#include "tunnel.h"
#include "xfrm-stat.h"

static void
put_string(struct json *object, const char *name, const char *value)
{
    json_object_put(object, name, json_string_create_safe(value));
}

static void
put_boolean(struct json *object, const char *name, bool value)
{
    json_object_put(object, name, json_boolean_create(value));
}

static void
put_integer(struct json *object, const char *name, long long int value)
{
    json_object_put(object, name, json_integer_create(value));
}

static void
put_address(struct json *object, const char *name,
            const struct in6_addr *address)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ipv6_format_mapped(address, &ds);
    put_string(object, name, ds_cstr(&ds));
    ds_destroy(&ds);
}

static void
put_counters(struct json *object, const char *name,
             const struct xfrm_counters *counters)
{
    struct json *json = json_object_create();

    put_integer(json, "sas", counters->n);
    put_integer(json, "bytes", counters->bytes);
    put_integer(json, "packets", counters->packets);
    json_object_put(object, name, json);
}

static void
put_last_error(struct json *json, const struct ike_state *ike)
{
    put_string(json, "last_error", ike->last_error);
    if (ike->last_error) {
        put_integer(json, "last_error_at", ike->last_error_at);
    }
}

static struct json *
child_to_json(const struct status *status, const struct status_child *child)
{
    struct json *json = json_object_create();

    put_string(json, "name", child->child->name);
    put_string(json, "direction", child_dir_name(child->child->dir));
    put_boolean(json, "installed", child->ike.installed);
    if (child->ike.installed) {
        put_integer(json, "spi_in", child->ike.spi_in);
        put_integer(json, "spi_out", child->ike.spi_out);
        put_integer(json, "reqid", child->ike.reqid);
        put_string(json, "algorithm", child->ike.algorithm);
    }
    if (!status->kernel.error) {
        put_counters(json, "kernel_in", &child->in);
        put_counters(json, "kernel_out", &child->out);
    }
    return json;
}

static void
put_row(struct json *json, const struct vsrec_interface *row)
{
    if (row && row->n_ofport) {
        put_integer(json, "ofport", *row->ofport);
    }
    if (row && row->n_cfm_fault) {
        put_boolean(json, "cfm_fault", *row->cfm_fault);
    }
}

static const char *
guard_name(const struct status *status, enum protection_kind protection)
{
    return (protection == PROTECTION_OFF
            || (status->guard_error && !status->guard_installed) ? "off"
            : protection == PROTECTION_DEFERRED ? "deferred" : "on");
}

static struct json *
tunnel_to_json(const struct status *status,
               const struct status_tunnel *tunnel)
{
    const struct tunnel *t = tunnel->view.wish;
    struct json *children = json_array_create_empty();
    struct json *json = json_object_create();

    put_string(json, "name", tunnel->view.name);
    put_integer(json, "version", tunnel->view.version);
    put_string(json, "state", tunnel_state_name(tunnel->verdict.state));
    put_boolean(json, "up", tunnel->verdict.up);
    put_string(json, "invalid", t->error);
    put_string(json, "reason", tunnel->verdict.reason);
    put_string(json, "warning", tunnel->verdict.warning);
    put_string(json, "guard", guard_name(status, tunnel->view.protection));
    put_string(json, "type", t->value[TUNNEL_TYPE]);
    put_string(json, "remote_ip", t->value[TUNNEL_REMOTE_IP]);
    put_string(json, "local_ip", t->value[TUNNEL_LOCAL_IP]);
    put_integer(json, "dst_port", t->port);
    put_string(json, "remote_name", t->value[TUNNEL_REMOTE_NAME]);
    put_string(json, "remote_cert", t->value[TUNNEL_REMOTE_CERT]);
    put_boolean(json, "psk", t->value[TUNNEL_PSK] != NULL);
    put_row(json, tunnel->view.row);
    put_string(json, "connection", (tunnel->connection
                                    ? tunnel->connection->peer->name : NULL));
    if (tunnel->connection) {
        put_last_error(json, &tunnel->connection->ike);
    }
    for (size_t i = 0; i < tunnel->n_children; i++) {
        json_array_add(children, child_to_json(status, tunnel->children[i]));
    }
    json_object_put(json, "children", children);
    return json;
}

static void
add_plain(struct json *array, const struct shash *plain)
{
    const struct shash_node **nodes = shash_sort(plain);

    for (size_t i = 0; i < shash_count(plain); i++) {
        struct json *json = json_object_create();

        put_string(json, "name", nodes[i]->name);
        put_string(json, "reason", nodes[i]->data);
        json_array_add(array, json);
    }
    free(nodes);
}

static struct json *
certificate_to_json(const struct status *status)
{
    const struct monitor_summary *host = &status->host;
    struct json *warnings = json_array_create_empty();
    struct json *json = json_object_create();
    const char *warning;
    size_t i;

    put_string(json, "name", host->credentials ? host->credentials->name
                                               : NULL);
    if (host->credentials) {
        put_string(json, "sha256", host->credentials->digest);
        put_integer(json, "not_after", host->credentials->not_after);
    }
    put_string(json, "error", host->credentials_error);
    SVEC_FOR_EACH (i, warning, host->credentials_warnings) {
        json_array_add(warnings, json_string_create(warning));
    }
    json_object_put(json, "warnings", warnings);
    put_integer(json, "rotating", status->counts.n_replacing);
    put_integer(json, "peers", status->counts.n);
    return json;
}

static struct json *
counters_to_json(void)
{
    struct json *array = json_array_create_empty();
    struct xfrm_stat stats[XFRM_STAT_MAX];
    size_t n = xfrm_stat_get(stats);

    for (size_t i = 0; i < n; i++) {
        struct json *json = json_object_create();

        put_string(json, "name", stats[i].name);
        put_string(json, "words", stats[i].words);
        put_integer(json, "count", stats[i].count);
        json_array_add(array, json);
    }
    return array;
}

static struct json *
host_to_json(const struct status *status)
{
    struct json *held = json_array_create_empty();
    struct json *json = json_object_create();
    const char *address;

    put_boolean(json, "database_connected", status->host.database_connected);
    put_string(json, "ike_error", status->ike_error);
    put_string(json, "guard", status_guard(status));
    put_boolean(json, "guard_installed", status->guard_installed);
    put_string(json, "guard_error", status->guard_error);
    put_string(json, "guard_settings_error", status->protection.error);
    put_boolean(json, "transition_under_way", status->protection.deferred);
    put_string(json, "kernel_error", (status->kernel.error
                                      ? ovs_strerror(status->kernel.error)
                                      : NULL));
    json_object_put(json, "certificate", certificate_to_json(status));
    SSET_FOR_EACH (address, status->held) {
        json_array_add(held, json_string_create_safe(address));
    }
    json_object_put(json, "held", held);
    json_object_put(json, "kernel_counters", counters_to_json());
    return json;
}

/* Returns all tunnels and this host, which the caller owns. */
struct json *
status_json_tunnels(const struct status *status)
{
    struct json *tunnels = json_array_create_empty();
    struct json *plain = json_array_create_empty();
    struct json *json = json_object_create();

    add_plain(plain, status->protection.cut_off);
    add_plain(plain, status->protection.weakened);
    add_plain(plain, status->in_clear);
    for (size_t i = 0; i < status->n_tunnels; i++) {
        json_array_add(tunnels, tunnel_to_json(status, &status->tunnels[i]));
    }
    json_object_put(json, "tunnels", tunnels);
    json_object_put(json, "not_encrypted", plain);
    json_object_put(json, "host", host_to_json(status));
    return json;
}

static struct json *
connection_to_json(const struct status *status,
                   const struct status_connection *conn)
{
    struct json *children = json_array_create_empty();
    struct json *json = json_object_create();

    put_string(json, "name", conn->peer->name);
    put_address(json, "local", &conn->peer->local);
    put_address(json, "remote", &conn->peer->remote);
    put_boolean(json, "loaded", conn->ike.loaded);
    put_boolean(json, "established", conn->ike.established);
    put_boolean(json, "file_written", conn->ike.file_written);
    put_string(json, "error", conn->ike.error);
    put_last_error(json, &conn->ike);
    for (size_t i = 0; i < conn->peer->n_children; i++) {
        json_array_add(children, child_to_json(status, &conn->children[i]));
    }
    json_object_put(json, "children", children);
    return json;
}

/* Returns all connections and this host, which the caller owns. */
struct json *
status_json_connections(const struct status *status)
{
    const struct shash_node **nodes = shash_sort(&status->connections);
    struct json *connections = json_array_create_empty();
    struct json *json = json_object_create();

    for (size_t i = 0; i < shash_count(&status->connections); i++) {
        json_array_add(connections, connection_to_json(status,
                                                       nodes[i]->data));
    }
    free(nodes);
    json_object_put(json, "connections", connections);
    json_object_put(json, "host", host_to_json(status));
    return json;
}
