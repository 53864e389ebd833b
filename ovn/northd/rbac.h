/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef RBAC_H
#define RBAC_H 1

/* The role "ovn-controller" of the southbound database: what a chassis that
 * connects with it may write, so that one cannot pose as another.
 *
 * ovn-northd calls this: rbac_init() before the first run of the database,
 * rbac_run() in each pass in which it is active. */

struct ovsdb_idl;
struct ovsdb_idl_txn;

void rbac_init(struct ovsdb_idl *sb);
void rbac_run(struct ovsdb_idl *sb, struct ovsdb_idl_txn *sb_txn);

#endif /* rbac.h */
