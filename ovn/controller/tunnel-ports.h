/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef TUNNEL_PORTS_H
#define TUNNEL_PORTS_H 1

/* The tunnels among the ports of the integration bridge, by the chassis at the
 * other end.
 *
 * A "struct tunnel_ports" follows the replica of the local database by its
 * tracked changes, so that to find out what changed costs what changed, but
 * for one comparison of UUIDs when a port of the bridge comes or goes.
 * 'encaps' is its only user. */

#include <stdbool.h>

#include "openvswitch/hmap.h"
#include "ovn/controller/tunnel-id.h"
#include "sset.h"
#include "uuid.h"

struct ovsdb_idl;
struct vswrec_bridge;

/* The key in Port:external_ids that makes a port a tunnel. */
#define TUNNEL_KEY "ovn-chassis-id"

struct tunnel_port {
    struct hmap_node by_port;       /* By 'port'. */
    struct hmap_node by_interface;  /* By 'interface'. */
    struct hmap_node by_chassis;    /* By 'id.chassis'. */
    struct uuid port;               /* Its row... */
    struct uuid interface;          /* ...and its first Interface's. */
    struct tunnel_id id;            /* If it makes no sense, 'id.chassis' is
                                     * empty and the rest null. */
};

struct tunnel_ports {
    struct hmap by_port, by_interface, by_chassis;
    struct uuid bridge;             /* The bridge; zero: start anew. */
    struct uuid *members;           /* Its ports, sorted, tunnels or not. */
    size_t n_members;
};

void tunnel_ports_init(struct tunnel_ports *);
void tunnel_ports_destroy(struct tunnel_ports *);

void tunnel_ports_clear(struct tunnel_ports *);
void tunnel_ports_run(struct tunnel_ports *, struct ovsdb_idl *local,
                      const struct vswrec_bridge *, struct sset *changed);

/* Iterates over those of CHASSIS. */
#define TUNNEL_PORTS_FOR_EACH(NODE, CHASSIS, PORTS)                     \
    HMAP_FOR_EACH_WITH_HASH (NODE, by_chassis, hash_string(CHASSIS, 0), \
                             &(PORTS)->by_chassis)                      \
        if (!strcmp((NODE)->id.chassis, CHASSIS))

#endif /* tunnel-ports.h */
