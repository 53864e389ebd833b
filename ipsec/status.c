/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Collects what there is to tell; see status.h. */

#include <config.h>

#include "status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hmapx.h"
#include "timeval.h"
#include "util.h"

#include "escape.h"
#include "guard.h"
#include "tunnel.h"

/* Connections. */

static void
child_init(struct status_child *child, const struct status_source *source,
           const struct peer *peer, const struct child *wish,
           const struct xfrm_table *kernel)
{
    child->child = wish;
    if (ike_get_child(source->ike, peer->name, wish->name, &child->ike)
        || !child->ike.installed) {
        return;
    }
    xfrm_table_count(kernel, &peer->local, &peer->remote, child->ike.reqid,
                     &child->out);
    xfrm_table_count(kernel, &peer->remote, &peer->local, child->ike.reqid,
                     &child->in);
}

static struct status_connection *
connection_create(const struct status_source *source, const struct peer *peer,
                  const struct xfrm_table *kernel)
{
    struct status_connection *conn = xzalloc(sizeof *conn);

    conn->peer = peer;
    conn->handled = !ike_get(source->ike, peer->name, &conn->ike);
    conn->children = xcalloc(peer->n_children, sizeof *conn->children);
    for (size_t i = 0; i < peer->n_children; i++) {
        child_init(&conn->children[i], source, peer, &peer->children[i],
                   kernel);
    }
    return conn;
}

static const struct status_connection *
find_connection(struct status *status, const struct status_source *source,
                const struct peer *peer)
{
    struct status_connection *conn = shash_find_data(&status->connections,
                                                     peer->name);

    if (!conn) {
        conn = connection_create(source, peer, &status->kernel);
        shash_add(&status->connections, peer->name, conn);
    }
    return conn;
}

/* Tunnels. */

static void
find_children(struct status_tunnel *tunnel)
{
    const struct peer *peer = tunnel->view.peer;
    const struct tunnel *t = tunnel->view.effective;

    for (enum child_dir dir = 0; dir < CHILD_N_DIRS; dir++) {
        const struct child *child = peer_find_child(peer, dir, t->type->proto,
                                                    t->port);

        if (child) {
            tunnel->children[tunnel->n_children++]
                = &tunnel->connection->children[child - peer->children];
        }
    }
}

static struct tunnel_child_facts
child_facts(const struct status_child *child, long long int now)
{
    return (struct tunnel_child_facts) {
        .sends = child->child->dir != CHILD_IN,
        .receives = child->child->dir != CHILD_OUT,
        .installed = child->ike.installed,
        .in_kernel = child->out.n && child->in.n,
        .packets_out = child->out.packets,
        .packets_in = child->in.packets,
        .sending = child->out.used_at ? now - child->out.used_at : 0,
    };
}

/* Returns why nothing holds packets of 'tunnel' while it has no SAs, or
 * null. */
static const char *
find_unguarded(const struct status_tunnel *tunnel, const struct status *status)
{
    if (status->guard_error && !status->guard_installed) {
        return ("the guard cannot be installed: without SAs its packets are "
                "in clear, and packets in clear get in");
    }
    switch (tunnel->view.protection) {
    case PROTECTION_OFF:
        return ("ipsec_guard=off: without SAs its packets are in clear unless "
                "the IKE daemon holds them, and packets in clear get in");
    case PROTECTION_DEFERRED:
        return ("ipsec_transition=seamless: there is no guard until all "
                "tunnels of its protocol and port have SAs; without SAs its "
                "packets are in clear");
    case PROTECTION_GUARD:
        break;
    }
    return NULL;
}

/* 'now' is in s since the epoch. */
static void
judge(struct status_tunnel *tunnel, const struct status *status,
      long long int now)
{
    const struct status_connection *conn = tunnel->connection;
    struct tunnel_child_facts children[CHILD_N_DIRS];
    const struct tunnel_facts facts = {
        .invalid = tunnel->view.wish->error,
        .unprotected = tunnel->view.unprotected,
        .unguarded = find_unguarded(tunnel, status),
        .error = tunnel->view.error,
        .has_peer = conn && conn->handled,
        .ike_error = status->ike_error,
        .ike = conn ? conn->ike : (struct ike_state) { .loaded = false },
        .kernel_known = !status->kernel.error,
        .children = children,
        .n_children = tunnel->n_children,
    };

    for (size_t i = 0; i < tunnel->n_children; i++) {
        children[i] = child_facts(tunnel->children[i], now);
    }
    tunnel_judge(&facts, &tunnel->verdict);
}

/* Returns the name of the datapath's device for the packets of 't', which the
 * caller frees, or null if there is none whose counters tell.  Those of GRE
 * share SAs. */
static char *
find_device(const struct tunnel *t)
{
    /* Names of interfaces are short. */
    return (t && t->type->proto == IPPROTO_UDP
            ? xasprintf("%.5s_sys_%"PRIu16, t->type->name, t->port)
            : NULL);
}

static void
note_device(const struct status_source *source, const char *device,
            const struct status_tunnel *tunnel, struct hmapx *noted)
{
    escapes_note(source->escapes, device,
                 (tunnel->verdict.state == TUNNEL_UP
                  && !monitor_has_plain(source->monitor,
                                        tunnel->view.effective)));
    for (size_t i = 0; i < tunnel->n_children; i++) {
        const struct status_child *child = tunnel->children[i];

        if (child->child->dir == CHILD_OUT
            && hmapx_add(noted, CONST_CAST(void *, child))) {
            escapes_note_sa(source->escapes, device, child->ike.spi_out,
                            child->out.packets);
        }
    }
}

/* Looks whether packets leave past IPsec, and judges their tunnels again. */
static void
look_for_escapes(struct status *status, const struct status_source *source,
                 long long int now)
{
    struct hmapx noted = HMAPX_INITIALIZER(&noted);

    escapes_begin(source->escapes);
    for (size_t i = 0; i < status->n_tunnels; i++) {
        struct status_tunnel *tunnel = &status->tunnels[i];
        char *device = find_device(tunnel->view.effective);

        if (device) {
            note_device(source, device, tunnel, &noted);
        }
        free(device);
    }
    hmapx_destroy(&noted);
    escapes_end(source->escapes);
    if (!escapes_any(source->escapes)) {
        return;
    }
    for (size_t i = 0; i < status->n_tunnels; i++) {
        struct status_tunnel *tunnel = &status->tunnels[i];
        char *device = find_device(tunnel->view.effective);
        const char *reason = (device
                              ? escapes_find(source->escapes, device) : NULL);

        if (reason && !tunnel->view.unprotected) {
            tunnel->view.unprotected = reason;
            judge(tunnel, status, now);
        }
        free(device);
    }
}

static void
take_tunnels(struct status *status, const struct status_source *source)
{
    struct monitor_view *views = monitor_get_tunnels(source->monitor,
                                                     &status->n_tunnels);
    long long int now = time_wall();

    status->tunnels = xcalloc(status->n_tunnels, sizeof *status->tunnels);
    for (size_t i = 0; i < status->n_tunnels; i++) {
        struct status_tunnel *tunnel = &status->tunnels[i];

        tunnel->view = views[i];
        if (tunnel->view.peer) {
            tunnel->connection = find_connection(status, source,
                                                 tunnel->view.peer);
            find_children(tunnel);
        }
        judge(tunnel, status, now);
    }
    free(views);
    if (!status->kernel.error) {
        look_for_escapes(status, source, now);
    }
}

/* Makes 'status' what 'source' has to tell now. */
void
status_init(struct status *status, const struct status_source *source)
{
    memset(status, 0, sizeof *status);
    monitor_get_summary(source->monitor, &status->host);
    status->ike_error = ike_get_error(source->ike);
    status->guard_error = guard_get_error(source->guard);
    status->guard_installed = guard_is_installed(source->guard);
    monitor_get_protection(source->monitor, &status->protection);
    status->in_clear = monitor_get_in_clear(source->monitor);
    ike_get_counts(source->ike, &status->counts);
    status->held = monitor_get_held(source->monitor);
    shash_init(&status->connections);
    xfrm_table_read(&status->kernel);
    take_tunnels(status, source);
}

/* Frees what is in 'status'. */
void
status_destroy(struct status *status)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &status->connections) {
        struct status_connection *conn = node->data;
        free(conn->children);
    }
    shash_destroy_free_data(&status->connections);
    free(status->tunnels);
    xfrm_table_destroy(&status->kernel);
}

/* Returns in words whether the database is there. */
const char *
status_database(const struct status *status)
{
    return (status->host.database_connected ? "connected"
            : status->host.database_known
            ? "not connected; showing what it said last" : "not connected");
}

/* Returns in words whether the guard is there. */
const char *
status_guard(const struct status *status)
{
    return (status->guard_error ? status->guard_error
            : !status->host.guard_needed ? "not needed"
            : !status->guard_installed ? "not installed yet"
            : status->protection.deferred
            ? "installed, but not yet for tunnels that are being changed over"
            : "installed");
}
