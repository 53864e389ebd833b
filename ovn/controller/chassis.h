/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef CHASSIS_H
#define CHASSIS_H 1

/* This chassis's own rows in the southbound database: Chassis,
 * Chassis_Private, and one Encap per type and address of its tunnels. */

#include <stdbool.h>
#include <stdint.h>

struct local_config;
struct ovsdb_idl;
struct ovsdb_idl_index;
struct ovsdb_idl_txn;
struct vswrec_bridge;
struct sbrec_chassis;
struct sbrec_chassis_private;
struct sbrec_encap;
struct troubles;

/* Indexes on the southbound replica. */
struct chassis_indexes {
    struct ovsdb_idl_index *chassis_by_name;
    struct ovsdb_idl_index *private_by_name;
    struct ovsdb_idl_index *encap_by_type_and_ip;
};

struct chassis_ctx {
    struct ovsdb_idl_txn *txn;              /* Southbound. */
    const struct chassis_indexes *indexes;
    const struct local_config *config;
    const struct vswrec_bridge *br_int;     /* Null if there is none yet. */
    struct troubles *troubles;
};

void chassis_indexes_init(struct chassis_indexes *, struct ovsdb_idl *sb);

const struct sbrec_chassis *chassis_find(const struct chassis_indexes *,
                                         const char *name);
const struct sbrec_chassis_private *
chassis_private_find(const struct chassis_indexes *, const char *name);

bool chassis_has_encap(const struct sbrec_chassis *,
                       const struct sbrec_encap *);

void chassis_run(const struct chassis_ctx *);
void chassis_report_cfg(const struct sbrec_chassis_private *, int64_t nb_cfg,
                        int64_t timestamp);
bool chassis_remove(const struct chassis_indexes *, const char *name);

#endif /* chassis.h */
