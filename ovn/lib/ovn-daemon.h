/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef OVN_DAEMON_H
#define OVN_DAEMON_H 1

/* What OVN's daemons have in common: their options for daemon, log and SSL,
 * and a control socket, each with its default in OVN's folders.
 *
 * main() describes its own options by a table that ends with an empty
 * element, then:
 *
 *     ovn_daemon_init(argc, argv, &options);
 *     unixctl = ovn_daemon_start();
 *     ...                          Register commands, open databases.
 *     daemonize_complete();
 */

#include <stdbool.h>

struct unixctl_server;

/* An option of one program.  Just one of 'string' and 'flag' is set. */
struct ovn_daemon_option {
    const char *name;           /* As after "--". */
    char letter;                /* Short form, or 0. */
    const char *argument;       /* What --help calls its argument. */
    const char *help;           /* One line of --help. */
    char **string;              /* Gets the argument; the caller frees it. */
    bool *flag;                 /* Gets true. */
};

struct ovn_daemon_options {
    const char *purpose;        /* What the program is, for --help. */
    const struct ovn_daemon_option *own;
    const char *operand;        /* What --help calls the operand, or null if
                                 * the program takes none. */
    char **operand_value;       /* Gets it; the caller frees it. */
};

void ovn_daemon_init(int argc, char *argv[],
                     const struct ovn_daemon_options *);
bool ovn_daemon_has_ssl_options(void);
struct unixctl_server *ovn_daemon_start(void);

#endif /* ovn-daemon.h */
