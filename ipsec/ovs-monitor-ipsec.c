/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* ovs-monitor-ipsec: encrypts Open vSwitch's tunnels.  Options, main loop and
 * unixctl commands; the work is in 'monitor'.  See ovs-monitor-ipsec(8). */

#include <config.h>

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "command-line.h"
#include "daemon.h"
#include "dirs.h"
#include "fatal-signal.h"
#include "stream-ssl.h"
#include "stream.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

#include "control.h"
#include "daemon-start.h"
#include "guard.h"
#include "ike.h"
#include "monitor.h"
#include "privileges.h"
#include "tunnel-options.h"
#include "xfrm-stat.h"

VLOG_DEFINE_THIS_MODULE(ovs_monitor_ipsec);

/* How long, in ms, `exit --cleanup` waits for the IKE daemon. */
#define CLEANUP_TIMEOUT 10000

/* How long, in s, the IKE daemon may take to answer a request. */
#define DEFAULT_COMMAND_TIMEOUT 60
#define MAX_COMMAND_TIMEOUT 86400

struct options {
    char *database;
    char *unixctl;
    const char *ike_daemon;
    char *guard_file;           /* What the guard protects, remembered. */
    bool restore_guard;
    const char *root_prefix;
    const char *vici;           /* Null: below 'root_prefix'. */
    const char *swanctl_dir;    /* Likewise. */
    int timeout;                /* Of requests to the IKE daemon, in ms. */
};

/* What the unixctl commands and the main loop share. */
struct program {
    struct monitor *monitor;
    struct control *control;
    struct unixctl_conn *exit_conn;     /* Who asked to exit, or null. */
    bool exiting;
    bool cleanup;
};

OVS_NO_RETURN static void
usage(void)
{
    printf("%s: encrypts the tunnels of Open vSwitch with IPsec\n"
           "usage: %s [OPTIONS] [DATABASE]\n"
           "where DATABASE is the remote of the local Open vSwitch database\n"
           "(default: unix:%s/db.sock).\n",
           program_name, program_name, ovs_rundir());
    printf("\nIPsec options:\n"
           "  --ike-daemon=strongswan   the IKE daemon (the only one)\n"
           "  --vici=SOCKET             charon's vici socket\n"
           "                            (default: /var/run/charon.vici)\n"
           "  --swanctl-dir=DIR         folder of swanctl.conf\n"
           "                            (default: /etc/swanctl)\n"
           "  --root-prefix=DIR         put DIR before these defaults\n"
           "  --command-timeout=SECONDS how long the IKE daemon may take to\n"
           "                            answer a request (default: %d)\n"
           "  --use-default-crypto      offer the IKE daemon's default\n"
           "                            algorithms, not ours\n"
           "  --no-restart-ike-daemon   accepted: it is never restarted\n"
           "  --guard-file=FILE         where to remember what is protected\n"
           "                            (default: %s/ipsec-guard)\n"
           "  --restore-guard           protect what FILE says, and exit\n",
           DEFAULT_COMMAND_TIMEOUT, ovs_dbdir());
    daemon_usage();
    vlog_usage();
    stream_usage("database", true, false, false);
    printf("\nOther options:\n"
           "  --unixctl=SOCKET          control socket name\n"
           "  -h, --help                display this help message\n"
           "  -V, --version             display version information\n");
    exit(EXIT_SUCCESS);
}

/* Returns 'text', in s, in ms. */
static int
parse_timeout(const char *text)
{
    unsigned int timeout;

    if (!str_to_uint(text, 10, &timeout) || !timeout
        || timeout > MAX_COMMAND_TIMEOUT) {
        ovs_fatal(0, "--command-timeout=%s is not a number of seconds from 1 "
                  "to %d", text, MAX_COMMAND_TIMEOUT);
    }
    return timeout * 1000;
}

static const char libreswan_only[] =
    "--%s is for libreswan, which is not in this version: "
    "use --ike-daemon=strongswan and leave it out";

static void
parse_options(int argc, char *argv[], struct options *options)
{
    enum {
        OPT_UNIXCTL = UCHAR_MAX + 1,
        OPT_IKE_DAEMON,
        OPT_NO_RESTART,
        OPT_VICI,
        OPT_SWANCTL_DIR,
        OPT_GUARD_FILE,
        OPT_RESTORE_GUARD,
        OPT_ROOT_PREFIX,
        OPT_COMMAND_TIMEOUT,
        OPT_USE_DEFAULT_CRYPTO,
        OPT_LIBRESWAN,
        DAEMON_OPTION_ENUMS,
        VLOG_OPTION_ENUMS,
        SSL_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        { "ike-daemon", required_argument, NULL, OPT_IKE_DAEMON },
        { "no-restart-ike-daemon", no_argument, NULL, OPT_NO_RESTART },
        { "vici", required_argument, NULL, OPT_VICI },
        { "swanctl-dir", required_argument, NULL, OPT_SWANCTL_DIR },
        { "guard-file", required_argument, NULL, OPT_GUARD_FILE },
        { "restore-guard", no_argument, NULL, OPT_RESTORE_GUARD },
        { "root-prefix", required_argument, NULL, OPT_ROOT_PREFIX },
        { "command-timeout", required_argument, NULL, OPT_COMMAND_TIMEOUT },
        { "use-default-crypto", no_argument, NULL, OPT_USE_DEFAULT_CRYPTO },
        { "ipsec-conf", required_argument, NULL, OPT_LIBRESWAN },
        { "ipsec-secrets", required_argument, NULL, OPT_LIBRESWAN },
        { "ipsec-d", required_argument, NULL, OPT_LIBRESWAN },
        { "ipsec-ctl", required_argument, NULL, OPT_LIBRESWAN },
        { "unixctl", required_argument, NULL, OPT_UNIXCTL },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        { NULL, 0, NULL, 0 },
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);

    for (;;) {
        int i;
        int c = getopt_long(argc, argv, short_options, long_options, &i);

        if (c == -1) {
            break;
        }
        switch (c) {
        case OPT_UNIXCTL:
            options->unixctl = optarg;
            break;
        case OPT_IKE_DAEMON:
            if (!ike_exists(optarg)) {
                ovs_fatal(0, "--ike-daemon=%s is not in this version: it "
                          "knows only strongswan", optarg);
            }
            options->ike_daemon = optarg;
            break;
        case OPT_NO_RESTART:
            break;
        case OPT_VICI:
            options->vici = optarg;
            break;
        case OPT_SWANCTL_DIR:
            options->swanctl_dir = optarg;
            break;
        case OPT_ROOT_PREFIX:
            options->root_prefix = optarg;
            break;
        case OPT_COMMAND_TIMEOUT:
            options->timeout = parse_timeout(optarg);
            break;
        case OPT_GUARD_FILE:
            free(options->guard_file);
            options->guard_file = xstrdup(optarg);
            break;
        case OPT_RESTORE_GUARD:
            options->restore_guard = true;
            break;
        case OPT_USE_DEFAULT_CRYPTO:
            settings_use_default_crypto();
            break;
        case OPT_LIBRESWAN:
            ovs_fatal(0, libreswan_only, long_options[i].name);
        case 'h':
            usage();
        case 'V':
            ovs_print_version(0, 0);
            exit(EXIT_SUCCESS);
        DAEMON_OPTION_HANDLERS
        VLOG_OPTION_HANDLERS
        STREAM_SSL_OPTION_HANDLERS
        case '?':
            exit(EXIT_FAILURE);
        default:
            OVS_NOT_REACHED();
        }
    }
    free(short_options);

    if (argc - optind > 1) {
        ovs_fatal(0, "at most one DATABASE can be given; "
                  "use --help for usage");
    }
    options->database = (argc > optind
                         ? xstrdup(argv[optind])
                         : xasprintf("unix:%s/db.sock", ovs_rundir()));
    if (!options->guard_file) {
        options->guard_file = xasprintf("%s/ipsec-guard", ovs_dbdir());
    }
}

/* What --restore-guard does, for an early boot unit: needs neither database
 * nor IKE daemon.  Never returns. */
OVS_NO_RETURN static void
restore_guard(const struct options *options)
{
    size_t n;
    char *error = guard_restore(options->guard_file, &n);

    if (error) {
        ovs_fatal(0, "%s", error);
    }
    VLOG_INFO("%s: the guard has %"PRIuSIZE" rules", options->guard_file, n);
    exit(EXIT_SUCCESS);
}

/* Returns 'path' if it is not null, otherwise 'standard' below the root
 * prefix.  The caller frees it. */
static char *
place(const struct options *options, const char *path, const char *standard)
{
    return (path ? xstrdup(path)
            : xasprintf("%s%s", options->root_prefix, standard));
}

static struct ike *
open_ike(const struct options *options)
{
    char *socket = place(options, options->vici, "/var/run/charon.vici");
    char *dir = place(options, options->swanctl_dir, "/etc/swanctl");
    const struct ike_options ike_options = {
        .socket = socket, .dir = dir, .timeout = options->timeout,
    };
    struct ike *ike;
    int error = ike_open(options->ike_daemon, &ike_options, &ike);

    if (error) {
        ovs_fatal(error, "cannot use the IKE daemon %s", options->ike_daemon);
    }
    free(socket);
    free(dir);
    return ike;
}

/* With --cleanup the answer comes when all is gone. */
static void
cmd_exit(struct unixctl_conn *conn, int argc, const char *argv[],
         void *program_)
{
    struct program *program = program_;

    if (argc > 1 && strcmp(argv[1], "--cleanup")
        && strcmp(argv[1], "--no-cleanup")) {
        unixctl_command_reply_error(conn, "the only arguments are --cleanup "
                                    "and --no-cleanup");
        return;
    }
    if (program->exiting) {
        unixctl_command_reply_error(conn, "exiting already");
        return;
    }
    program->exiting = true;
    program->cleanup = argc > 1 && !strcmp(argv[1], "--cleanup");
    program->exit_conn = conn;
}

/* Takes away all that is ours, as far as the IKE daemon answers in time. */
static void
clean_up(struct monitor *monitor, struct ike *ike, struct guard *guard)
{
    long long int deadline = time_msec() + CLEANUP_TIMEOUT;

    monitor_stop(monitor);
    for (;;) {
        monitor_run(monitor);
        if (ike_is_clean(ike)) {
            break;
        }
        if (time_msec() >= deadline) {
            VLOG_WARN("cleanup: the IKE daemon did not answer in %d s; "
                      "`swanctl --list-sas` shows what is left",
                      CLEANUP_TIMEOUT / 1000);
            break;
        }
        monitor_wait(monitor);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    guard_flush(guard);
}

static void
main_loop(struct program *program, struct unixctl_server *unixctl)
{
    while (!program->exiting) {
        monitor_run(program->monitor);
        unixctl_server_run(unixctl);
        control_run(program->control);
        if (program->exiting) {
            break;
        }
        monitor_wait(program->monitor);
        control_wait(program->control);
        unixctl_server_wait(unixctl);
        poll_block();
    }
}

int
main(int argc, char *argv[])
{
    struct options options = {
        .ike_daemon = "strongswan",
        .root_prefix = "",
        .timeout = DEFAULT_COMMAND_TIMEOUT * 1000,
    };
    struct program program = { .monitor = NULL };
    struct unixctl_server *unixctl;

    ovs_cmdl_proctitle_init(argc, argv);
    ovs_set_program_name(argv[0], PACKAGE_VERSION);
    parse_options(argc, argv, &options);
    if (options.restore_guard) {
        restore_guard(&options);
    }
    fatal_ignore_sigpipe();
    daemon_start();

    int error = unixctl_server_create(options.unixctl, &unixctl);
    if (error) {
        exit(EXIT_FAILURE);
    }
    privileges_drop();
    /* Threads are started here, so not before the process has detached. */
    struct ike *ike = open_ike(&options);
    xfrm_stat_start();
    struct guard *guard = guard_create(options.guard_file);
    program.monitor = monitor_create(options.database, ike, guard);
    program.control = control_create(program.monitor, ike, guard);
    unixctl_command_register("exit", "[--cleanup | --no-cleanup]", 0, 1,
                             cmd_exit, &program);
    daemonize_complete();
    VLOG_INFO("%s %s", program_name, PACKAGE_VERSION);

    main_loop(&program, unixctl);

    control_destroy(program.control);
    if (program.cleanup) {
        clean_up(program.monitor, ike, guard);
    }
    monitor_destroy(program.monitor);
    guard_destroy(guard);
    ike_close(ike);
    unixctl_command_reply(program.exit_conn, NULL);
    unixctl_server_destroy(unixctl);
    free(options.database);
    free(options.guard_file);
    return EXIT_SUCCESS;
}
