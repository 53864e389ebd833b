/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tells people about tunnels; see status.h. */

#include <config.h>

#include "status.h"

#include <inttypes.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "sset.h"
#include "util.h"

#include "credentials.h"
#include "guard.h"
#include "ike.h"
#include "monitor.h"
#include "peer.h"
#include "tunnel.h"

static const struct child *
find_child(const struct monitor_view *view, enum child_dir dir)
{
    const struct tunnel *t = view->effective;

    return (view->peer
            ? peer_find_child(view->peer, dir, t->type->proto, t->port)
            : NULL);
}

static bool
child_is_installed(const struct status_source *source,
                   const struct monitor_view *view, enum child_dir dir)
{
    const struct tunnel *t = view->effective;
    const struct child *child = (view->peer
                                 ? peer_find_carrier(view->peer, dir,
                                                     t->type->proto, t->port)
                                 : NULL);
    struct ike_child_state state;

    return (child
            && !ike_get_child(source->ike, view->peer->name, child->name,
                              &state)
            && state.installed);
}

/* Returns why 'view' is not up, or null if it is.  Not to be freed. */
static const char *
down_reason(const struct status_source *source,
            const struct monitor_view *view)
{
    struct ike_state state;

    if (!view->peer) {
        return view->error ? view->error : "not handled yet";
    }
    if (ike_get(source->ike, view->peer->name, &state)) {
        return "not handled yet";
    }
    bool out = child_is_installed(source, view, CHILD_OUT);
    if (out && child_is_installed(source, view, CHILD_IN)) {
        return NULL;
    }
    if (!state.loaded) {
        const char *error = ike_get_error(source->ike);

        return error ? error : state.error ? state.error
               : "not loaded by the IKE daemon yet";
    }
    if (state.error) {
        return state.error;
    }
    return (out ? "waiting for the peer to start its direction"
            : state.established ? "negotiating the SAs"
            : "waiting for the peer to answer");
}

static void
show_child(const struct status_source *source,
           const struct monitor_view *view, enum child_dir dir,
           struct ds *ds)
{
    const struct child *child = find_child(view, dir);
    struct ike_child_state state;

    if (!child
        || ike_get_child(source->ike, view->peer->name, child->name,
                         &state)) {
        return;
    }
    ds_put_format(ds, "    %-4s %s ", child_dir_name(dir), child->name);
    if (state.installed) {
        ds_put_format(ds, "INSTALLED spi in 0x%08"PRIx32" out 0x%08"PRIx32
                      " %s\n", state.spi_in, state.spi_out, state.algorithm);
    } else {
        ds_put_cstr(ds, "not installed\n");
    }
}

static void
show_tunnel(const struct status_source *source,
            const struct monitor_view *view, struct ds *ds)
{
    const char *reason = down_reason(source, view);
    const char *invalid = view->wish->error;

    ds_put_format(ds, "Interface name: %s (%s)\n", view->name,
                  invalid ? "INVALID" : reason ? "DOWN" : "UP");
    if (invalid) {
        ds_put_format(ds, "  reason: %s\n", invalid);
    }
    if (reason && !nullable_string_is_equal(reason, invalid)) {
        ds_put_format(ds, "  reason: %s\n", reason);
    }
    tunnel_format(view->wish, ds);
    if (view->peer) {
        ds_put_format(ds, "  connection: %s%s\n", view->peer->name,
                      invalid ? " (as it was when last valid)" : "");
        for (enum child_dir dir = CHILD_OUT; dir < CHILD_N_DIRS; dir++) {
            show_child(source, view, dir, ds);
        }
    }
    ds_put_char(ds, '\n');
}

static void
show_summary(const struct status_source *source, struct ds *ds)
{
    struct monitor_summary summary;
    const char *address;
    const char *error;

    monitor_get_summary(source->monitor, &summary);
    ds_put_format(ds, "Database: %s\n",
                  summary.database_connected ? "connected"
                  : summary.database_known
                  ? "not connected; showing what it said last"
                  : "not connected");
    error = summary.credentials_error;
    ds_put_format(ds, "Certificate: %s%s%s\n",
                  summary.credentials ? summary.credentials->name : "none",
                  error ? "; " : "", error ? error : "");
    error = ike_get_error(source->ike);
    ds_put_format(ds, "IKE daemon: %s\n", error ? error : "connected");
    error = guard_get_error(source->guard);
    ds_put_format(ds, "Guard: %s\n",
                  error ? error
                  : !summary.guard_needed ? "not needed"
                  : guard_is_installed(source->guard) ? "installed"
                  : "not installed yet");
    SSET_FOR_EACH (address, monitor_get_held(source->monitor)) {
        ds_put_format(ds, "held: traffic to %s, no encrypted tunnel has that "
                      "address\n", address);
    }
    ds_put_char(ds, '\n');
}

static void
show_plain(const struct shash *plain, struct ds *ds)
{
    const struct shash_node **nodes = shash_sort(plain);

    for (size_t i = 0; i < shash_count(plain); i++) {
        ds_put_format(ds, "Interface name: %s (NOT ENCRYPTED)\n"
                      "  reason: %s\n\n", nodes[i]->name,
                      (const char *) nodes[i]->data);
    }
    free(nodes);
}

/* Appends to 'ds' what there is to know about every tunnel. */
void
status_show(const struct status_source *source, struct ds *ds)
{
    struct monitor_view *views;
    size_t n;

    show_summary(source, ds);
    views = monitor_get_tunnels(source->monitor, &n);
    for (size_t i = 0; i < n; i++) {
        show_tunnel(source, &views[i], ds);
    }
    free(views);
    show_plain(monitor_get_plain(source->monitor), ds);
}
