/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Writes what there is to tell as text; see status-text.h.
 *
 * A tunnel begins with the fields of Open vSwitch's Python program of this
 * name, in its order and under its labels, because people and scripts know
 * them; an absent value is "None" there.  What that program does not tell
 * comes after it. */

#include <config.h>

#include "status-text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "smap.h"
#include "sset.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "ipsec/ipsec-vswitch-idl.h"

#include "credentials.h"
#include "guard.h"
#include "guard-options.h"
#include "interface-options.h"
#include "quote.h"
#include "status.h"
#include "tunnel.h"
#include "tunnel-options.h"
#include "xfrm-format.h"
#include "xfrm-stat.h"

/* How many tunnels status_text_down() names. */
#define MAX_DOWN 20

/* "LABEL: VALUE", the value in column 'width'. */
static void
put_field(struct ds *ds, int width, const char *label, const char *value)
{
    ds_put_format(ds, "%s:%*s", label,
                  MAX(1, width - (int) strlen(label) - 1), "");
    put_printable(ds, value ? value : "None");
    ds_put_char(ds, '\n');
}

static void
put_indented(struct ds *ds, const char *label, const char *value)
{
    ds_put_cstr(ds, "  ");
    put_field(ds, 0, label, value);
}

static void
put_python_field(struct ds *ds, const char *label, const char *value)
{
    ds_put_cstr(ds, "  ");
    put_field(ds, 16, label, value);
}

static void
put_last_error(const struct ike_state *ike, struct ds *ds)
{
    if (ike->last_error) {
        char *when = xastrftime_msec("%Y-%m-%dT%H:%M:%SZ",
                                     ike->last_error_at * 1000, true);

        ds_put_format(ds, "  last error: %s ", when);
        put_printable(ds, ike->last_error);
        ds_put_char(ds, '\n');
        free(when);
    }
}

/* The line of one child that has SAs. */
static void
put_installed(const struct status *status, const struct status_child *child,
              struct ds *ds)
{
    ds_put_format(ds, "  %s (%s): INSTALLED, TRANSPORT, reqid %"PRIu32", "
                  "ESP SPIs: %08"PRIx32"_i %08"PRIx32"_o, ",
                  child->child->name, child_dir_name(child->child->dir),
                  child->ike.reqid, child->ike.spi_in, child->ike.spi_out);
    put_printable(ds, child->ike.algorithm);
    if (!status->kernel.error) {
        ds_put_format(ds, ", %"PRIu64" bytes_i (%"PRIu64" pkts), "
                      "%"PRIu64" bytes_o (%"PRIu64" pkts)",
                      child->in.bytes, child->in.packets,
                      child->out.bytes, child->out.packets);
    }
    ds_put_char(ds, '\n');
}

/* Tunnels. */

/* As Python writes a dictionary, without the prefix of the names. */
static char *
format_custom_options(const struct vsrec_interface *row)
{
    const size_t prefix = strlen("ipsec_");
    struct ds ds = DS_EMPTY_INITIALIZER;
    const struct smap_node **nodes;
    struct smap options;

    interface_options_get(row, &options);
    nodes = smap_sort(&options);
    ds_put_char(&ds, '{');
    for (size_t i = 0; i < smap_count(&options); i++) {
        if (!strncmp(nodes[i]->key, "ipsec_", prefix)) {
            ds_put_format(&ds, "%s'%s': '%s'", ds.length > 1 ? ", " : "",
                          nodes[i]->key + prefix, nodes[i]->value);
        }
    }
    ds_put_char(&ds, '}');
    free(nodes);
    smap_destroy(&options);
    return ds_steal_cstr(&ds);
}

static void
put_wish(const struct status *status, const struct status_tunnel *tunnel,
         struct ds *ds)
{
    const struct smap *config = status->host.other_config;
    const struct credentials *cred = status->host.credentials;
    const struct tunnel *t = tunnel->view.wish;

    put_python_field(ds, "Tunnel Type", t->value[TUNNEL_TYPE]);
    put_python_field(ds, "Local IP", (t->value[TUNNEL_LOCAL_IP]
                                      ? t->value[TUNNEL_LOCAL_IP]
                                      : "%defaultroute"));
    put_python_field(ds, "Remote IP", t->value[TUNNEL_REMOTE_IP]);
    put_python_field(ds, "Address Family", (t->family == AF_INET ? "IPv4"
                                            : t->family == AF_INET6 ? "IPv6"
                                            : NULL));
    put_python_field(ds, "SKB mark", smap_get(config, "ipsec_skb_mark"));
    put_python_field(ds, "Local cert", smap_get(config, "certificate"));
    put_python_field(ds, "Local name", cred ? cred->name : NULL);
    put_python_field(ds, "Local key", smap_get(config, "private_key"));
    put_python_field(ds, "Remote cert", t->value[TUNNEL_REMOTE_CERT]);
    put_python_field(ds, "Remote name", t->value[TUNNEL_REMOTE_NAME]);
    put_python_field(ds, "CA cert", smap_get(config, "ca_cert"));
    put_python_field(ds, "PSK", t->value[TUNNEL_PSK] ? "<redacted>" : NULL);
}

static void
put_row(const struct vsrec_interface *row, struct ds *ds)
{
    char *options = row ? format_custom_options(row) : NULL;
    bool assigned = row && row->n_ofport && *row->ofport != -1;
    char *ofport = (assigned
                    ? xasprintf("%"PRId64, *row->ofport)
                    : xstrdup("Not assigned"));

    put_python_field(ds, "Custom Options", options ? options : "{}");
    put_python_field(ds, "Ofport", ofport);
    put_python_field(ds, "CFM state", (!row || !row->n_cfm_fault ? "Disabled"
                                       : *row->cfm_fault ? "Down" : "Up"));
    free(options);
    free(ofport);
}

static void
put_kernel(const struct status *status, const struct status_tunnel *tunnel,
           struct ds *ds)
{
    const struct in6_addr *remote = &tunnel->view.wish->remote;
    const struct xfrm_table_node *node;

    ds_put_cstr(ds, "Kernel policies installed:\n");
    XFRM_TABLE_FOR_EACH (node, &status->kernel, remote) {
        if (node->policy) {
            ds_put_cstr(ds, "  ");
            xfrm_format_policy(node->policy, ds);
            ds_put_char(ds, '\n');
        }
    }
    ds_put_cstr(ds, "Kernel security associations installed:\n");
    XFRM_TABLE_FOR_EACH (node, &status->kernel, remote) {
        if (node->sa && node->sa->spi) {
            ds_put_cstr(ds, "  ");
            xfrm_format_sa(node->sa, ds);
            ds_put_char(ds, '\n');
        }
    }
}

static void
put_active(const struct status *status, const struct status_tunnel *tunnel,
           struct ds *ds)
{
    ds_put_cstr(ds, "IPsec connections that are active:\n");
    for (size_t i = 0; i < tunnel->n_children; i++) {
        if (tunnel->children[i]->ike.installed) {
            put_installed(status, tunnel->children[i], ds);
        }
    }
}

static void
put_verdict(const struct status_tunnel *tunnel, struct ds *ds)
{
    const struct tunnel_verdict *verdict = &tunnel->verdict;
    const char *invalid = tunnel->view.wish->error;
    const struct status_connection *conn = tunnel->connection;

    ds_put_format(ds, "State: %s%s\n", tunnel_state_name(verdict->state),
                  !invalid || !conn ? ""
                  : verdict->up ? "; what it was when last valid is UP"
                  : "; what it was when last valid is DOWN");
    if (invalid) {
        put_indented(ds, "reason", invalid);
    }
    if (verdict->reason
        && !nullable_string_is_equal(verdict->reason, invalid)) {
        put_indented(ds, "reason", verdict->reason);
    }
    if (verdict->warning) {
        put_indented(ds, "warning", verdict->warning);
    }
    if (conn) {
        put_last_error(&conn->ike, ds);
        put_indented(ds, "connection", conn->peer->name);
    }
    tunnel_options_format(tunnel->view.wish->options, ds);
    guard_options_format(&tunnel->view.wish->guard, ds);
}

static void
put_tunnel(const struct status *status, const struct status_tunnel *tunnel,
           struct ds *ds)
{
    const char *invalid = tunnel->view.wish->error;

    ds_put_cstr(ds, "Interface name: ");
    put_printable(ds, tunnel->view.name);
    ds_put_format(ds, " v%u (", tunnel->view.version);
    if (invalid) {
        ds_put_cstr(ds, "INVALID: ");
        put_printable(ds, invalid);
    } else {
        ds_put_cstr(ds, "CONFIGURED");
    }
    ds_put_cstr(ds, ")\n");
    put_wish(status, tunnel, ds);
    put_row(tunnel->view.row, ds);
    put_kernel(status, tunnel, ds);
    put_active(status, tunnel, ds);
    put_verdict(tunnel, ds);
    ds_put_char(ds, '\n');
}

/* Tunnels that ask for no encryption, each with what follows from it. */
static void
put_plain(const struct shash *plain, struct ds *ds)
{
    const struct shash_node **nodes = shash_sort(plain);

    for (size_t i = 0; i < shash_count(plain); i++) {
        ds_put_cstr(ds, "Interface name: ");
        put_printable(ds, nodes[i]->name);
        ds_put_cstr(ds, " (UNPROTECTED)\n");
        put_indented(ds, "reason", nodes[i]->data);
        ds_put_char(ds, '\n');
    }
    free(nodes);
}

/* Appends to 'ds' how many peers have gone over to a new certificate, key or
 * CA, or nothing if none has to. */
void
status_text_rotation(const struct ike_counts *counts, struct ds *ds)
{
    if (counts->n_replacing) {
        ds_put_format(ds, "Rotation: %"PRIuSIZE" of %"PRIuSIZE" peers\n",
                      counts->n - MIN(counts->n, counts->n_replacing),
                      counts->n);
    }
}

static void
put_host(const struct status *status, struct ds *ds)
{
    const struct credentials *cred = status->host.credentials;
    const char *error = status->host.credentials_error;
    const char *warning;
    const char *address;
    size_t i;

    ds_put_format(ds, "Database: %s\n", status_database(status));
    ds_put_format(ds, "Certificate: %s%s", cred ? cred->name : "none",
                  error ? "; " : "");
    put_printable(ds, error ? error : "");
    ds_put_char(ds, '\n');
    SVEC_FOR_EACH (i, warning, status->host.credentials_warnings) {
        put_field(ds, 2, "warning", warning);
    }
    status_text_rotation(&status->counts, ds);
    put_field(ds, 0, "IKE daemon",
              status->ike_error ? status->ike_error : "connected");
    put_field(ds, 0, "Guard", status_guard(status));
    if (status->protection.error) {
        put_field(ds, 0, "Guard settings", status->protection.error);
    }
    if (status->kernel.error) {
        ds_put_format(ds, "Kernel: cannot list its policies and SAs: %s\n",
                      ovs_strerror(status->kernel.error));
    }
    ds_put_cstr(ds, "Kernel counters since the start:\n");
    xfrm_stat_format(ds);
    SSET_FOR_EACH (address, status->held) {
        ds_put_format(ds, "held: traffic to %s, no encrypted tunnel has that "
                      "address\n", address);
    }
}

/* Appends to 'ds' every tunnel, then this host. */
void
status_text_tunnels(const struct status *status, struct ds *ds)
{
    if (!status->n_tunnels) {
        ds_put_cstr(ds, "No tunnels configured with IPsec\n\n");
    }
    for (size_t i = 0; i < status->n_tunnels; i++) {
        put_tunnel(status, &status->tunnels[i], ds);
    }
    put_plain(status->protection.cut_off, ds);
    put_plain(status->protection.weakened, ds);
    put_plain(status->in_clear, ds);
    put_host(status, ds);
}

/* Connections. */

static void
put_connection(const struct status *status,
               const struct status_connection *conn, struct ds *ds)
{
    ds_put_format(ds, "%s: %s, ", conn->peer->name,
                  !conn->handled || !conn->ike.loaded ? "not loaded"
                  : conn->ike.established ? "ESTABLISHED" : "loaded");
    ipv6_format_mapped(&conn->peer->local, ds);
    ds_put_cstr(ds, "...");
    ipv6_format_mapped(&conn->peer->remote, ds);
    ds_put_char(ds, '\n');
    for (size_t i = 0; i < conn->peer->n_children; i++) {
        const struct status_child *child = &conn->children[i];

        if (child->ike.installed) {
            put_installed(status, child, ds);
        } else {
            ds_put_format(ds, "  %s (%s): not installed\n",
                          child->child->name,
                          child_dir_name(child->child->dir));
        }
    }
    put_last_error(&conn->ike, ds);
}

static int
compare_by_connection(const void *a_, const void *b_)
{
    const struct status_tunnel *const *a = a_;
    const struct status_tunnel *const *b = b_;
    int cmp = strcmp((*a)->view.peer->name, (*b)->view.peer->name);

    return cmp ? cmp : strcmp((*a)->view.name, (*b)->view.name);
}

/* Appends to 'ds' every connection with its tunnels. */
void
status_text_connections(const struct status *status, struct ds *ds)
{
    const struct status_tunnel **sorted = xcalloc(status->n_tunnels,
                                                  sizeof *sorted);
    const struct status_connection *conn = NULL;
    size_t n = 0;

    for (size_t i = 0; i < status->n_tunnels; i++) {
        if (status->tunnels[i].connection) {
            sorted[n++] = &status->tunnels[i];
        }
    }
    qsort(sorted, n, sizeof *sorted, compare_by_connection);
    for (size_t i = 0; i < n; i++) {
        if (sorted[i]->connection != conn) {
            conn = sorted[i]->connection;
            put_connection(status, conn, ds);
        }
        put_indented(ds, "tunnel", sorted[i]->view.name);
    }
    free(sorted);
    put_host(status, ds);
}

/* Appends to 'ds' which tunnels are not up, each with the reason. */
void
status_text_down(const struct status *status, struct ds *ds)
{
    size_t n = 0;

    for (size_t i = 0; i < status->n_tunnels; i++) {
        const struct status_tunnel *tunnel = &status->tunnels[i];
        const char *invalid = tunnel->view.wish->error;

        if (tunnel->verdict.state == TUNNEL_UP || n++ >= MAX_DOWN) {
            continue;
        }
        put_printable(ds, tunnel->view.name);
        ds_put_format(ds, ": %s: ", tunnel_state_name(tunnel->verdict.state));
        put_printable(ds, invalid ? invalid : tunnel->verdict.reason);
        ds_put_char(ds, '\n');
    }
    if (n > MAX_DOWN) {
        ds_put_format(ds, "and %"PRIuSIZE" more\n", n - MAX_DOWN);
    }
}

/* The kernel. */

static bool
put_kernel_error(const struct status *status, struct ds *ds)
{
    if (status->kernel.error) {
        ds_put_format(ds, "cannot list XFRM policies and SAs: %s\n",
                      ovs_strerror(status->kernel.error));
    }
    return status->kernel.error != 0;
}

/* Appends to 'ds' all of the kernel's policies. */
void
status_text_policies(const struct status *status, struct ds *ds)
{
    if (put_kernel_error(status, ds)) {
        return;
    }
    for (size_t i = 0; i < status->kernel.n_policies; i++) {
        const struct xfrm_policy *policy = &status->kernel.policies[i];

        xfrm_format_policy(policy, ds);
        ds_put_cstr(ds, guard_owns(policy) ? " (guard)\n" : "\n");
    }
}

/* Appends to 'ds' all of the kernel's SAs, without keys. */
void
status_text_sas(const struct status *status, struct ds *ds)
{
    if (put_kernel_error(status, ds)) {
        return;
    }
    for (size_t i = 0; i < status->kernel.n_sas; i++) {
        xfrm_format_sa(&status->kernel.sas[i], ds);
        ds_put_char(ds, '\n');
    }
}
