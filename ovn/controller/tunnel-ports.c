/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See tunnel-ports.h. */

#include <config.h>

#include "ovn/controller/tunnel-ports.h"

#include <string.h>

#include "hash.h"
#include "ovn/controller/ovn-vswitch-idl.h"
#include "ovn/controller/tunnel-id.h"
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

/* Returns the name of the chassis at the other end of 'row', which the caller
 * must free; as in "struct tunnel_port". */
static char *
chassis_of(const struct vswrec_port *row)
{
    const char *s = smap_get(&row->external_ids, TUNNEL_KEY);
    struct tunnel_id id;
    char *chassis;

    if (!s) {
        return NULL;
    }
    if (!tunnel_id_parse(s, &id)) {
        return xstrdup("");
    }
    chassis = xstrdup(id.chassis);
    tunnel_id_destroy(&id);
    return chassis;
}

/* Takes 'p' out of all but 'by_port', and tells of its chassis. */
static void
unlink_port(struct tunnel_ports *ports, struct tunnel_port *p,
            struct sset *changed)
{
    hmap_remove(&ports->by_interface, &p->by_interface);
    if (p->chassis) {
        if (changed) {
            sset_add(changed, p->chassis);
        }
        hmap_remove(&ports->by_chassis, &p->by_chassis);
        free(p->chassis);
    }
}

/* Makes 'p' say what 'row' says. */
static void
link_port(struct tunnel_ports *ports, struct tunnel_port *p,
          const struct vswrec_port *row, struct sset *changed)
{
    p->chassis = chassis_of(row);
    p->interface = (row->n_interfaces ? row->interfaces[0]->header_.uuid
                    : UUID_ZERO);
    hmap_insert(&ports->by_interface, &p->by_interface,
                uuid_hash(&p->interface));
    if (p->chassis) {
        sset_add(changed, p->chassis);
        hmap_insert(&ports->by_chassis, &p->by_chassis,
                    hash_string(p->chassis, 0));
    }
}

static void
remove_port(struct tunnel_ports *ports, struct tunnel_port *p,
            struct sset *changed)
{
    unlink_port(ports, p, changed);
    hmap_remove(&ports->by_port, &p->by_port);
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
}

static void
add_or_mark(struct tunnel_ports *ports, const struct vswrec_port *row,
            struct sset *changed)
{
    struct tunnel_port *p = find_by_port(ports, &row->header_.uuid);

    if (!p) {
        p = xzalloc(sizeof *p);
        p->port = row->header_.uuid;
        hmap_insert(&ports->by_port, &p->by_port, uuid_hash(&p->port));
        link_port(ports, p, row, changed);
    }
    p->seen = true;
}

/* Compares the set of ports. */
static void
run_bridge(struct tunnel_ports *ports, const struct vswrec_bridge *bridge,
           struct sset *changed)
{
    struct tunnel_port *p;

    HMAP_FOR_EACH (p, by_port, &ports->by_port) {
        p->seen = false;
    }
    for (size_t i = 0; i < bridge->n_ports; i++) {
        add_or_mark(ports, bridge->ports[i], changed);
    }
    HMAP_FOR_EACH_SAFE (p, by_port, &ports->by_port) {
        if (!p->seen) {
            remove_port(ports, p, changed);
        }
    }
}

/* Returns true if a Port was deleted, from this bridge or another. */
static bool
run_ports(struct tunnel_ports *ports, struct ovsdb_idl *local,
          struct sset *changed)
{
    const struct vswrec_port *row;
    bool any_deleted = false;

    VSWREC_PORT_FOR_EACH_TRACKED (row, local) {
        struct tunnel_port *p = find_by_port(ports, &row->header_.uuid);

        if (vswrec_port_is_deleted(row)) {
            any_deleted = true;
        } else if (p) {
            unlink_port(ports, p, changed);
            link_port(ports, p, row, changed);
        }
    }
    return any_deleted;
}

/* Returns true if an Interface was deleted. */
static bool
run_interfaces(struct tunnel_ports *ports, struct ovsdb_idl *local,
               struct sset *changed)
{
    const struct vswrec_interface *row;
    bool any_deleted = false;

    VSWREC_INTERFACE_FOR_EACH_TRACKED (row, local) {
        struct tunnel_port *p = find_by_interface(ports, &row->header_.uuid);

        if (vswrec_interface_is_deleted(row)) {
            any_deleted = true;
        }
        if (p && p->chassis) {
            sset_add(changed, p->chassis);
        }
    }
    return any_deleted;
}

static bool
bridge_changed(struct ovsdb_idl *local, const struct vswrec_bridge *bridge)
{
    const struct vswrec_bridge *row;

    VSWREC_BRIDGE_FOR_EACH_TRACKED (row, local) {
        if (row == bridge) {
            return true;
        }
    }
    return false;
}

/* Takes in the tracked changes of 'local', to be called before they are
 * cleared; if it was not, tunnel_ports_clear() comes first.  Adds to 'changed'
 * the chassis whose tunnels on 'bridge' changed.  Returns true if the name of
 * a port or interface, anywhere, may have become free. */
bool
tunnel_ports_run(struct tunnel_ports *ports, struct ovsdb_idl *local,
                 const struct vswrec_bridge *bridge, struct sset *changed)
{
    bool names_freed;

    if (!uuid_equals(&ports->bridge, &bridge->header_.uuid)) {
        tunnel_ports_clear(ports);
        ports->bridge = bridge->header_.uuid;
        run_bridge(ports, bridge, changed);
        return true;
    }
    names_freed = run_ports(ports, local, changed);
    if (run_interfaces(ports, local, changed)) {
        names_freed = true;
    }
    if (bridge_changed(local, bridge)) {
        run_bridge(ports, bridge, changed);
    }
    return names_freed;
}
