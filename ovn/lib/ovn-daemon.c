/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See ovn-daemon.h.  ovn-northd and ovn-controller call this from main(). */

#include <config.h>

#include "ovn/lib/ovn-daemon.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "command-line.h"
#include "daemon.h"
#include "fatal-signal.h"
#include "openvswitch/vlog.h"
#include "ovn/lib/ovn-dirs.h"
#include "ovn/lib/ssl-files.h"
#include "ovn/lib/troubles.h"
#include "stream-ssl.h"
#include "stream.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ovn_daemon);

enum {
    OPT_BOOTSTRAP_CA_CERT = UCHAR_MAX + 1,
    OPT_PEER_CA_CERT,
    OPT_UNIXCTL,
    DAEMON_OPTION_ENUMS,
    SSL_OPTION_ENUMS,
    VLOG_OPTION_ENUMS,
    OPT_OWN                     /* First one of the program's own. */
};

static const struct option common_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"unixctl", required_argument, NULL, OPT_UNIXCTL},
    {"bootstrap-ca-cert", required_argument, NULL, OPT_BOOTSTRAP_CA_CERT},
    {"peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT},
    DAEMON_LONG_OPTIONS,
    STREAM_SSL_LONG_OPTIONS,
    VLOG_LONG_OPTIONS,
};

/* Argument of --unixctl, null without it. */
static char *unixctl_path;

/* Arguments of the options for SSL, null without them. */
static const char *private_key, *certificate, *ca_cert;
static bool bootstrap_ca_cert;

static OVS_NO_RETURN void
usage(const struct ovn_daemon_options *options)
{
    printf("%s: %s\nusage: %s [OPTIONS]", program_name, options->purpose,
           program_name);
    if (options->operand) {
        printf(" [%s]", options->operand);
    }
    printf("\n\nOptions:\n");
    for (const struct ovn_daemon_option *o = options->own; o->name; o++) {
        char *synopsis = xasprintf("%s%s%s", o->name, o->argument ? "=" : "",
                                   o->argument ? o->argument : "");
        printf("  --%-25s %s\n", synopsis, o->help);
        free(synopsis);
    }
    daemon_usage();
    vlog_usage();
    stream_usage("DATABASE", true, false, true);
    printf("\nOther options:\n"
           "  --unixctl=SOCKET            control socket, below %s\n"
           "  -h, --help                  show this\n"
           "  -V, --version               show the version\n", ovn_rundir());
    exit(EXIT_SUCCESS);
}

static void
set_pidfile_in_rundir(const char *arg)
{
    char *name = arg ? xstrdup(arg) : xasprintf("%s.pid", program_name);
    char *path = abs_file_name(ovn_rundir(), name);

    set_pidfile(path);
    free(path);
    free(name);
}

static void
set_log_file_in_logdir(const char *arg)
{
    char *path = arg ? xstrdup(arg)
                     : xasprintf("%s/%s.log", ovn_logdir(), program_name);
    int error = vlog_set_log_file(path);

    free(path);
    if (error && arg) {
        exit(EXIT_FAILURE);
    }
}

static void
set_common_option(int c, const struct ovn_daemon_options *options)
{
    const char *argument = optarg;

    switch (c) {
    case OPT_UNIXCTL:
        free(unixctl_path);
        unixctl_path = xstrdup(argument);
        break;
    case OPT_BOOTSTRAP_CA_CERT:
        ca_cert = argument;
        bootstrap_ca_cert = true;
        break;
    case 'p':
        private_key = argument;
        break;
    case OPT_PEER_CA_CERT:
        stream_ssl_set_peer_ca_cert_file(argument);
        break;
    case 'c':
        certificate = argument;
        break;
    case OPT_SSL_CIPHERS:
        stream_ssl_set_ciphers(argument);
        break;
    case 'C':
        ca_cert = argument;
        bootstrap_ca_cert = false;
        break;
    case OPT_SSL_PROTOCOLS:
        stream_ssl_set_protocols(argument);
        break;
    case 'h':
        usage(options);
    case 'V':
        ovs_print_version(0, 0);
        exit(EXIT_SUCCESS);
    DAEMON_OPTION_HANDLERS
    VLOG_OPTION_HANDLERS
    default:
        /* getopt_long() has said what is wrong. */
        exit(EXIT_FAILURE);
    }
}

static void
set_own_option(const struct ovn_daemon_option *o, const char *arg)
{
    if (o->flag) {
        *o->flag = true;
    } else {
        free(*o->string);
        *o->string = xstrdup(arg);
    }
}

static size_t
count_own(const struct ovn_daemon_options *options)
{
    size_t n = 0;

    while (options->own[n].name) {
        n++;
    }
    return n;
}

/* Returns the long options of 'options' and the common ones, which the caller
 * must free. */
static struct option *
make_long_options(const struct ovn_daemon_options *options)
{
    size_t n_own = count_own(options);
    size_t n_common = ARRAY_SIZE(common_options);
    struct option *all = xcalloc(n_common + n_own + 1, sizeof *all);

    memcpy(all, common_options, sizeof common_options);
    for (size_t i = 0; i < n_own; i++) {
        const struct ovn_daemon_option *o = &options->own[i];

        all[n_common + i].name = o->name;
        all[n_common + i].has_arg = o->string ? required_argument
                                              : no_argument;
        all[n_common + i].val = o->letter ? o->letter : OPT_OWN + (int) i;
    }
    return all;
}

static const struct ovn_daemon_option *
find_own(const struct ovn_daemon_options *options, int c)
{
    for (size_t i = 0; options->own[i].name; i++) {
        const struct ovn_daemon_option *o = &options->own[i];

        if (c == (o->letter ? o->letter : OPT_OWN + (int) i)) {
            return o;
        }
    }
    return NULL;
}

static void
set_operand(int n, char *operands[], const struct ovn_daemon_options *options)
{
    if (n > (options->operand ? 1 : 0)) {
        ovs_fatal(0, "\"%s\" is one argument too many; "
                  "use --help for usage", operands[n - 1]);
    }
    if (n) {
        *options->operand_value = xstrdup(operands[0]);
    }
}

static void
parse_options(int argc, char *argv[],
              const struct ovn_daemon_options *options)
{
    struct option *long_options = make_long_options(options);
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);
    int c;

    while ((c = getopt_long(argc, argv, short_options, long_options,
                            NULL)) != -1) {
        const struct ovn_daemon_option *own = find_own(options, c);

        if (own) {
            set_own_option(own, optarg);
        } else if (c == OPT_PIDFILE) {
            set_pidfile_in_rundir(optarg);
        } else if (c == OPT_LOG_FILE) {
            set_log_file_in_logdir(optarg);
        } else {
            set_common_option(c, options);
        }
    }
    free(short_options);
    free(long_options);
    set_operand(argc - optind, argv + optind, options);
}

/* Does what comes first in main(), and sets what 'options' points to from the
 * command line.  Does not return when the command line is wrong or asks for
 * help. */
void
ovn_daemon_init(int argc, char *argv[],
                const struct ovn_daemon_options *options)
{
    ovs_cmdl_proctitle_init(argc, argv);
    ovs_set_program_name(argv[0], PACKAGE_VERSION);
    fatal_ignore_sigpipe();
    parse_options(argc, argv, options);
    ssl_files_init();
    ssl_files_set(private_key, certificate);
    ssl_files_set_ca(ca_cert, bootstrap_ca_cert);
}

/* Returns true if the command line named files for SSL. */
bool
ovn_daemon_has_ssl_options(void)
{
    return private_key || certificate || ca_cert;
}

static void
ovn_daemon_log_start(void)
{
    VLOG_INFO("%s %s started", program_name, PACKAGE_VERSION);
}

/* Goes to the background if the options said so, and returns the control
 * socket, which the caller destroys.  Does not return if that fails: another
 * one of us runs, most likely. */
struct unixctl_server *
ovn_daemon_start(void)
{
    struct unixctl_server *unixctl;
    char *name, *path;
    int error;

    daemonize_start(false);
    name = unixctl_path ? xstrdup(unixctl_path)
                        : xasprintf("%s.%ld.ctl", program_name,
                                    (long int) getpid());
    path = abs_file_name(ovn_rundir(), name);
    error = unixctl_server_create(path, &unixctl);
    if (error) {
        ovs_fatal(error, "%s: cannot make the control socket", path);
    }
    free(path);
    free(name);
    troubles_unixctl_register();
    ovn_daemon_log_start();
    return unixctl;
}
