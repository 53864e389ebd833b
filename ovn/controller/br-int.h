/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef BR_INT_H
#define BR_INT_H 1

/* The integration bridge, to which the tunnels are attached. */

/* Its name if the operator does not choose one. */
#define BR_INT_DEFAULT "br-int"

struct local_config;
struct ovsdb_idl_txn;
struct vswrec_bridge;
struct vswrec_open_vswitch;
struct troubles;

const struct vswrec_bridge *br_int_find(const struct vswrec_open_vswitch *,
                                        const char *name);
const struct vswrec_bridge *br_int_run(struct ovsdb_idl_txn *,
                                       const struct vswrec_open_vswitch *,
                                       const struct local_config *,
                                       struct troubles *);

#endif /* br-int.h */
