/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See rbac.h.  The permissions are those that OVN's ovn-controller needs,
 * and the same as OVN's ovn-northd writes, so that neither has anything to
 * mend after the other.  Newer versions of OVN have columns that allow
 * narrower rules; those apply where the database has the columns. */

#include <config.h>

#include "ovn/northd/rbac.h"

#include "openvswitch/shash.h"
#include "ovn/lib/ovn-sb-idl.h"
#include "sset.h"
#include "util.h"

#define ROLE_NAME "ovn-controller"
#define MAX_UPDATE 8

/* What the role may do with the rows of one table. */
struct permission {
    const char *table;
    const char *authorization;  /* Column that names the chassis whose row it
                                 * is; "" if it is anyone's. */
    bool insert_delete;
    const char *update[MAX_UPDATE];     /* Columns, then nulls. */

    /* If the database has them: the column that names the chassis, and one
     * more to update. */
    const struct ovsdb_idl_column *newer_authorization;
    const struct ovsdb_idl_column *newer_update;

    /* The table, if older databases do not have it. */
    const struct ovsdb_idl_table_class *newer_table;
};

static const struct permission permissions[] = {
    {"Chassis", "name", true,
     {"encaps", "external_ids", "nb_cfg", "other_config", "transport_zones",
      "vtep_logical_switches"}, NULL, NULL, NULL},
    {"Chassis_Private", "name", true,
     {"chassis", "external_ids", "nb_cfg", "nb_cfg_timestamp"},
     NULL, NULL, NULL},
    {"Encap", "chassis_name", true, {"ip", "options", "type"},
     NULL, NULL, NULL},
    {"Port_Binding", "", false,
     {"additional_chassis", "additional_encap", "chassis", "encap", "options",
      "up", "virtual_parent"}, NULL, NULL, NULL},
    {"MAC_Binding", "", true,
     {"datapath", "ip", "logical_port", "mac", "timestamp"}, NULL, NULL, NULL},
    {"Controller_Event", "", true,
     {"chassis", "event_info", "event_type", "seq_num"}, NULL, NULL, NULL},
    {"IGMP_Group", "", true, {"address", "chassis", "datapath", "ports"},
     &sbrec_igmp_group_col_chassis_name, &sbrec_igmp_group_col_protocol,
     NULL},
    {"FDB", "", true, {"dp_key", "mac", "port_key"},
     NULL, &sbrec_fdb_col_timestamp, NULL},
    {"Service_Monitor", "", false, {"status"},
     &sbrec_service_monitor_col_chassis_name, NULL, NULL},
    {"BFD", "", false, {"status"}, &sbrec_bfd_col_chassis_name, NULL, NULL},
    {"Learned_Route", "", true,
     {"datapath", "external_ids", "ip_prefix", "logical_port", "nexthop"},
     NULL, NULL, &sbrec_table_learned_route},
};

static void
follow_schema(struct ovsdb_idl *sb, const struct ovsdb_idl_table_class *table)
{
    struct ovsdb_idl_condition none;

    ovsdb_idl_condition_init(&none);
    ovsdb_idl_add_table(sb, table);
    ovsdb_idl_set_condition(sb, table, &none);
    ovsdb_idl_condition_destroy(&none);
}

/* Follows the tables of the role, and has the schema of those of which
 * has_column() asks looked at, without any of their rows. */
void
rbac_init(struct ovsdb_idl *sb)
{
    const struct ovsdb_idl_table_class *tables[] = {
        &sbrec_table_bfd, &sbrec_table_fdb, &sbrec_table_igmp_group,
        &sbrec_table_service_monitor,
    };

    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        follow_schema(sb, tables[i]);
    }
}

static bool
has_column(const struct ovsdb_idl *sb, const struct ovsdb_idl_column *column)
{
    return column && ovsdb_idl_server_has_column(sb, column);
}

static bool
has_table(const struct ovsdb_idl *sb, const struct permission *p)
{
    return !p->newer_table || ovsdb_idl_server_has_table(sb, p->newer_table);
}

/* libopenvswitch warns of a table that the database lacks, and can be asked
 * for one only while it connects.  So Learned_Route (OVN 25.03) is asked for
 * once the database shows columns of OVN 24.03. */
static void
follow_newer_tables(struct ovsdb_idl *sb)
{
    static bool done;

    if (!done && has_column(sb, &sbrec_igmp_group_col_chassis_name)) {
        done = true;
        follow_schema(sb, &sbrec_table_learned_route);
        ovsdb_idl_force_reconnect(sb);
    }
}

static const char *
authorization(const struct ovsdb_idl *sb, const struct permission *p)
{
    return (has_column(sb, p->newer_authorization)
            ? p->newer_authorization->name : p->authorization);
}

/* Fills 'update' with the columns of 'p' that may be updated and returns
 * their number. */
static size_t
update_columns(const struct ovsdb_idl *sb, const struct permission *p,
               const char *update[MAX_UPDATE + 1])
{
    size_t n = 0;

    while (n < MAX_UPDATE && p->update[n]) {
        update[n] = p->update[n];
        n++;
    }
    if (has_column(sb, p->newer_update)) {
        update[n++] = p->newer_update->name;
    }
    return n;
}

static bool
equals(char **a, size_t n_a, const char **b, size_t n_b)
{
    struct sset set_a = SSET_INITIALIZER(&set_a);
    bool same = n_a == n_b;

    sset_add_array(&set_a, a, n_a);
    for (size_t i = 0; i < n_b && same; i++) {
        same = sset_contains(&set_a, b[i]);
    }
    sset_destroy(&set_a);
    return same;
}

/* Makes 'row' say 'p', by writing just what differs. */
static void
update_row(const struct ovsdb_idl *sb,
           const struct sbrec_rbac_permission *row,
           const struct permission *p)
{
    const char *auth = authorization(sb, p);
    const char *update[MAX_UPDATE + 1];
    size_t n = update_columns(sb, p, update);

    if (strcmp(row->table, p->table)) {
        sbrec_rbac_permission_set_table(row, p->table);
    }
    if (!equals(row->authorization, row->n_authorization, &auth, 1)) {
        sbrec_rbac_permission_set_authorization(row, &auth, 1);
    }
    if (row->insert_delete != p->insert_delete) {
        sbrec_rbac_permission_set_insert_delete(row, p->insert_delete);
    }
    if (!equals(row->update, row->n_update, update, n)) {
        sbrec_rbac_permission_set_update(row, update, n);
    }
}

static const struct sbrec_rbac_role *
find_role(struct ovsdb_idl *sb)
{
    const struct sbrec_rbac_role *role;

    SBREC_RBAC_ROLE_FOR_EACH (role, sb) {
        if (!strcmp(role->name, ROLE_NAME)) {
            return role;
        }
    }
    return NULL;
}

static const struct sbrec_rbac_role *
get_or_insert_role(struct ovsdb_idl *sb, struct ovsdb_idl_txn *sb_txn)
{
    const struct sbrec_rbac_role *role = find_role(sb);

    if (!role) {
        role = sbrec_rbac_role_insert(sb_txn);
        sbrec_rbac_role_set_name(role, ROLE_NAME);
    }
    return role;
}

/* Points the role to 'rows', in the order of 'permissions'; null where the
 * database does not have the table. */
static void
set_permissions(const struct sbrec_rbac_role *role,
                struct sbrec_rbac_permission **rows)
{
    const char *tables[ARRAY_SIZE(permissions)];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(permissions); i++) {
        if (rows[i]) {
            tables[n] = permissions[i].table;
            rows[n++] = rows[i];
        }
    }
    sbrec_rbac_role_set_permissions(role, tables, rows, n);
}

/* Makes the role and its permissions be as they should: a missing one is
 * added, a wrong one mended, one too many removed.  Other roles are not
 * touched. */
void
rbac_run(struct ovsdb_idl *sb, struct ovsdb_idl_txn *sb_txn)
{
    const struct sbrec_rbac_role *role = get_or_insert_role(sb, sb_txn);
    struct sbrec_rbac_permission *rows[ARRAY_SIZE(permissions)];
    struct shash present = SHASH_INITIALIZER(&present);
    struct shash_node *node;
    bool changed = false;

    follow_newer_tables(sb);
    for (size_t i = 0; i < role->n_permissions; i++) {
        shash_add(&present, role->key_permissions[i],
                  role->value_permissions[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(permissions); i++) {
        const struct permission *p = &permissions[i];

        rows[i] = NULL;
        if (!has_table(sb, p)) {
            continue;
        }
        rows[i] = shash_find_and_delete(&present, p->table);
        if (!rows[i]) {
            rows[i] = sbrec_rbac_permission_insert(sb_txn);
            changed = true;
        }
        update_row(sb, rows[i], p);
    }
    SHASH_FOR_EACH (node, &present) {
        sbrec_rbac_permission_delete(node->data);
        changed = true;
    }
    shash_destroy(&present);
    if (changed) {
        set_permissions(role, rows);
    }
}
