/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See tunnel-ports.h. */

#include <config.h>

#include "ovn/controller/tunnel-ports.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "ovn/controller/ovn-vswitch-idl.h"
#include "ovsdb-data.h"
#include "smap.h"
#include "util.h"

/* Makes 'ports' empty. */
void
tunnel_ports_init(struct tunnel_ports *ports)
{
    *ports = (struct tunnel_ports) {
        .by_port = HMAP_INITIALIZER(&ports->by_port),
        .by_interface = HMAP_INITIALIZER(&ports->by_interface),
        .by_chassis = HMAP_INITIALIZER(&ports->by_chassis),
    };
}

/* Frees what 'ports' contains. */
void
tunnel_ports_destroy(struct tunnel_ports *ports)
{
    tunnel_ports_clear(ports);
    hmap_destroy(&ports->by_port);
    hmap_destroy(&ports->by_interface);
    hmap_destroy(&ports->by_chassis);
}

static struct tunnel_port *
find_by_port(const struct tunnel_ports *ports, const struct uuid *uuid)
{
    struct tunnel_port *p;

    HMAP_FOR_EACH_WITH_HASH (p, by_port, uuid_hash(uuid), &ports->by_port) {
        if (uuid_equals(&p->port, uuid)) {
            return p;
        }
    }
    return NULL;
}

static struct tunnel_port *
find_by_interface(const struct tunnel_ports *ports, const struct uuid *uuid)
{
    struct tunnel_port *p;

    HMAP_FOR_EACH_WITH_HASH (p, by_interface, uuid_hash(uuid),
                             &ports->by_interface) {
        if (uuid_equals(&p->interface, uuid)) {
            return p;
        }
    }
    return NULL;
}

/* Adds the port 'row', unless it is no tunnel, and tells of its chassis. */
static void
add_port(struct tunnel_ports *ports, const struct vswrec_port *row,
         struct sset *changed)
{
    const char *id = smap_get(&row->external_ids, TUNNEL_KEY);
    struct tunnel_port *p;

    if (!id) {
        return;
    }
    p = xmalloc(sizeof *p);
    p->port = row->header_.uuid;
    p->interface = (row->n_interfaces ? row->interfaces[0]->header_.uuid
                    : UUID_ZERO);
    if (!tunnel_id_parse(id, &p->id)) {
        p->id = (struct tunnel_id) { .chassis = xstrdup("") };
    }
    sset_add(changed, p->id.chassis);
    hmap_insert(&ports->by_port, &p->by_port, uuid_hash(&p->port));
    hmap_insert(&ports->by_interface, &p->by_interface,
                uuid_hash(&p->interface));
    hmap_insert(&ports->by_chassis, &p->by_chassis,
                hash_string(p->id.chassis, 0));
}

/* Removes 'p', which may be null, and tells of its chassis unless 'changed' is
 * null. */
static void
remove_port(struct tunnel_ports *ports, struct tunnel_port *p,
            struct sset *changed)
{
    if (!p) {
        return;
    }
    if (changed) {
        sset_add(changed, p->id.chassis);
    }
    hmap_remove(&ports->by_port, &p->by_port);
    hmap_remove(&ports->by_interface, &p->by_interface);
    hmap_remove(&ports->by_chassis, &p->by_chassis);
    tunnel_id_destroy(&p->id);
    free(p);
}

/* Forgets everything: what changed was not followed. */
void
tunnel_ports_clear(struct tunnel_ports *ports)
{
    struct tunnel_port *p;

    HMAP_FOR_EACH_SAFE (p, by_port, &ports->by_port) {
        remove_port(ports, p, NULL);
    }
    ports->bridge = UUID_ZERO;
    free(ports->members);
    ports->members = NULL;
    ports->n_members = 0;
}

/* Members. */

static int
compare_uuids(const void *a, const void *b)
{
    return uuid_compare_3way(a, b);
}

static bool
is_member(const struct tunnel_ports *ports, const struct uuid *uuid)
{
    return ports->n_members && bsearch(uuid, ports->members, ports->n_members,
                                       sizeof *uuid, compare_uuids);
}

static void
add_member(struct tunnel_ports *ports, struct ovsdb_idl *local,
           const struct uuid *uuid, struct sset *changed)
{
    const struct vswrec_port *row = vswrec_port_get_for_uuid(local, uuid);

    if (row && !find_by_port(ports, uuid)) {
        add_port(ports, row, changed);
    }
}

static void
remember_members(struct tunnel_ports *ports, const struct ovsdb_datum *datum)
{
    free(ports->members);
    ports->n_members = datum->n;
    ports->members = xmalloc(datum->n * sizeof *ports->members);
    for (size_t i = 0; i < datum->n; i++) {
        ports->members[i] = datum->keys[i].uuid;
    }
}

/* Finds out which ports came to 'bridge' and which left it, which they can
 * without a change of the port itself.  Both lists are sorted. */
static void
run_members(struct tunnel_ports *ports, struct ovsdb_idl *local,
            const struct vswrec_bridge *bridge, struct sset *changed)
{
    const struct ovsdb_datum *datum
        = vswrec_bridge_get_ports(bridge, OVSDB_TYPE_UUID);

    for (size_t i = 0, j = 0; i < datum->n || j < ports->n_members; ) {
        const struct uuid *new = i < datum->n ? &datum->keys[i].uuid : NULL;
        const struct uuid *old = (j < ports->n_members ? &ports->members[j]
                                  : NULL);
        int cmp = (!new ? -1 : !old ? 1
                   : uuid_equals(old, new) ? 0 : uuid_compare_3way(old, new));

        if (cmp < 0) {
            remove_port(ports, find_by_port(ports, old), changed);
        } else if (cmp > 0) {
            add_member(ports, local, new, changed);
        }
        j += cmp <= 0;
        i += cmp >= 0;
    }
    remember_members(ports, datum);
}

/* Takes in what changed. */

static bool
members_changed(struct ovsdb_idl *local, const struct vswrec_bridge *bridge)
{
    const struct vswrec_bridge *row;

    VSWREC_BRIDGE_FOR_EACH_TRACKED (row, local) {
        if (row == bridge) {
            return vswrec_bridge_is_updated(row, VSWREC_BRIDGE_COL_PORTS);
        }
    }
    return false;
}

/* A port is tracked for a change of its interface, too. */
static bool
port_changed(const struct vswrec_port *row)
{
    return (vswrec_port_is_new(row)
            || vswrec_port_is_updated(row, VSWREC_PORT_COL_INTERFACES)
            || vswrec_port_is_updated(row, VSWREC_PORT_COL_EXTERNAL_IDS));
}

static void
run_ports(struct tunnel_ports *ports, struct ovsdb_idl *local,
          struct sset *changed)
{
    const struct vswrec_port *row;

    VSWREC_PORT_FOR_EACH_TRACKED (row, local) {
        const struct uuid *uuid = &row->header_.uuid;

        if (!vswrec_port_is_deleted(row) && port_changed(row)) {
            remove_port(ports, find_by_port(ports, uuid), changed);
            if (is_member(ports, uuid)) {
                add_port(ports, row, changed);
            }
        }
    }
}

static void
run_interfaces(struct tunnel_ports *ports, struct ovsdb_idl *local,
               struct sset *changed)
{
    const struct vswrec_interface *row;

    VSWREC_INTERFACE_FOR_EACH_TRACKED (row, local) {
        struct tunnel_port *p = find_by_interface(ports, &row->header_.uuid);

        if (p) {
            sset_add(changed, p->id.chassis);
        }
    }
}

/* Takes in the tracked changes of 'local', to be called before they are
 * cleared; if it was not, tunnel_ports_clear() comes first.  Adds to 'changed'
 * the chassis whose tunnels on 'bridge' changed. */
void
tunnel_ports_run(struct tunnel_ports *ports, struct ovsdb_idl *local,
                 const struct vswrec_bridge *bridge, struct sset *changed)
{
    if (!uuid_equals(&ports->bridge, &bridge->header_.uuid)) {
        tunnel_ports_clear(ports);
        ports->bridge = bridge->header_.uuid;
        run_members(ports, local, bridge, changed);
        return;
    }
    if (members_changed(local, bridge)) {
        run_members(ports, local, bridge, changed);
    }
    run_ports(ports, local, changed);
    run_interfaces(ports, local, changed);
}
