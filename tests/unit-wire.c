/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Two network namespaces and a wire between them; see unit-wire.h. */

#include <config.h>

#include "unit.h"
#include "unit-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packets.h"
#include "xfrm.h"

union address {
    struct sockaddr sa;
    struct sockaddr_in sin;
    struct sockaddr_in6 sin6;
};

static int ends[2];             /* Namespaces, by enum wire_end. */

static int
open_namespace(void)
{
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        ovs_fatal(errno, "/proc/self/ns/net");
    }
    return fd;
}

static void
enter(enum wire_end end)
{
    if (setns(ends[end], CLONE_NEWNET)) {
        ovs_fatal(errno, "setns");
    }
}

/* Runs a shell command, which must end in status 0. */
void
wire_run(const char *format, ...)
{
    va_list args;
    char *command;

    va_start(args, format);
    command = xvasprintf(format, args);
    va_end(args);
    if (system(command)) {
        ovs_fatal(0, "failed: %s", command);
    }
    free(command);
}

/* Runs a shell command at 'end', its errors unseen, and returns true if it
 * ended in status 0. */
bool
wire_try(enum wire_end end, const char *format, ...)
{
    char *command, *quiet;
    va_list args;

    va_start(args, format);
    command = xvasprintf(format, args);
    va_end(args);
    quiet = xasprintf("{ %s; } 2>/dev/null", command);

    enter(end);
    bool ok = !system(quiet);
    enter(HERE);

    free(command);
    free(quiet);
    return ok;
}

static void
raise_interface(int number)
{
    wire_run("ip link set lo up && ip link set unit0 up"
             " && ip addr add 10.9.0.%d/16 dev unit0"
             " && ip addr add fd09::%d/64 dev unit0 nodad", number, number);
}

/* Makes the wire.  Packets stay in order on one CPU only. */
void
wire_create(void)
{
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(sched_getcpu(), &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);

    ends[HERE] = open_namespace();
    if (unshare(CLONE_NEWNET)) {
        ovs_fatal(errno, "unshare");
    }
    ends[THERE] = open_namespace();
    wire_run("ip link add unit0 type veth"
             " peer name unit0 netns /proc/%d/fd/%d", getpid(), ends[HERE]);
    raise_interface(2);
    enter(HERE);
    raise_interface(1);
}

/* Returns the address of 'end', IPv4 as IPv4-mapped. */
struct in6_addr
wire_addr(enum wire_end end, int family)
{
    struct in6_addr addr;
    const char *s;

    s = (family == AF_INET
         ? (end == HERE ? "::ffff:10.9.0.1" : "::ffff:10.9.0.2")
         : (end == HERE ? "fd09::1" : "fd09::2"));
    ovs_assert(ipv6_parse(s, &addr));
    return addr;
}

static socklen_t
make_sockaddr(union address *sa, int family,
              const struct in6_addr *addr, uint16_t port)
{
    memset(sa, 0, sizeof *sa);
    sa->sa.sa_family = family;
    if (family == AF_INET) {
        sa->sin.sin_addr.s_addr = in6_addr_get_mapped_ipv4(addr);
        sa->sin.sin_port = htons(port);
        return sizeof sa->sin;
    }
    sa->sin6.sin6_addr = *addr;
    sa->sin6.sin6_port = htons(port);
    return sizeof sa->sin6;
}

/* Returns a non-blocking socket in the namespace of 'end', UDP and bound to
 * 'port' (0: any), or raw if 'proto' is something else. */
int
wire_socket(enum wire_end end, int family, int proto, uint16_t port)
{
    bool udp = proto == IPPROTO_UDP;
    union address sa;
    socklen_t size = make_sockaddr(&sa, family, &in6addr_any, port);

    enter(end);
    int fd = socket(family, ((udp ? SOCK_DGRAM : SOCK_RAW) | SOCK_NONBLOCK
                             | SOCK_CLOEXEC), proto);
    enter(HERE);
    if (fd < 0 || (udp && bind(fd, &sa.sa, size))) {
        ovs_fatal(errno, "socket");
    }
    return fd;
}

/* Sends 'n' packets to 'to' and 'port' (0 if raw), GRE with a key.  What a
 * policy holds back may count as sent or be refused, so the outcome is not
 * looked at. */
void
wire_send(int fd, const struct in6_addr *to, uint16_t port, size_t n)
{
    static const uint8_t payload[] = { 0x20, 0, 0x65, 0x58, 1, 2, 3, 4 };
    int family = IN6_IS_ADDR_V4MAPPED(to) ? AF_INET : AF_INET6;
    union address sa;
    socklen_t size = make_sockaddr(&sa, family, to, port);

    for (size_t i = 0; i < n; i++) {
        ignore(sendto(fd, payload, sizeof payload, 0, &sa.sa, size));
    }
}

/* Takes in all packets that have arrived at 'fd' and returns how many. */
size_t
wire_count(int fd)
{
    size_t n = 0;
    char c;

    while (recv(fd, &c, sizeof c, 0) >= 0) {
        n++;
    }
    return n;
}

/* Waits until something has arrived at 'fd', which must happen. */
void
wire_await(int fd)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    if (poll(&pfd, 1, 10000) != 1) {
        ovs_fatal(0, "nothing arrived in 10 s");
    }
}

/* Returns how many XFRM policies there are 'here'. */
size_t
wire_count_policies(void)
{
    struct xfrm_policy *policies;
    size_t n;

    CHECK(!xfrm_policy_dump(&policies, &n));
    free(policies);
    return n;
}
