/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef ENCAPS_H
#define ENCAPS_H 1

/* The tunnels: ports of the integration bridge, one for each pair of an
 * address of another chassis and one of ours.
 *
 * Tunnels are told from other ports by Port:external_ids:ovn-chassis-id;
 * other ports are never touched.  A tunnel that changes is changed in place,
 * so that its port number, statistics and traffic stay.
 *
 * The work is one chassis at a time, and only for chassis of which something
 * changed.  In each iteration of the main loop, after ovn_db_run() of both
 * databases, for which there was ovn_db_track():
 *
 *     encaps_track(&encaps, &ctx);         Takes in what changed...
 *     if (txn) {
 *         encaps_run(&encaps, &ctx);       ...and does what is to be done.
 *     }
 *
 * or encaps_invalidate(), if one of them was not usable, or the work of a
 * transaction was lost: the next pass then looks at everything. */

#include <stdbool.h>

#include "ovn/controller/tunnel-ports.h"
#include "ovn/lib/troubles.h"
#include "simap.h"
#include "smap.h"
#include "sset.h"

struct chassis_indexes;
struct local_config;
struct ovsdb_idl;
struct ovsdb_idl_txn;
struct vswrec_bridge;
struct vswrec_open_vswitch;

struct encaps {
    struct tunnel_ports ports;
    struct sset changed;            /* Names of chassis to look at... */
    bool all_changed;               /* ...or at all there are. */

    /* What SB_Global says for all tunnels. */
    bool ipsec;
    struct smap ipsec_options;

    /* From each name of ports and interfaces to the number of rows that have
     * it... */
    struct simap names;
    bool names_known;               /* ...or to be collected before use. */

    /* From the beginning of a port name to the first counter that may be
     * free. */
    struct simap counters;

    struct troubles troubles;       /* About a chassis, or in general. */
};

struct encaps_ctx {
    struct ovsdb_idl_txn *txn;                  /* Local; for encaps_run(). */
    const struct vswrec_open_vswitch *ovs;
    const struct vswrec_bridge *br_int;
    const struct local_config *config;
    const struct chassis_indexes *chassis_indexes;
    struct ovsdb_idl *local, *sb;
};

void encaps_init(struct encaps *);
void encaps_destroy(struct encaps *);

void encaps_track(struct encaps *, const struct encaps_ctx *);
void encaps_invalidate(struct encaps *);
bool encaps_run(struct encaps *, const struct encaps_ctx *);
bool encaps_remove(struct ovsdb_idl *local, const struct vswrec_bridge *);

#endif /* encaps.h */
