/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* ovn-controller: makes this host a chassis of OVN.  It registers the host in
 * the southbound database and keeps a tunnel to every other chassis, with
 * the options that ovs-monitor-ipsec encrypts by while SB_Global:ipsec is
 * true.  It computes no flows. */

#include <config.h>

#include <malloc.h>
#include <stdlib.h>

#include "daemon.h"
#include "dirs.h"
#include "dns-resolve.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovn/controller/br-int.h"
#include "ovn/controller/chassis.h"
#include "ovn/controller/local-config.h"
#include "ovn/controller/encaps.h"
#include "ovn/controller/ovn-vswitch-idl.h"
#include "ovn/lib/ovn-daemon.h"
#include "ovn/lib/ovn-db.h"
#include "ovn/lib/ovn-dirs.h"
#include "ovn/lib/ovn-sb-idl.h"
#include "ovn/lib/ssl-files.h"
#include "smap.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ovn_controller);

/* Longest time that "exit" waits for the databases, in ms. */
#define EXIT_MS 10000

enum state {
    STATE_RUNNING,
    STATE_PAUSED,               /* "debug/pause". */
    STATE_CLEANUP,              /* "exit": removes what it made. */
    STATE_EXITING,
};

/* What in a southbound transaction the role of our connection may forbid:
 * the rest of our work needs no more than OVN's role "ovn-controller". */
enum doubtful {
    DOUBTFUL_NOTHING,
    DOUBTFUL_HOSTNAME,          /* A changed Chassis:hostname. */
    DOUBTFUL_OLD_NAME,          /* Deletes the rows of our former name. */
};

/* Versions of the replicas that some work was done on. */
struct inputs {
    unsigned int local, sb;     /* As ovsdb_idl_get_seqno(). */
};

struct controller {
    enum state state;
    long long int exit_deadline;    /* In terms of time_msec(). */

    struct ovn_db local, sb;
    struct chassis_indexes chassis_indexes;

    struct inputs chassis_inputs;   /* What our rows are up to date with. */
    struct encaps encaps;
    bool encaps_tracked;        /* Did this pass follow what changed? */
    unsigned int n_refills;     /* Of both databases, at that time. */

    char *chassis_override;     /* -n or system-id-override, or null. */
    char *registered;           /* Name of our rows, or null. */
    enum doubtful doubtful;     /* In the transaction under way. */
    char *hostname;             /* Written last, or null. */
    bool hostname_refused;      /* We may not write it. */
    char *left_behind;          /* Former name whose rows we may not delete,
                                 * or null. */
    unsigned int connections;   /* "sb.connections" of the last pass. */
    char *bridge;               /* Name of the bridge with our tunnels. */

    struct troubles config_troubles, bridge_troubles;
    struct troubles chassis_troubles;
};

/* State of one pass. */
struct pass {
    struct ovsdb_idl_txn *local_txn, *sb_txn;   /* Each may be null. */
    const struct vswrec_open_vswitch *ovs;
    const struct vswrec_bridge *br_int;         /* Null: not there yet. */
    struct local_config config;
};

static const struct ovn_db_column local_columns[] = {
    {&vswrec_open_vswitch_col_external_ids, false},
    {&vswrec_open_vswitch_col_bridges, false},
    {&vswrec_open_vswitch_col_iface_types, false},
    {&vswrec_open_vswitch_col_next_cfg, false},
    {&vswrec_open_vswitch_col_cur_cfg, false},
    {&vswrec_open_vswitch_col_ssl, false},
    {&vswrec_ssl_col_private_key, false},
    {&vswrec_ssl_col_certificate, false},
    {&vswrec_ssl_col_ca_cert, false},
    {&vswrec_ssl_col_bootstrap_ca_cert, false},
    {&vswrec_bridge_col_name, false},
    {&vswrec_bridge_col_ports, false},
    {&vswrec_bridge_col_fail_mode, false},
    {&vswrec_bridge_col_datapath_type, false},
    {&vswrec_bridge_col_other_config, false},
    {&vswrec_bridge_col_external_ids, true},
    {&vswrec_port_col_name, false},
    {&vswrec_port_col_interfaces, false},
    {&vswrec_port_col_external_ids, false},
    {&vswrec_interface_col_name, false},
    {&vswrec_interface_col_type, false},
    {&vswrec_interface_col_options, false},
    {&vswrec_interface_col_other_config, false},
};

static const struct ovn_db_class local_class = {
    .title = "local database",
    .setting = "the command line",
    .schema = "vswitch.ovsschema",
    .refusal_hint = "look for a role in its table Manager",
    .idl_class = &vswrec_idl_class,
    .columns = local_columns,
    .n_columns = ARRAY_SIZE(local_columns),
};

static const struct ovn_db_column sb_columns[] = {
    {&sbrec_sb_global_col_ipsec, false},
    {&sbrec_sb_global_col_options, false},
    {&sbrec_sb_global_col_nb_cfg, false},
    {&sbrec_chassis_col_name, false},
    {&sbrec_chassis_col_hostname, false},
    {&sbrec_chassis_col_encaps, false},
    {&sbrec_chassis_col_transport_zones, false},
    {&sbrec_chassis_col_other_config, false},
    {&sbrec_chassis_private_col_name, false},
    {&sbrec_chassis_private_col_chassis, false},
    {&sbrec_chassis_private_col_nb_cfg, true},
    {&sbrec_chassis_private_col_nb_cfg_timestamp, true},
    {&sbrec_encap_col_type, false},
    {&sbrec_encap_col_ip, false},
    {&sbrec_encap_col_options, false},
    {&sbrec_encap_col_chassis_name, false},
};

static const struct ovn_db_class sb_class = {
    .title = "southbound database",
    .setting = "Open_vSwitch:external_ids:ovn-remote",
    .schema = "ovn-sb.ovsschema",
    .refusal_hint = "with the role ovn-controller, the commonName of this "
                    "host's certificate must be its "
                    "external_ids:system-id, and ovn-northd must run",
    .idl_class = &sbrec_idl_class,
    .columns = sb_columns,
    .n_columns = ARRAY_SIZE(sb_columns),
};

/* A pass. */

/* Returns true if nothing changed since 'done'. */
static bool
is_up_to_date(const struct controller *c, const struct inputs *done)
{
    return (done->local == ovsdb_idl_get_seqno(c->local.loop.idl)
            && done->sb == ovsdb_idl_get_seqno(c->sb.loop.idl));
}

static void
set_up_to_date(const struct controller *c, struct inputs *done)
{
    done->local = ovsdb_idl_get_seqno(c->local.loop.idl);
    done->sb = ovsdb_idl_get_seqno(c->sb.loop.idl);
}

static void
replace_string(char **dst, const char *src)
{
    char *copy = nullable_xstrdup(src);

    free(*dst);
    *dst = copy;
}

/* Without options for SSL, what the local database says is used for the
 * southbound one. */
static void
update_ssl(const struct vswrec_open_vswitch *ovs)
{
    const struct vswrec_ssl *ssl = ovs->ssl;

    if (ssl && !ovn_daemon_has_ssl_options()) {
        ssl_files_set(ssl->private_key, ssl->certificate);
        ssl_files_set_ca(ssl->ca_cert, ssl->bootstrap_ca_cert);
    }
    ssl_files_run();
}

/* Removes the rows of the name that this chassis had before.  Returns true if
 * there are none left, or none that we may delete. */
static bool
forget_old_name(struct controller *c, const char *name)
{
    if (c->registered && strcmp(c->registered, name)
        && !chassis_remove(&c->chassis_indexes, c->registered)) {
        c->doubtful = DOUBTFUL_OLD_NAME;
        return false;
    }
    replace_string(&c->registered, name);
    return true;
}

/* Another connection may have another role. */
static void
forget_refusals(struct controller *c)
{
    if (c->connections != c->sb.connections) {
        c->connections = c->sb.connections;
        c->hostname_refused = false;
    }
}

static void
report_left_behind(struct controller *c)
{
    const char *name = c->left_behind;

    if (name && (chassis_find(&c->chassis_indexes, name)
                 || chassis_private_find(&c->chassis_indexes, name))) {
        troubles_add(&c->chassis_troubles, VLL_WARN, name,
                     "this host was chassis \"%s\" before, and its "
                     "certificate does not allow it to delete the rows of "
                     "that: run \"ovn-sbctl chassis-del %s\" on a central "
                     "node", name, name);
    } else {
        replace_string(&c->left_behind, NULL);
    }
}

static void
report_hostname_refused(struct controller *c, const char *name)
{
    troubles_add(&c->chassis_troubles, VLL_WARN, "hostname",
                 "the host name of this chassis is now \"%s\", but its role "
                 "does not allow it to change Chassis:hostname, which is for "
                 "display: run \"ovn-sbctl set Chassis %s hostname=%s\" on a "
                 "central node", c->hostname, name, c->hostname);
}

/* Writes the host's name, which may change at any time, unless that was
 * refused. */
static void
run_hostname(struct controller *c, const struct local_config *config)
{
    const struct sbrec_chassis *chassis
        = chassis_find(&c->chassis_indexes, config->chassis);

    if (!chassis || !strcmp(chassis->hostname, config->hostname)) {
        return;
    }
    if (!nullable_string_is_equal(c->hostname, config->hostname)) {
        replace_string(&c->hostname, config->hostname);
        c->hostname_refused = false;
    }
    if (c->hostname_refused) {
        report_hostname_refused(c, config->chassis);
    } else {
        sbrec_chassis_set_hostname(chassis, config->hostname);
        c->doubtful = DOUBTFUL_HOSTNAME;
    }
}

static void
run_chassis(struct controller *c, const struct pass *pass)
{
    if (!pass->sb_txn || !pass->br_int
        || is_up_to_date(c, &c->chassis_inputs)) {
        return;
    }
    c->doubtful = DOUBTFUL_NOTHING;
    forget_refusals(c);
    if (!forget_old_name(c, pass->config.chassis)) {
        return;
    }
    troubles_begin(&c->chassis_troubles);
    run_hostname(c, &pass->config);
    chassis_run(&(struct chassis_ctx) {
        .txn = pass->sb_txn,
        .indexes = &c->chassis_indexes,
        .config = &pass->config,
        .br_int = pass->br_int,
        .troubles = &c->chassis_troubles,
    });
    report_left_behind(c);
    troubles_end(&c->chassis_troubles);
    set_up_to_date(c, &c->chassis_inputs);
}

/* Removes the tunnels from the bridge that was the integration bridge
 * before. */
static void
forget_old_bridge(struct controller *c, const struct pass *pass)
{
    if (c->bridge && strcmp(c->bridge, pass->config.bridge)) {
        const struct vswrec_bridge *old = br_int_find(pass->ovs, c->bridge);

        if (old && !encaps_remove(c->local.loop.idl, old)) {
            return;
        }
    }
    replace_string(&c->bridge, pass->config.bridge);
}

/* A replica can be filled anew when a connection comes up. */
static void
invalidate_after_reconnect(struct controller *c)
{
    unsigned int n = c->local.refills + c->sb.refills;

    if (c->n_refills != n) {
        c->n_refills = n;
        encaps_invalidate(&c->encaps);
    }
}

static void
run_encaps(struct controller *c, const struct pass *pass)
{
    struct encaps_ctx ctx = {
        .txn = pass->local_txn,
        .ovs = pass->ovs,
        .br_int = pass->br_int,
        .config = &pass->config,
        .chassis_indexes = &c->chassis_indexes,
        .local = c->local.loop.idl,
        .sb = c->sb.loop.idl,
    };

    if (!pass->br_int
        || !chassis_find(&c->chassis_indexes, pass->config.chassis)) {
        return;
    }
    invalidate_after_reconnect(c);
    encaps_track(&c->encaps, &ctx);
    c->encaps_tracked = true;
    if (pass->local_txn) {
        forget_old_bridge(c, pass);
        if (encaps_run(&c->encaps, &ctx)) {
            /* When this transaction has been committed, 'cur_cfg' will say
             * so. */
            c->local.loop.next_cfg
                = sbrec_sb_global_first(c->sb.loop.idl)->nb_cfg;
        }
    }
}

static void
report_on_bridge(const struct vswrec_bridge *br_int, int64_t nb_cfg,
                 int64_t timestamp)
{
    struct smap external_ids;
    char *s = xasprintf("%"PRId64, nb_cfg);

    if (!nullable_string_is_equal(smap_get(&br_int->external_ids,
                                           "ovn-nb-cfg"), s)) {
        smap_clone(&external_ids, &br_int->external_ids);
        smap_replace(&external_ids, "ovn-nb-cfg", s);
        smap_replace_nocopy(&external_ids, "ovn-nb-cfg-ts",
                            xasprintf("%"PRId64, timestamp));
        vswrec_bridge_set_external_ids(br_int, &external_ids);
        smap_destroy(&external_ids);
    }
    free(s);
}

/* Reports the sequence number of a configuration that is in the local
 * database, once ovs-vswitchd has taken it. */
static void
report_cfg(struct controller *c, const struct pass *pass)
{
    const struct sbrec_chassis_private *priv
        = chassis_private_find(&c->chassis_indexes, pass->config.chassis);
    int64_t nb_cfg = c->local.loop.cur_cfg;

    if (!priv || nb_cfg < 0 || pass->ovs->cur_cfg < pass->ovs->next_cfg) {
        return;
    }
    if (pass->sb_txn) {
        chassis_report_cfg(priv, nb_cfg, time_wall_msec());
    }
    if (pass->local_txn && pass->br_int) {
        report_on_bridge(pass->br_int, nb_cfg, time_wall_msec());
    }
}

static void
controller_work(struct controller *c, struct pass *pass)
{
    if (pass->local_txn) {
        troubles_begin(&c->bridge_troubles);
        pass->br_int = br_int_run(pass->local_txn, pass->ovs, &pass->config,
                                  &c->bridge_troubles);
        troubles_end(&c->bridge_troubles);
        ovsdb_idl_txn_increment(pass->local_txn, &pass->ovs->header_,
                                &vswrec_open_vswitch_col_next_cfg, false);
    } else {
        pass->br_int = br_int_find(pass->ovs, pass->config.bridge);
    }
    if (ovn_db_is_usable(&c->sb) && local_config_is_complete(&pass->config)) {
        report_cfg(c, pass);
        run_chassis(c, pass);
        run_encaps(c, pass);
    }
}

/* Removes our tunnels.  Returns true if there are none. */
static bool
clean_local(const struct controller *c, const struct pass *pass)
{
    const struct vswrec_bridge *br_int
        = br_int_find(pass->ovs, pass->config.bridge);

    return (!br_int || (pass->local_txn
                        && encaps_remove(c->local.loop.idl, br_int)));
}

/* Removes our rows from the southbound database.  Returns true if there are
 * none, as far as we know. */
static bool
clean_southbound(struct controller *c, const struct pass *pass)
{
    const char *name = c->registered ? c->registered : pass->config.chassis;

    return (!ovn_db_is_usable(&c->sb) || !name
            || (pass->sb_txn && chassis_remove(&c->chassis_indexes, name)));
}

/* Takes back what this daemon did, here and for others. */
static void
controller_clean_up(struct controller *c, const struct pass *pass)
{
    bool local_clean = clean_local(c, pass);
    bool southbound_clean = clean_southbound(c, pass);

    if (local_clean && southbound_clean) {
        c->state = STATE_EXITING;
    }
}

static void
run_pass(struct controller *c, struct pass *pass)
{
    troubles_begin(&c->config_troubles);
    local_config_read(&pass->config, pass->ovs, c->chassis_override,
                &c->config_troubles);
    troubles_end(&c->config_troubles);

    update_ssl(pass->ovs);
    ovn_db_set_remote(&c->sb, pass->config.remote);
    ovn_db_set_probe_interval(&c->sb, pass->config.probe_interval);
    if (c->state == STATE_RUNNING) {
        controller_work(c, pass);
    } else if (c->state == STATE_CLEANUP) {
        controller_clean_up(c, pass);
    }
    local_config_destroy(&pass->config);
}

static void
run_exit_deadline(struct controller *c)
{
    if (c->state != STATE_CLEANUP) {
        return;
    }
    if (!ovn_db_is_usable(&c->local)) {
        c->state = STATE_EXITING;
    } else if (time_msec() >= c->exit_deadline) {
        VLOG_WARN("a database does not answer: exiting with the rows of this "
                  "chassis left behind");
        c->state = STATE_EXITING;
    } else {
        poll_timer_wait_until(c->exit_deadline);
    }
}

/* Commits the local transaction.  When that brings 'cur_cfg' forward, the
 * next pass reports it. */
static void
commit_local(struct controller *c)
{
    int64_t cur_cfg = c->local.loop.cur_cfg;

    if (!ovn_db_commit_and_wait(&c->local)) {
        encaps_invalidate(&c->encaps);
    }
    if (c->local.loop.cur_cfg != cur_cfg) {
        poll_immediate_wake();
    }
}

/* Goes on without what the server just refused, if that is known. */
static void
do_without(struct controller *c)
{
    switch (c->doubtful) {
    case DOUBTFUL_NOTHING:
        return;
    case DOUBTFUL_HOSTNAME:
        c->hostname_refused = true;
        break;
    case DOUBTFUL_OLD_NAME:
        free(c->left_behind);
        c->left_behind = c->registered;
        c->registered = NULL;
        break;
    }
    c->doubtful = DOUBTFUL_NOTHING;
    ovn_db_forget_refusal(&c->sb);
    poll_immediate_wake();
}

static void
commit_southbound(struct controller *c)
{
    if (!ovn_db_commit_and_wait(&c->sb)) {
        c->chassis_inputs = (struct inputs) { .local = 0 };
        if (ovn_db_was_refused(&c->sb)) {
            do_without(c);
        }
    }
}

static void
controller_run(struct controller *c)
{
    struct pass pass = {
        .local_txn = ovn_db_run(&c->local),
        .sb_txn = ovn_db_run(&c->sb),
    };

    if (ovn_db_is_usable(&c->local)) {
        pass.ovs = vswrec_open_vswitch_first(c->local.loop.idl);
    }
    c->encaps_tracked = false;
    if (pass.ovs) {
        run_pass(c, &pass);
    }
    if (!c->encaps_tracked) {
        encaps_invalidate(&c->encaps);
    }
    run_exit_deadline(c);
    commit_local(c);
    commit_southbound(c);
}

/* Control socket. */

static void
controller_exit(struct unixctl_conn *conn, int argc, const char *argv[],
                void *c_)
{
    struct controller *c = c_;

    if (argc > 1 && strcmp(argv[1], "--restart")) {
        unixctl_command_reply_error(conn, "the only argument is --restart");
        return;
    }
    c->state = argc > 1 ? STATE_EXITING : STATE_CLEANUP;
    c->exit_deadline = time_msec() + EXIT_MS;
    poll_immediate_wake();
    unixctl_command_reply(conn, NULL);
}

static void
controller_connection_status(struct unixctl_conn *conn, int argc OVS_UNUSED,
                             const char *argv[] OVS_UNUSED, void *c_)
{
    const struct controller *c = c_;

    unixctl_command_reply(conn, ovn_db_connection_status(&c->sb));
}

static void
controller_pause(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[] OVS_UNUSED, void *c_)
{
    struct controller *c = c_;

    if (c->state == STATE_RUNNING) {
        c->state = STATE_PAUSED;
    }
    unixctl_command_reply(conn, NULL);
}

static void
controller_resume(struct unixctl_conn *conn, int argc OVS_UNUSED,
                  const char *argv[] OVS_UNUSED, void *c_)
{
    struct controller *c = c_;

    if (c->state == STATE_PAUSED) {
        c->state = STATE_RUNNING;
        poll_immediate_wake();
    }
    unixctl_command_reply(conn, NULL);
}

static void
controller_status(struct unixctl_conn *conn, int argc OVS_UNUSED,
                  const char *argv[] OVS_UNUSED, void *c_)
{
    const struct controller *c = c_;

    unixctl_command_reply(conn,
                          c->state == STATE_PAUSED ? "paused" : "running");
}

static void
controller_cluster_state_reset(struct unixctl_conn *conn, int argc OVS_UNUSED,
                               const char *argv[] OVS_UNUSED, void *c_)
{
    struct controller *c = c_;

    ovsdb_idl_reset_min_index(c->sb.loop.idl);
    unixctl_command_reply(conn, NULL);
}

static void
register_commands(struct controller *c)
{
    unixctl_command_register("exit", "[--restart]", 0, 1,
                             controller_exit, c);
    unixctl_command_register("connection-status", "", 0, 0,
                             controller_connection_status, c);
    unixctl_command_register("debug/pause", "", 0, 0, controller_pause, c);
    unixctl_command_register("debug/resume", "", 0, 0, controller_resume, c);
    unixctl_command_register("debug/status", "", 0, 0, controller_status, c);
    unixctl_command_register("sb-cluster-state-reset", "", 0, 0,
                             controller_cluster_state_reset, c);
}

/* Returns the first word of the file system-id-override, which the caller must
 * free, or null without it. */
static char *
read_override_file(void)
{
    char *path = xasprintf("%s/system-id-override", ovn_sysconfdir());
    FILE *stream = fopen(path, "r");
    char name[257];
    char *override = NULL;

    if (stream) {
        if (fscanf(stream, "%256s", name) == 1) {
            override = xstrdup(name);
        }
        fclose(stream);
    }
    free(path);
    return override;
}

/* Has memory joined with its neighbours when it is freed.  By default malloc
 * puts that off for small pieces, and the first small pass after a large
 * transaction, which should be fast, would have it to do for all of them. */
static void
tune_malloc(void)
{
#ifdef M_MXFAST
    mallopt(M_MXFAST, 0);
#endif
}

static void
controller_init(struct controller *c, int argc, char *argv[])
{
    char *local_remote = NULL;
    const struct ovn_daemon_option own[] = {
        {"chassis", 'n', "NAME", "this chassis is called NAME",
         &c->chassis_override, NULL},
        {.name = NULL},
    };

    ovn_daemon_init(argc, argv, &(struct ovn_daemon_options) {
        .purpose = "makes this host a chassis of OVN",
        .own = own,
        .operand = "OVS-DATABASE",
        .operand_value = &local_remote,
    });
    if (!local_remote) {
        local_remote = xasprintf("unix:%s/db.sock", ovs_rundir());
    }
    if (!c->chassis_override) {
        c->chassis_override = read_override_file();
    }
    dns_resolve_init(true);
    troubles_init(&c->config_troubles);
    troubles_init(&c->bridge_troubles);
    troubles_init(&c->chassis_troubles);
    ovn_db_init(&c->local, &local_class, local_remote);
    ovn_db_init(&c->sb, &sb_class, NULL);
    ovsdb_idl_set_leader_only(c->sb.loop.idl, false);
    ovn_db_track(&c->local);
    ovn_db_track(&c->sb);
    encaps_init(&c->encaps);
    chassis_indexes_init(&c->chassis_indexes, c->sb.loop.idl);
    free(local_remote);

    /* Nothing to report before the first pass. */
    c->local.loop.cur_cfg = c->local.loop.next_cfg = -1;
}

static void
controller_destroy(struct controller *c)
{
    ovn_db_destroy(&c->local);
    ovn_db_destroy(&c->sb);
    troubles_destroy(&c->config_troubles);
    troubles_destroy(&c->bridge_troubles);
    troubles_destroy(&c->chassis_troubles);
    encaps_destroy(&c->encaps);
    free(c->chassis_override);
    free(c->registered);
    free(c->hostname);
    free(c->left_behind);
    free(c->bridge);
    ssl_files_destroy();
    dns_resolve_destroy();
}

int
main(int argc, char *argv[])
{
    struct controller c = { .state = STATE_RUNNING };
    struct unixctl_server *unixctl;

    tune_malloc();
    controller_init(&c, argc, argv);
    unixctl = ovn_daemon_start();
    register_commands(&c);
    daemonize_complete();

    while (c.state != STATE_EXITING) {
        controller_run(&c);
        unixctl_server_run(unixctl);
        unixctl_server_wait(unixctl);
        if (c.state == STATE_EXITING) {
            poll_immediate_wake();
        }
        poll_block();
    }

    unixctl_server_destroy(unixctl);
    controller_destroy(&c);
    return EXIT_SUCCESS;
}
