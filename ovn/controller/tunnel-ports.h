/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef TUNNEL_PORTS_H
#define TUNNEL_PORTS_H 1

/* Which ports of the integration bridge are tunnels, by the chassis at the
 * other end.
 *
 * A "struct tunnel_ports" follows the replica of the local database by its
 * tracked changes, so that to find out what changed costs what changed, but
 * for a comparison of the bridge's ports when one of them comes or goes.
 * 'encaps' is its only user. */

#include <stdbool.h>

#include "openvswitch/hmap.h"
#include "sset.h"
#include "uuid.h"

struct ovsdb_idl;
struct vswrec_bridge;
struct vswrec_port;

/* The key in Port:external_ids that makes a port a tunnel. */
#define TUNNEL_KEY "ovn-chassis-id"

/* A port of the bridge. */
struct tunnel_port {
    struct hmap_node by_port;       /* By 'port'. */
    struct hmap_node by_interface;  /* By 'interface'. */
    struct hmap_node by_chassis;    /* By 'chassis'; only tunnels. */
    struct uuid port;               /* Its row... */
    struct uuid interface;          /* ...and its first Interface's. */
    char *chassis;                  /* Null: not a tunnel.  Empty: one whose
                                     * id makes no sense. */
    bool seen;
};

struct tunnel_ports {
    struct hmap by_port, by_interface, by_chassis;
    struct uuid bridge;             /* The bridge; zero: start anew. */
};

void tunnel_ports_init(struct tunnel_ports *);
void tunnel_ports_destroy(struct tunnel_ports *);

void tunnel_ports_clear(struct tunnel_ports *);
bool tunnel_ports_run(struct tunnel_ports *, struct ovsdb_idl *local,
                      const struct vswrec_bridge *, struct sset *changed);

/* Iterates over those of CHASSIS. */
#define TUNNEL_PORTS_FOR_EACH(NODE, CHASSIS, PORTS)                     \
    HMAP_FOR_EACH_WITH_HASH (NODE, by_chassis, hash_string(CHASSIS, 0), \
                             &(PORTS)->by_chassis)                      \
        if (!strcmp((NODE)->chassis, CHASSIS))

#endif /* tunnel-ports.h */
