/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef ENCAPS_H
#define ENCAPS_H 1

/* The tunnels: ports of the integration bridge, one for each pair of an
 * address of another chassis and one of ours.
 *
 * Tunnels are told from other ports by Port:external_ids:ovn-chassis-id;
 * other ports are never touched.  A tunnel that changes is changed in place,
 * so that its port number, statistics and traffic stay. */

#include <stdbool.h>

struct local_config;
struct ovsdb_idl;
struct ovsdb_idl_index;
struct ovsdb_idl_txn;
struct ovsrec_bridge;
struct ovsrec_open_vswitch;
struct troubles;

/* Indexes on the local replica, to find names that are taken. */
struct encaps_indexes {
    struct ovsdb_idl_index *port_by_name;
    struct ovsdb_idl_index *interface_by_name;
};

struct encaps_ctx {
    struct ovsdb_idl_txn *txn;                  /* Local. */
    const struct encaps_indexes *indexes;
    const struct ovsrec_open_vswitch *ovs;
    const struct ovsrec_bridge *br_int;
    const struct local_config *config;
    struct ovsdb_idl *sb;
    struct troubles *troubles;
};

void encaps_indexes_init(struct encaps_indexes *, struct ovsdb_idl *local);

void encaps_run(const struct encaps_ctx *);
bool encaps_remove(const struct ovsrec_bridge *);

#endif /* encaps.h */
