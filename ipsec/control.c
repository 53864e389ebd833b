/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Commands by unixctl; see control.h.
 *
 * What looks at every tunnel is computed when somebody asks.  What is looked
 * at in every round of the main loop, or asked by a monitoring system every
 * few seconds, is made of counts that the modules keep. */

#include <config.h>

#include "control.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "sset.h"
#include "svec.h"
#include "unixctl.h"
#include "util.h"

#include "credentials.h"
#include "escape.h"
#include "guard.h"
#include "ike.h"
#include "json-ascii.h"
#include "monitor.h"
#include "protection.h"
#include "quote.h"
#include "status-json.h"
#include "status-text.h"
#include "status.h"
#include "xfrm-stat.h"

VLOG_DEFINE_THIS_MODULE(control);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 60);

/* How long `wait-up` waits, in s, if it is not told, and at most. */
#define WAIT_UP_DEFAULT 60
#define WAIT_UP_MAX 86400

/* How many may wait at once.  unixctl notices that a client has gone away
 * only when it is answered, so that each keeps a socket until its time is
 * up. */
#define MAX_WAITERS 64

/* A client of `wait-up`. */
struct waiter {
    struct ovs_list node;       /* In struct control's 'waiters'. */
    struct unixctl_conn *conn;
    unsigned int timeout;       /* In s. */
    long long int deadline;     /* In ms of time_msec(). */
};

/* What was there when all of it had reached the kernel and the IKE daemon. */
struct applied {
    bool any;
    unsigned int seqno;
    int64_t next_cfg;
    char *digest;               /* Of the credentials, or null. */
};

struct control {
    struct monitor *monitor;
    struct status_source source;
    struct escapes escapes;     /* As the last command that shows found. */
    struct ovs_list waiters;    /* Contains "struct waiter"s. */
    struct applied applied;
};

/* Commands that show. */

typedef void text_writer(const struct status *, struct ds *);
typedef struct json *json_maker(const struct status *);

static void
reply_text(struct unixctl_conn *conn, const struct control *control,
           text_writer *write)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct status status;

    status_init(&status, &control->source);
    write(&status, &ds);
    status_destroy(&status);
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

static void
reply_json(struct unixctl_conn *conn, const struct control *control,
           json_maker *make)
{
    struct status status;
    struct json *json;
    char *string;

    status_init(&status, &control->source);
    json = make(&status);
    status_destroy(&status);
    string = json_to_ascii(json);
    json_destroy(json);
    unixctl_command_reply(conn, string);
    free(string);
}

/* Replies as text, or as JSON if the only argument says so. */
static void
reply_either(struct unixctl_conn *conn, int argc, const char *argv[],
             const struct control *control, text_writer *write,
             json_maker *make)
{
    if (argc <= 1) {
        reply_text(conn, control, write);
    } else if (!strcmp(argv[1], "--json")) {
        reply_json(conn, control, make);
    } else {
        unixctl_command_reply_error(conn, "the only argument is --json");
    }
}

static void
cmd_tunnels_show(struct unixctl_conn *conn, int argc, const char *argv[],
                 void *control)
{
    reply_either(conn, argc, argv, control, status_text_tunnels,
                 status_json_tunnels);
}

static void
cmd_ipsec_status(struct unixctl_conn *conn, int argc, const char *argv[],
                 void *control)
{
    reply_either(conn, argc, argv, control, status_text_connections,
                 status_json_connections);
}

static void
cmd_xfrm_policies(struct unixctl_conn *conn, int argc OVS_UNUSED,
                  const char *argv[] OVS_UNUSED, void *control)
{
    reply_text(conn, control, status_text_policies);
}

static void
cmd_xfrm_state(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[] OVS_UNUSED, void *control)
{
    reply_text(conn, control, status_text_sas);
}

static void
cmd_refresh(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[] OVS_UNUSED, void *control_)
{
    struct control *control = control_;

    monitor_refresh(control->monitor);
    unixctl_command_reply(conn, NULL);
}

/* `health`: constant time. */

static void
put_trouble(struct ds *ds, const char *what, const char *trouble)
{
    if (trouble) {
        ds_put_format(ds, "  %s: ", what);
        put_printable(ds, trouble);
        ds_put_char(ds, '\n');
    }
}

static void
put_count(struct ds *ds, size_t n, size_t total, const char *what)
{
    if (n) {
        ds_put_format(ds, "  %"PRIuSIZE" of %"PRIuSIZE" %s\n", n, total,
                      what);
    }
}

static void
put_plain_count(struct ds *ds, size_t n, const char *what)
{
    if (n) {
        ds_put_format(ds, "  %"PRIuSIZE" tunnels %s\n", n, what);
    }
}

/* Which tunnels the end of a transition has cut off and are so still. */
static void
put_unfinished(const struct monitor *monitor,
               const struct protection_state *protection, struct ds *ds)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;
    const char *name;
    char *list;

    SSET_FOR_EACH (name, protection->unfinished) {
        if (!monitor_has_sas(monitor, name)) {
            svec_add(&names, name);
        }
    }
    svec_sort(&names);
    list = svec_join(&names, ", ", "");
    put_trouble(ds, "without SAs when ipsec_transition was over, so cut off",
                names.n ? list : NULL);
    free(list);
    svec_destroy(&names);
}

/* Appends to 'ds' what is wrong, nothing if all is well. */
static void
put_troubles(const struct control *control, struct ds *ds)
{
    const struct status_source *source = &control->source;
    struct protection_state protection;
    struct monitor_summary host;
    struct ike_counts counts;
    const char *warning;
    size_t i;

    monitor_get_summary(source->monitor, &host);
    monitor_get_protection(source->monitor, &protection);
    ike_get_counts(source->ike, &counts);
    put_trouble(ds, "database", host.database_connected ? NULL
                                                        : "not connected");
    if (host.credentials_needed) {
        put_trouble(ds, "certificate", host.credentials_error);
        SVEC_FOR_EACH (i, warning, host.credentials_warnings) {
            put_trouble(ds, "certificate", warning);
        }
    }
    put_trouble(ds, "IKE daemon", ike_get_error(source->ike));
    put_trouble(ds, "guard", guard_get_error(source->guard));
    put_trouble(ds, "guard settings", protection.error);
    if (host.guard_needed && !guard_is_installed(source->guard)) {
        put_trouble(ds, "guard", "not installed");
    }
    if (protection.deferred) {
        put_trouble(ds, "guard", "not there yet for tunnels that are being "
                    "changed over by ipsec_transition=seamless, which are in "
                    "clear without SAs");
    }
    put_unfinished(source->monitor, &protection, ds);
    put_count(ds, host.n_failed, host.n_tunnels,
              "tunnels are INVALID or have no connection");
    put_count(ds, host.n_unprotected, host.n_tunnels,
              "tunnels are UNPROTECTED");
    put_trouble(ds, "UNPROTECTED", escapes_any(source->escapes));
    put_count(ds, counts.n - counts.n_up, counts.n, "connections are DOWN");
    put_plain_count(ds, host.n_in_clear,
                    "that ask for no encryption are in clear");
    put_plain_count(ds, shash_count(protection.cut_off),
                    "without encryption are cut off");
    put_plain_count(ds, shash_count(protection.weakened),
                    "without encryption weaken the guard");
}

/* Appends to 'ds' what somebody wished for and is less than there could
 * be. */
static void
put_declared(const struct control *control, struct ds *ds)
{
    const struct status_source *source = &control->source;
    struct protection_state protection;
    struct monitor_summary host;

    monitor_get_summary(source->monitor, &host);
    monitor_get_protection(source->monitor, &protection);
    put_count(ds, protection.n_off, host.n_tunnels,
              "tunnels have no guard, as ipsec_guard=off wishes");
    put_plain_count(ds, host.n_declared,
                    "are in clear, as options:ipsec_guard=off declares");
}

static void
cmd_health(struct unixctl_conn *conn, int argc OVS_UNUSED,
           const char *argv[] OVS_UNUSED, void *control)
{
    struct ds troubles = DS_EMPTY_INITIALIZER;
    struct ds ds = DS_EMPTY_INITIALIZER;

    put_troubles(control, &troubles);
    ds_put_format(&ds, "%s\n%s", troubles.length ? "degraded" : "ok",
                  ds_cstr(&troubles));
    put_declared(control, &ds);
    xfrm_stat_format(&ds);
    if (troubles.length) {
        unixctl_command_reply_error(conn, ds_cstr(&ds));
    } else {
        unixctl_command_reply(conn, ds_cstr(&ds));
    }
    ds_destroy(&ds);
    ds_destroy(&troubles);
}

/* `ipsec/apply-status`. */

/* Returns true if what the database and the credentials say now has reached
 * the kernel and the IKE daemon. */
static bool
is_applied(const struct control *control, const struct monitor_summary *host)
{
    struct ike_counts counts;

    ike_get_counts(control->source.ike, &counts);
    return (host->database_known && !host->settling
            && (!host->guard_needed
                || guard_is_installed(control->source.guard))
            && counts.n_loaded == counts.n && !counts.n_removing);
}

static void
note_applied(struct control *control)
{
    struct applied *applied = &control->applied;
    struct monitor_summary host;
    const char *digest;

    monitor_get_summary(control->source.monitor, &host);
    if (!is_applied(control, &host)) {
        return;
    }
    applied->any = true;
    applied->seqno = host.seqno;
    applied->next_cfg = host.next_cfg;
    digest = host.credentials ? host.credentials->digest : NULL;
    if (!nullable_string_is_equal(digest, applied->digest)) {
        free(applied->digest);
        applied->digest = nullable_xstrdup(digest);
    }
}

static void
cmd_apply_status(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[] OVS_UNUSED, void *control_)
{
    const struct control *control = control_;
    const struct applied *applied = &control->applied;
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct monitor_summary host;
    bool done;

    monitor_get_summary(control->source.monitor, &host);
    done = is_applied(control, &host);
    ds_put_format(&ds, "applied: %s\n"
                  "next_cfg seen: %"PRId64"\n"
                  "changes seen: %u\n"
                  "credentials seen: %s\n",
                  done ? "yes" : "no", host.next_cfg, host.seqno,
                  host.credentials ? host.credentials->digest : "none");
    if (applied->any) {
        ds_put_format(&ds, "next_cfg applied: %"PRId64"\n"
                      "changes applied: %u\n"
                      "credentials applied: %s\n",
                      applied->next_cfg, applied->seqno,
                      applied->digest ? applied->digest : "none");
    }
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

/* `wait-up`. */

static bool
all_up(const struct control *control, const struct monitor_summary *host)
{
    struct ike_counts counts;

    ike_get_counts(control->source.ike, &counts);
    return (host->database_known && !host->settling && !host->n_failed
            && counts.n_up == counts.n);
}

static void
waiter_destroy(struct waiter *waiter)
{
    ovs_list_remove(&waiter->node);
    free(waiter);
}

static void
reply_down(const struct control *control, const struct waiter *waiter)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct status status;

    status_init(&status, &control->source);
    ds_put_format(&ds, "not all tunnels are up after %u s\n",
                  waiter->timeout);
    if (!status.host.database_connected) {
        ds_put_format(&ds, "database: %s\n", status_database(&status));
    }
    status_text_down(&status, &ds);
    status_destroy(&status);
    unixctl_command_reply_error(waiter->conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

static void
run_waiters(struct control *control)
{
    struct monitor_summary host;
    struct waiter *waiter;

    if (ovs_list_is_empty(&control->waiters)) {
        return;
    }
    monitor_get_summary(control->source.monitor, &host);
    bool up = all_up(control, &host);
    LIST_FOR_EACH_SAFE (waiter, node, &control->waiters) {
        if (up) {
            char *reply = xasprintf("%"PRIuSIZE" tunnels are up",
                                    host.n_tunnels);
            unixctl_command_reply(waiter->conn, reply);
            free(reply);
        } else if (time_msec() >= waiter->deadline) {
            reply_down(control, waiter);
        } else {
            continue;
        }
        waiter_destroy(waiter);
    }
}

static void
cmd_wait_up(struct unixctl_conn *conn, int argc, const char *argv[],
            void *control_)
{
    struct control *control = control_;
    unsigned int timeout = WAIT_UP_DEFAULT;

    if (argc > 1 && (!str_to_uint(argv[1], 10, &timeout)
                     || timeout > WAIT_UP_MAX)) {
        unixctl_command_reply_error(conn, "TIMEOUT must be a number of "
                                    "seconds from 0 to 86400");
        return;
    }
    if (ovs_list_size(&control->waiters) >= MAX_WAITERS) {
        unixctl_command_reply_error(conn, "too many clients wait already");
        return;
    }

    struct waiter *waiter = xmalloc(sizeof *waiter);
    waiter->conn = conn;
    waiter->timeout = timeout;
    waiter->deadline = time_msec() + timeout * 1000LL;
    ovs_list_push_back(&control->waiters, &waiter->node);
    VLOG_INFO_RL(&rl, "wait-up: a client waits for at most %u s", timeout);
}

/* The life of a control. */

static void
register_commands(struct control *control)
{
    static const struct {
        const char *name;
        const char *usage;
        int max_args;
        unixctl_cb_func *cb;
    } commands[] = {
        { "tunnels/show", "[--json]", 1, cmd_tunnels_show },
        { "ipsec/status", "[--json]", 1, cmd_ipsec_status },
        { "ipsec/apply-status", "", 0, cmd_apply_status },
        { "xfrm/policies", "", 0, cmd_xfrm_policies },
        { "xfrm/state", "", 0, cmd_xfrm_state },
        { "health", "", 0, cmd_health },
        { "wait-up", "[TIMEOUT]", 1, cmd_wait_up },
        { "refresh", "", 0, cmd_refresh },
    };

    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        unixctl_command_register(commands[i].name, commands[i].usage, 0,
                                 commands[i].max_args, commands[i].cb,
                                 control);
    }
}

/* Returns a new control, which answers commands from the state of 'monitor',
 * 'ike' and 'guard'.  All three must outlive it. */
struct control *
control_create(struct monitor *monitor, const struct ike *ike,
               const struct guard *guard)
{
    struct control *control = xzalloc(sizeof *control);

    control->monitor = monitor;
    control->source = (struct status_source) {
        .monitor = monitor, .ike = ike, .guard = guard,
        .escapes = &control->escapes,
    };
    escapes_init(&control->escapes);
    ovs_list_init(&control->waiters);
    register_commands(control);
    return control;
}

/* Frees 'control', which may be null, after answering who waits.  The unixctl
 * server must not run any more. */
void
control_destroy(struct control *control)
{
    struct waiter *waiter;

    if (!control) {
        return;
    }
    LIST_FOR_EACH_SAFE (waiter, node, &control->waiters) {
        unixctl_command_reply_error(waiter->conn, "the daemon exits");
        waiter_destroy(waiter);
    }
    escapes_destroy(&control->escapes);
    free(control->applied.digest);
    free(control);
}

/* Answers who waits for what has come about.  To be called after
 * monitor_run(). */
void
control_run(struct control *control)
{
    note_applied(control);
    run_waiters(control);
}

/* Wakes the poll loop when somebody has waited long enough. */
void
control_wait(struct control *control)
{
    struct waiter *waiter;

    LIST_FOR_EACH (waiter, node, &control->waiters) {
        poll_timer_wait_until(waiter->deadline);
    }
}
