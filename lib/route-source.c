/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Asks the kernel for source addresses and hears of changes to addresses and
 * routes; see route-source.h. */

#include <config.h>

#include "route-source.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink-notifier.h"
#include "packets.h"
#include "util.h"

static const int groups[] = {
    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
    RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE,
};

static struct nln *nln;
static struct nln_notifier *notifiers[ARRAY_SIZE(groups)];
static int change;              /* What nln parses into; not looked at. */
static uint64_t seqno = 1;

/* Any port does: connecting a datagram socket sends nothing. */
static int
connect_to(int fd, const struct in6_addr *remote)
{
    struct sockaddr_storage ss;
    socklen_t len;

    memset(&ss, 0, sizeof ss);
    if (IN6_IS_ADDR_V4MAPPED(remote)) {
        struct sockaddr_in *sin = ALIGNED_CAST(struct sockaddr_in *, &ss);

        sin->sin_family = AF_INET;
        sin->sin_port = htons(9);
        sin->sin_addr.s_addr = in6_addr_get_mapped_ipv4(remote);
        len = sizeof *sin;
    } else {
        struct sockaddr_in6 *sin6 = ALIGNED_CAST(struct sockaddr_in6 *, &ss);

        sin6->sin6_family = AF_INET6;
        sin6->sin6_port = htons(9);
        sin6->sin6_addr = *remote;
        len = sizeof *sin6;
    }
    return connect(fd, (struct sockaddr *) &ss, len) ? errno : 0;
}

static int
read_source(int fd, struct in6_addr *local)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;

    if (getsockname(fd, (struct sockaddr *) &ss, &len)) {
        return errno;
    }
    if (ss.ss_family == AF_INET) {
        in6_addr_set_mapped_ipv4(
            local, ALIGNED_CAST(struct sockaddr_in *, &ss)->sin_addr.s_addr);
    } else {
        *local = ALIGNED_CAST(struct sockaddr_in6 *, &ss)->sin6_addr;
    }
    return 0;
}

/* Sets '*local' to the address that packets to 'remote' leave with now.  Both
 * are IPv6 or IPv4-mapped.  Returns 0 or a positive errno, ENETUNREACH if
 * there is no route. */
int
route_source_lookup(const struct in6_addr *remote, struct in6_addr *local)
{
    int family = IN6_IS_ADDR_V4MAPPED(remote) ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
    int error;

    if (fd < 0) {
        return errno;
    }
    error = connect_to(fd, remote);
    if (!error) {
        error = read_source(fd, local);
    }
    close(fd);
    return error;
}

static int
parse_change(struct ofpbuf *buf OVS_UNUSED, void *change_ OVS_UNUSED)
{
    return groups[0];
}

static void
note_change(const void *change_ OVS_UNUSED, void *aux OVS_UNUSED)
{
    seqno++;
}

/* Takes in the kernel's messages. */
void
route_source_run(void)
{
    if (!nln) {
        nln = nln_create(NETLINK_ROUTE, parse_change, &change);
        for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
            notifiers[i] = nln_notifier_create(nln, groups[i], note_change,
                                               NULL);
        }
    }
    nln_run(nln);
}

/* Wakes the poll loop when there is something for route_source_run(). */
void
route_source_wait(void)
{
    if (nln) {
        nln_wait(nln);
    }
}

/* Returns a number that is another one each time when addresses or routes may
 * have changed. */
uint64_t
route_source_seqno(void)
{
    return seqno;
}
