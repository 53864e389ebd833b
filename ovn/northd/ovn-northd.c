/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* ovn-northd: carries OVN's global configuration from the northbound to the
 * southbound database, and reports back how far it has come.
 *
 * It computes no logical flows.  Because it takes the same database lock as
 * OVN's own ovn-northd, which does, it stays away from that lock while there
 * is a logical network. */

#include <config.h>

#include <stdlib.h>

#include "daemon.h"
#include "dns-resolve.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovn/lib/ovn-daemon.h"
#include "ovn/lib/ovn-db.h"
#include "ovn/lib/ovn-dirs.h"
#include "ovn/lib/ovn-nb-idl.h"
#include "ovn/lib/ovn-sb-idl.h"
#include "ovn/lib/ssl-files.h"
#include "ovn/northd/global.h"
#include "ovn/northd/rbac.h"
#include "smap.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ovn_northd);

/* The lock of all ovn-northd's on the southbound database. */
#define LOCK_NAME "ovn_northd"

/* What keeps us from asking for the lock, besides "pause". */
enum obstacle {
    OBSTACLE_NONE,
    OBSTACLE_UNKNOWN,           /* The northbound database is not here yet. */
    OBSTACLE_LOGICAL_NETWORK,   /* We would freeze its logical flows. */
};

struct northd {
    struct ovn_db nb, sb;
    struct troubles troubles, chassis_troubles;
    enum obstacle obstacle;
    bool tunnel_plane_only;     /* --tunnel-plane-only. */
    bool paused;
    bool was_active;            /* As last said in the log. */
    bool exiting;
};

#define REFUSAL_HINT "connect it by a Connection row without a role, or by " \
                     "a unix socket"

static const struct ovn_db_column nb_columns[] = {
    {&nbrec_nb_global_col_ipsec, false},
    {&nbrec_nb_global_col_options, false},
    {&nbrec_nb_global_col_nb_cfg, false},
    {&nbrec_nb_global_col_nb_cfg_timestamp, true},
    {&nbrec_nb_global_col_sb_cfg, false},
    {&nbrec_nb_global_col_sb_cfg_timestamp, true},
    {&nbrec_nb_global_col_hv_cfg, false},
    {&nbrec_nb_global_col_hv_cfg_timestamp, true},
    {&nbrec_logical_switch_col_name, true},
    {&nbrec_logical_router_col_name, true},
};

static const struct ovn_db_class nb_class = {
    .title = "northbound database",
    .setting = "--ovnnb-db or $OVN_NB_DB",
    .schema = "ovn-nb.ovsschema",
    .refusal_hint = REFUSAL_HINT,
    .idl_class = &nbrec_idl_class,
    .columns = nb_columns,
    .n_columns = ARRAY_SIZE(nb_columns),
};

static const struct ovn_db_column sb_columns[] = {
    {&sbrec_sb_global_col_ipsec, false},
    {&sbrec_sb_global_col_options, false},
    {&sbrec_sb_global_col_nb_cfg, false},
    {&sbrec_chassis_col_other_config, false},
    {&sbrec_chassis_private_col_name, false},
    {&sbrec_chassis_private_col_chassis, false},
    {&sbrec_chassis_private_col_nb_cfg, false},
    {&sbrec_chassis_private_col_nb_cfg_timestamp, false},
    {&sbrec_rbac_role_col_name, false},
    {&sbrec_rbac_role_col_permissions, false},
    {&sbrec_rbac_permission_col_table, false},
    {&sbrec_rbac_permission_col_authorization, false},
    {&sbrec_rbac_permission_col_insert_delete, false},
    {&sbrec_rbac_permission_col_update, false},
};

static const struct ovn_db_class sb_class = {
    .title = "southbound database",
    .setting = "--ovnsb-db or $OVN_SB_DB",
    .schema = "ovn-sb.ovsschema",
    .refusal_hint = REFUSAL_HINT,
    .idl_class = &sbrec_idl_class,
    .columns = sb_columns,
    .n_columns = ARRAY_SIZE(sb_columns),
};

static enum obstacle
find_obstacle(const struct northd *northd)
{
    const struct ovsdb_idl *nb = northd->nb.loop.idl;

    if (!ovn_db_is_usable(&northd->nb)) {
        return OBSTACLE_UNKNOWN;
    }
    if (!northd->tunnel_plane_only
        && (nbrec_logical_switch_first(nb)
            || nbrec_logical_router_first(nb))) {
        return OBSTACLE_LOGICAL_NETWORK;
    }
    return OBSTACLE_NONE;
}

static const char *
obstacle_to_string(enum obstacle obstacle)
{
    switch (obstacle) {
    case OBSTACLE_NONE:
        return NULL;
    case OBSTACLE_UNKNOWN:
        return "not asking for the lock: the northbound database is not "
               "usable yet";
    case OBSTACLE_LOGICAL_NETWORK:
        return "not asking for the lock: the northbound database has logical "
               "switches or routers, whose flows only OVN's own ovn-northd "
               "computes; with --tunnel-plane-only this one runs regardless "
               "and leaves those flows as they are";
    default:
        OVS_NOT_REACHED();
    }
}

static void
update_lock(struct northd *northd)
{
    bool ask;

    northd->obstacle = find_obstacle(northd);
    ask = !northd->paused && northd->obstacle == OBSTACLE_NONE;
    ovsdb_idl_set_lock(northd->sb.loop.idl, ask ? LOCK_NAME : NULL);
    if (northd->obstacle == OBSTACLE_LOGICAL_NETWORK) {
        troubles_add(&northd->troubles, VLL_WARN, "lock", "%s",
                     obstacle_to_string(northd->obstacle));
    }
}

static bool
is_active(const struct northd *northd)
{
    return (!northd->paused
            && northd->obstacle == OBSTACLE_NONE
            && ovsdb_idl_has_lock(northd->sb.loop.idl));
}

static void
log_role(struct northd *northd)
{
    bool active = is_active(northd);

    if (active != northd->was_active) {
        northd->was_active = active;
        VLOG_INFO("%s", active ? "this ovn-northd is now active"
                               : "this ovn-northd is not active any more");
    }
}

static void
update_probe_intervals(struct northd *northd)
{
    const struct nbrec_nb_global *nb
        = nbrec_nb_global_first(northd->nb.loop.idl);
    int msecs = nb ? smap_get_int(&nb->options, "northd_probe_interval", -1)
                   : -1;

    ovn_db_set_probe_interval(&northd->nb, msecs);
    ovn_db_set_probe_interval(&northd->sb, msecs);
}

/* Does what the holder of the lock has to, unless a transaction is still under
 * way: then what was found about chassis stands until the next pass. */
static void
run_active(struct northd *northd, struct ovsdb_idl_txn *nb_txn,
           struct ovsdb_idl_txn *sb_txn)
{
    bool active = is_active(northd);

    if (active && !(nb_txn && sb_txn)) {
        return;
    }
    troubles_begin(&northd->chassis_troubles);
    if (active) {
        global_run(&(struct global_ctx) {
            .nb = northd->nb.loop.idl,
            .sb = northd->sb.loop.idl,
            .nb_txn = nb_txn,
            .sb_txn = sb_txn,
            .now = time_wall_msec(),
            .troubles = &northd->chassis_troubles,
        });
        rbac_run(northd->sb.loop.idl, sb_txn);
    }
    troubles_end(&northd->chassis_troubles);
}

static void
northd_run(struct northd *northd)
{
    struct ovsdb_idl_txn *nb_txn, *sb_txn;

    ssl_files_run();
    nb_txn = ovn_db_run(&northd->nb);
    sb_txn = ovn_db_run(&northd->sb);

    troubles_begin(&northd->troubles);
    update_lock(northd);
    troubles_end(&northd->troubles);
    log_role(northd);
    update_probe_intervals(northd);
    run_active(northd, nb_txn, sb_txn);
    ovn_db_commit_and_wait(&northd->nb);
    ovn_db_commit_and_wait(&northd->sb);
}

/* Control socket. */

static void
northd_exit(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[] OVS_UNUSED, void *northd_)
{
    struct northd *northd = northd_;

    northd->exiting = true;
    unixctl_command_reply(conn, NULL);
}

static void
northd_pause(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *northd_)
{
    struct northd *northd = northd_;

    northd->paused = true;
    unixctl_command_reply(conn, NULL);
}

static void
northd_resume(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[] OVS_UNUSED, void *northd_)
{
    struct northd *northd = northd_;

    northd->paused = false;
    poll_immediate_wake();
    unixctl_command_reply(conn, NULL);
}

static void
northd_is_paused(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[] OVS_UNUSED, void *northd_)
{
    const struct northd *northd = northd_;

    unixctl_command_reply(conn, northd->paused ? "true" : "false");
}

static void
northd_status(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[] OVS_UNUSED, void *northd_)
{
    const struct northd *northd = northd_;
    const char *why = obstacle_to_string(northd->obstacle);
    struct ds reply = DS_EMPTY_INITIALIZER;

    ds_put_format(&reply, "Status: %s\n",
                  northd->paused ? "paused"
                  : is_active(northd) ? "active" : "standby");
    if (why && !northd->paused) {
        ds_put_format(&reply, "%s\n", why);
    }
    unixctl_command_reply(conn, ds_cstr(&reply));
    ds_destroy(&reply);
}

static void
connection_status(struct unixctl_conn *conn, int argc OVS_UNUSED,
                  const char *argv[] OVS_UNUSED, void *db)
{
    unixctl_command_reply(conn, ovn_db_connection_status(db));
}

static void
cluster_state_reset(struct unixctl_conn *conn, int argc OVS_UNUSED,
                    const char *argv[] OVS_UNUSED, void *db_)
{
    struct ovn_db *db = db_;

    ovsdb_idl_reset_min_index(db->loop.idl);
    unixctl_command_reply(conn, NULL);
}

static void
register_commands(struct northd *northd)
{
    const struct {
        const char *name;
        unixctl_cb_func *handler;
        void *aux;
    } commands[] = {
        {"exit", northd_exit, northd},
        {"pause", northd_pause, northd},
        {"resume", northd_resume, northd},
        {"is-paused", northd_is_paused, northd},
        {"status", northd_status, northd},
        {"nb-connection-status", connection_status, &northd->nb},
        {"sb-connection-status", connection_status, &northd->sb},
        {"nb-cluster-state-reset", cluster_state_reset, &northd->nb},
        {"sb-cluster-state-reset", cluster_state_reset, &northd->sb},
    };

    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        unixctl_command_register(commands[i].name, "", 0, 0,
                                 commands[i].handler, commands[i].aux);
    }
}

/* Sets '*remote', unless the command line did. */
static void
default_remote(char **remote, const char *variable, const char *socket_name)
{
    const char *value = getenv(variable);

    if (!*remote) {
        *remote = (value && value[0]
                   ? xstrdup(value)
                   : xasprintf("unix:%s/%s", ovn_rundir(), socket_name));
    }
}

static void
northd_init(struct northd *northd, int argc, char *argv[])
{
    char *nb_remote = NULL;
    char *sb_remote = NULL;
    const struct ovn_daemon_option own[] = {
        {"ovnnb-db", 0, "DATABASE", "connect to the northbound DATABASE",
         &nb_remote, NULL},
        {"ovnsb-db", 0, "DATABASE", "connect to the southbound DATABASE",
         &sb_remote, NULL},
        {"paused", 0, NULL, "start paused", NULL, &northd->paused},
        {"dry-run", 0, NULL, "the same", NULL, &northd->paused},
        {"tunnel-plane-only", 0, NULL,
         "be active beside a logical network, too",
         NULL, &northd->tunnel_plane_only},
        {.name = NULL},
    };

    ovn_daemon_init(argc, argv, &(struct ovn_daemon_options) {
        .purpose = "global configuration of OVN's tunnels", .own = own});
    default_remote(&nb_remote, "OVN_NB_DB", "ovnnb_db.sock");
    default_remote(&sb_remote, "OVN_SB_DB", "ovnsb_db.sock");
    dns_resolve_init(true);
    troubles_init(&northd->troubles);
    troubles_init(&northd->chassis_troubles);
    ovn_db_init(&northd->nb, &nb_class, nb_remote);
    ovn_db_init(&northd->sb, &sb_class, sb_remote);
    rbac_init(northd->sb.loop.idl);
    free(nb_remote);
    free(sb_remote);
}

static void
northd_destroy(struct northd *northd)
{
    ovn_db_destroy(&northd->nb);
    ovn_db_destroy(&northd->sb);
    troubles_destroy(&northd->troubles);
    troubles_destroy(&northd->chassis_troubles);
    ssl_files_destroy();
    dns_resolve_destroy();
}

int
main(int argc, char *argv[])
{
    struct northd northd = { .exiting = false };
    struct unixctl_server *unixctl;

    northd_init(&northd, argc, argv);
    unixctl = ovn_daemon_start();
    register_commands(&northd);
    daemonize_complete();

    while (!northd.exiting) {
        northd_run(&northd);
        unixctl_server_run(unixctl);
        unixctl_server_wait(unixctl);
        if (northd.exiting) {
            poll_immediate_wake();
        }
        poll_block();
    }

    unixctl_server_destroy(unixctl);
    northd_destroy(&northd);
    return EXIT_SUCCESS;
}
