/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See host-names.h. */

#include <config.h>

#include "ovn/lib/host-names.h"

#include <string.h>

#include "dns-resolve.h"
#include "packets.h"
#include "socket-util.h"
#include "util.h"

static bool
is_host_name(const char *host)
{
    struct in6_addr ip6;
    ovs_be32 ip4;

    return !ip_parse(host, &ip4) && !ipv6_parse(host, &ip6);
}

/* Asks for the host name in 'remote', which is modified.  Returns false if
 * there is none. */
static bool
resolve(char *remote)
{
    char *host, *port, *address;

    if (strncmp(remote, "tcp:", 4) && strncmp(remote, "ssl:", 4)) {
        return false;
    }
    inet_parse_host_port_tokens(remote + 4, &host, &port);
    if (!host || !is_host_name(host)) {
        return false;
    }
    dns_resolve(host, &address);
    free(address);
    return true;
}

/* Takes in answers about the host names in 'remotes', active OVSDB connection
 * methods separated by commas, and asks anew about those without a good one.
 * Does not wait.  Returns false if there is no host name in there. */
bool
host_names_resolve(const char *remotes)
{
    char *copy = xstrdup(remotes);
    char *save_ptr = NULL;
    bool any = false;

    for (char *remote = strtok_r(copy, ",", &save_ptr); remote;
         remote = strtok_r(NULL, ",", &save_ptr)) {
        any |= resolve(remote);
    }
    free(copy);
    return any;
}
