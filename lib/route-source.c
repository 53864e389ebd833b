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

#include "netlink.h"
#include "netlink-notifier.h"
#include "netlink-socket.h"
#include "openvswitch/ofpbuf.h"
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

/* Returns the kernel's route to 'remote', a struct rtmsg with attributes, in
 * '*replyp', which the caller frees. */
static int
get_route(const struct in6_addr *remote, struct ofpbuf **replyp)
{
    bool ipv4 = IN6_IS_ADDR_V4MAPPED(remote);
    struct ofpbuf request;
    struct rtmsg *rtm;

    ofpbuf_init(&request, 0);
    nl_msg_put_nlmsghdr(&request, sizeof *rtm, RTM_GETROUTE, NLM_F_REQUEST);
    rtm = ofpbuf_put_zeros(&request, sizeof *rtm);
    rtm->rtm_family = ipv4 ? AF_INET : AF_INET6;
    rtm->rtm_dst_len = ipv4 ? 32 : 128;
    if (ipv4) {
        nl_msg_put_be32(&request, RTA_DST, in6_addr_get_mapped_ipv4(remote));
    } else {
        nl_msg_put_in6_addr(&request, RTA_DST, remote);
    }

    int error = nl_transact(NETLINK_ROUTE, &request, replyp);
    ofpbuf_uninit(&request);
    return error;
}

/* Sets '*ifindex' to the number of the interface by which packets to 'remote'
 * (IPv6 or IPv4-mapped) leave now.  Returns 0 or a positive errno. */
int
route_source_lookup_interface(const struct in6_addr *remote,
                              unsigned int *ifindex)
{
    const struct nlattr *oif;
    struct ofpbuf *reply;
    int error = get_route(remote, &reply);

    if (error) {
        return error;
    }
    oif = nl_attr_find(reply, NLMSG_HDRLEN + sizeof(struct rtmsg), RTA_OIF);
    *ifindex = oif ? nl_attr_get_u32(oif) : 0;
    ofpbuf_delete(reply);
    return oif ? 0 : ENETUNREACH;
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
