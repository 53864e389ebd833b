/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/guard with the kernel that runs here: what it holds, what it
 * lets pass on a wire, and what it asks for. */

#include <config.h>

#include "guard.h"
#include "unit.h"
#include "unit-guard.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"
#include "xfrm.h"

enum { CONTROL_PORT = 9 };      /* Never guarded. */

static const struct guard_selector geneve = {
    .family = AF_INET, .proto = IPPROTO_UDP, .port = 6081,
};
static const struct guard_selector vxlan = {
    .family = AF_INET, .proto = IPPROTO_UDP, .port = 4789,
};

/* Has 'guard' protect the 'n' of 'selectors', whoever the packets come from or
 * go to. */
static void
protect(struct guard *guard, const struct guard_selector selectors[], size_t n)
{
    struct guard_rule *rules = xcalloc(n, sizeof *rules);

    for (size_t i = 0; i < n; i++) {
        rules[i].selector = selectors[i];
        rules[i].action = GUARD_PROTECT;
    }
    guard_set(guard, rules, n);
    free(rules);
}

/* Runs 'guard' until it has what was asked for. */
void
guard_await_installed(struct guard *guard)
{
    long long int deadline = time_msec() + 10000;

    for (;;) {
        guard_run(guard);
        if (guard_is_installed(guard) || time_msec() >= deadline) {
            break;
        }
        guard_wait(guard);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    CHECK(guard_is_installed(guard));
    CHECK_STRING(guard_get_error(guard), NULL);
}

/* Returns a guard that has installed the 'n' of 'selectors'. */
static struct guard *
start_guard(const struct guard_selector selectors[], size_t n)
{
    struct guard *guard = guard_create(NULL);

    protect(guard, selectors, n);
    CHECK(!guard_is_installed(guard));
    guard_await_installed(guard);
    return guard;
}

static bool
await_acquire(struct guard *guard, struct guard_acquire *acquire)
{
    long long int deadline = time_msec() + 10000;

    while (time_msec() < deadline) {
        guard_run(guard);
        if (guard_recv(guard, acquire)) {
            return true;
        }
        guard_wait(guard);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    return false;
}

/* Counts what happens to policies until the kernel has nothing more to
 * tell. */
static size_t
count_changes(struct xfrm_monitor *monitor)
{
    struct xfrm_event event;
    size_t n = 0;

    while (xfrm_monitor_recv(monitor, &event)) {
        n++;
    }
    return n;
}

/* A second run of the daemon takes over what the first left, changing only
 * what differs. */
static void
test_restart(void)
{
    const struct guard_selector both[] = { geneve, vxlan };
    const struct guard_selector both_again[] = { vxlan, geneve, vxlan };
    struct xfrm_monitor *monitor;
    struct guard *guard;

    guard_destroy(start_guard(both, 2));
    CHECK(wire_count_policies() == 4);

    CHECK(!xfrm_monitor_open(XFRM_MONITOR_POLICIES, &monitor));
    guard = guard_create(NULL);
    guard_run(guard);
    CHECK(!guard_is_installed(guard));
    CHECK(wire_count_policies() == 4);

    protect(guard, both_again, 3);
    guard_await_installed(guard);
    protect(guard, both, 2);
    CHECK(guard_is_installed(guard));
    guard_run(guard);
    CHECK(count_changes(monitor) == 0);
    guard_destroy(guard);

    guard = start_guard(&geneve, 1);
    CHECK(wire_count_policies() == 2);
    CHECK(count_changes(monitor) == 2);
    guard_flush(guard);
    CHECK(wire_count_policies() == 0);
    CHECK(count_changes(monitor) == 2);
    CHECK(guard_is_installed(guard));
    guard_destroy(guard);
    xfrm_monitor_close(monitor);
}

/* What looks like ours but is not stays, whatever we do. */
static void
test_foreign(void)
{
    struct xfrm_policy *policies;
    struct guard *guard;
    size_t n;

    wire_run("ip xfrm policy add dir out proto udp dport 6081 priority 3"
             " && ip xfrm policy add dir in proto udp dport 6081"
             " action block priority 4000000000");
    guard = start_guard(&geneve, 1);
    CHECK(wire_count_policies() == 4);
    protect(guard, &vxlan, 1);
    guard_await_installed(guard);
    CHECK(wire_count_policies() == 4);
    guard_flush(guard);
    guard_destroy(guard);

    CHECK(!xfrm_policy_dump(&policies, &n));
    CHECK(n == 2);
    for (size_t i = 0; i < n; i++) {
        CHECK(!policies[i].ts.user);
        CHECK(policies[i].ts.dst_port == 6081);
        CHECK(policies[i].priority == (policies[i].dir == XFRM_OUT
                                       ? 3 : 4000000000u));
    }
    free(policies);
    wire_run("ip xfrm policy flush");
}

/* What somebody takes away or changes comes back, and the kernel is what
 * tells us. */
static void
test_mend(void)
{
    struct guard *guard = start_guard(&geneve, 1);
    struct xfrm_policy *policies;
    size_t n;

    guard_run(guard);
    wire_run("ip xfrm policy flush");
    CHECK(wire_count_policies() == 0);
    guard_wait(guard);
    poll_block();
    guard_await_installed(guard);
    CHECK(wire_count_policies() == 2);

    CHECK(!xfrm_policy_dump(&policies, &n));
    for (size_t i = 0; i < n; i++) {
        struct xfrm_policy got;

        CHECK(!xfrm_policy_delete(&policies[i]));
        guard_wait(guard);
        poll_block();
        guard_await_installed(guard);
        CHECK(!xfrm_policy_get(&policies[i], &got));
        CHECK(xfrm_policy_equals(&policies[i], &got));

        got.priority = 5;
        CHECK(!xfrm_policy_set(&got));
        guard_await_installed(guard);
        CHECK(!xfrm_policy_get(&policies[i], &got));
        CHECK(xfrm_policy_equals(&policies[i], &got));
    }
    free(policies);
    CHECK(wire_count_policies() == 2);
    guard_flush(guard);
    guard_destroy(guard);
}

/* Sends from one end to the other and returns how many tunnel packets of 3
 * arrive.  A packet of another kind goes last and shows that the wire works
 * and that the others would have been there. */
size_t
guard_pass(enum wire_end from, int family, int proto, uint16_t port)
{
    enum wire_end to = from == HERE ? THERE : HERE;
    struct in6_addr addr = wire_addr(to, family);
    int tx = wire_socket(from, family, proto, 0);
    int rx = wire_socket(to, family, proto, port);
    int control_tx = wire_socket(from, family, IPPROTO_UDP, 0);
    int control_rx = wire_socket(to, family, IPPROTO_UDP, CONTROL_PORT);

    wire_send(tx, &addr, port, 3);
    wire_send(control_tx, &addr, CONTROL_PORT, 1);
    wire_await(control_rx);

    /* Linux hands decrypted packets on later than others. */
    size_t n = wire_count(rx);
    if (n < 3) {
        usleep(20000);
        n += wire_count(rx);
    }
    close(tx);
    close(rx);
    close(control_tx);
    close(control_rx);
    return n;
}

static void
test_plaintext(void)
{
    static const struct guard_selector selectors[] = {
        { .family = AF_INET, .proto = IPPROTO_UDP, .port = 6081 },
        { .family = AF_INET6, .proto = IPPROTO_UDP, .port = 6081 },
        { .family = AF_INET, .proto = IPPROTO_GRE },
        { .family = AF_INET6, .proto = IPPROTO_GRE },
    };

    for (size_t i = 0; i < ARRAY_SIZE(selectors); i++) {
        const struct guard_selector *s = &selectors[i];
        struct guard *guard;

        CHECK(guard_pass(HERE, s->family, s->proto, s->port) == 3);
        CHECK(guard_pass(THERE, s->family, s->proto, s->port) == 3);

        guard = start_guard(s, 1);
        CHECK(guard_pass(HERE, s->family, s->proto, s->port) == 0);
        CHECK(guard_pass(THERE, s->family, s->proto, s->port) == 0);
        CHECK(guard_pass(HERE, s->family, IPPROTO_UDP, 4789) == 3);
        CHECK(guard_pass(THERE, s->family, IPPROTO_UDP, 4789) == 3);
        guard_destroy(guard);
        CHECK(guard_pass(HERE, s->family, s->proto, s->port) == 0);
        CHECK(guard_pass(THERE, s->family, s->proto, s->port) == 0);

        guard = guard_create(NULL);
        guard_flush(guard);
        guard_destroy(guard);
        CHECK(guard_pass(HERE, s->family, s->proto, s->port) == 3);
        CHECK(guard_pass(THERE, s->family, s->proto, s->port) == 3);
        wire_run("ip xfrm state flush");
    }
}

/* Checks that what 'fd' sends to 's' brings up an acquire. */
static void
check_acquire(struct guard *guard, int fd, const struct guard_selector *s)
{
    struct in6_addr here = wire_addr(HERE, s->family);
    struct in6_addr there = wire_addr(THERE, s->family);
    struct guard_acquire acquire;

    wire_send(fd, &there, s->port, 2);
    CHECK(await_acquire(guard, &acquire));
    CHECK(acquire.selector.family == s->family);
    CHECK(acquire.selector.proto == s->proto);
    CHECK(acquire.selector.port == s->port);
    CHECK(ipv6_addr_equals(&acquire.local, &here));
    CHECK(ipv6_addr_equals(&acquire.remote, &there));
    guard_run(guard);
    CHECK(!guard_recv(guard, &acquire));
}

static void
test_acquires(int family)
{
    const struct guard_selector selectors[] = {
        { .family = family, .proto = IPPROTO_UDP, .port = 6081 },
        { .family = family, .proto = IPPROTO_UDP, .port = 4789 },
        { .family = family, .proto = IPPROTO_GRE },
    };
    struct guard *guard = start_guard(selectors, ARRAY_SIZE(selectors));

    for (size_t i = 0; i < ARRAY_SIZE(selectors); i++) {
        const struct guard_selector *s = &selectors[i];
        int fd = wire_socket(HERE, family, s->proto, 0);

        check_acquire(guard, fd, s);
        close(fd);
    }
    guard_flush(guard);
    guard_destroy(guard);
    wire_run("ip xfrm state flush");
}

/* A foreign policy's acquire is not ours; what came twice is told once. */
static void
test_acquire_queue(void)
{
    struct guard *guard = start_guard(&geneve, 1);
    struct in6_addr there = wire_addr(THERE, AF_INET);
    int fd = wire_socket(HERE, AF_INET, IPPROTO_UDP, 0);
    struct guard_acquire acquire;

    wire_run("ip xfrm policy add dir out proto udp dport 7777"
             " tmpl proto esp mode transport");
    wire_send(fd, &there, 7777, 1);
    wire_send(fd, &there, 6081, 1);
    wire_run("ip xfrm state flush");
    wire_send(fd, &there, 6081, 1);
    CHECK(await_acquire(guard, &acquire));
    CHECK(acquire.selector.port == 6081);
    guard_run(guard);
    CHECK(!guard_recv(guard, &acquire));

    wire_run("ip xfrm state flush");
    wire_send(fd, &there, 6081, 1);
    CHECK(await_acquire(guard, &acquire));

    close(fd);
    guard_flush(guard);
    guard_destroy(guard);
    wire_run("ip xfrm state flush && ip xfrm policy flush");
}

/* Somebody sends to very many addresses: the queue ends somewhere, and when
 * it has been emptied, acquires come through again. */
static void
test_acquire_flood(void)
{
    struct guard *guard = start_guard(&geneve, 1);
    int fd = wire_socket(HERE, AF_INET, IPPROTO_UDP, 0);
    struct guard_acquire acquire;
    size_t n = 0;

    for (int i = 0; i < 3000; i++) {
        struct in6_addr addr
            = in6_addr_mapped_ipv4(htonl(0x0a090100 + i));

        wire_send(fd, &addr, 6081, 1);
        if (i % 50 == 0) {
            guard_run(guard);
        }
    }
    guard_run(guard);
    while (guard_recv(guard, &acquire)) {
        n++;
    }
    CHECK(n == 1024);
    CHECK(guard_missed_acquires(guard));
    CHECK(!guard_missed_acquires(guard));
    CHECK(guard_is_installed(guard));

    check_acquire(guard, fd, &geneve);
    close(fd);
    guard_flush(guard);
    guard_destroy(guard);
    wire_run("ip xfrm state flush");
}

/* Adds an SA for 'src' to 'dst' and the policy that asks for it in direction
 * 'dir', as an IKE daemon would, at 'end'. */
static bool
add_esp(enum wire_end end, const char *dir, const char *src, const char *dst,
        int spi)
{
    return wire_try(end, "ip xfrm state add src %s dst %s proto esp spi %d"
                    " reqid 7 mode transport aead 'rfc4106(gcm(aes))'"
                    " 0x0102030405060708090a0b0c0d0e0f1011121314 128"
                    " && ip xfrm policy add dir %s src %s dst %s proto udp"
                    " dport 6081 priority 3000"
                    " tmpl proto esp reqid 7 mode transport",
                    src, dst, spi, dir, src, dst);
}

/* While the IKE daemon's policies ask for ESP, what comes in may be in clear
 * or not, and what goes out is encrypted. */
static void
test_accept(const char *here, const char *there)
{
    const struct guard_rule rule = {
        .selector = geneve,
        .remote = wire_addr(THERE, AF_INET),
        .action = GUARD_ACCEPT,
    };
    struct guard *guard;

    wire_run("ip xfrm policy add dir out src %s dst %s proto udp dport 6081"
             " priority 3000 tmpl proto esp reqid 7 mode transport"
             " && ip xfrm policy add dir in src %s dst %s proto udp dport 6081"
             " priority 3000 tmpl proto esp reqid 7 mode transport",
             here, there, there, here);
    CHECK(guard_pass(THERE, AF_INET, IPPROTO_UDP, 6081) == 0);
    guard = guard_create(NULL);
    guard_set(guard, &rule, 1);
    guard_await_installed(guard);
    CHECK(guard_pass(THERE, AF_INET, IPPROTO_UDP, 6081) == 3);

    /* What arrives encrypted passes too. */
    CHECK(guard_pass(HERE, AF_INET, IPPROTO_UDP, 6081) == 3);
    CHECK(wire_try(THERE, "ip xfrm policy add dir in src %s dst %s proto udp"
                   " dport 6081 priority 3000"
                   " tmpl proto esp reqid 7 mode transport"
                   " && ip xfrm policy add dir out src %s dst %s proto udp"
                   " dport 6081 priority 3000"
                   " tmpl proto esp reqid 7 mode transport",
                   here, there, there, here));
    CHECK(guard_pass(HERE, AF_INET, IPPROTO_UDP, 6081) == 3);
    CHECK(guard_pass(THERE, AF_INET, IPPROTO_UDP, 6081) == 3);
    guard_flush(guard);
    guard_destroy(guard);
}

/* ESP passes by the guard, and only that: what keeps plaintext from passing
 * when the IKE daemon's policies go is the guard alone, although the SAs are
 * still there. */
void
unit_guard_esp(void)
{
    const char *here = "10.9.0.1";
    const char *there = "10.9.0.2";
    struct guard *guard;

    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    wire_create();
    if (!add_esp(HERE, "out", here, there, 0x1001)
        || !add_esp(HERE, "in", there, here, 0x1002)
        || !add_esp(THERE, "in", here, there, 0x1001)
        || !add_esp(THERE, "out", there, here, 0x1002)) {
        unit_skip("this kernel has no ESP (CONFIG_INET_ESP) with AES-GCM");
    }
    guard = start_guard(&geneve, 1);
    CHECK(guard_pass(HERE, AF_INET, IPPROTO_UDP, 6081) == 3);
    CHECK(guard_pass(THERE, AF_INET, IPPROTO_UDP, 6081) == 3);

    CHECK(wire_try(THERE, "ip xfrm policy flush"));
    CHECK(guard_pass(THERE, AF_INET, IPPROTO_UDP, 6081) == 0);
    wire_run("ip xfrm policy delete dir out src %s dst %s proto udp"
             " dport 6081", here, there);
    CHECK(guard_pass(HERE, AF_INET, IPPROTO_UDP, 6081) == 0);
    wire_run("ip xfrm policy delete dir in src %s dst %s proto udp"
             " dport 6081", there, here);
    CHECK(guard_pass(THERE, AF_INET, IPPROTO_UDP, 6081) == 0);

    guard_flush(guard);
    guard_destroy(guard);
    CHECK(guard_pass(HERE, AF_INET, IPPROTO_UDP, 6081) == 3);
    CHECK(guard_pass(THERE, AF_INET, IPPROTO_UDP, 6081) == 3);
    test_accept(here, there);
}

void
unit_guard(void)
{
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    wire_create();
    test_restart();
    test_foreign();
    test_mend();
    test_plaintext();
    test_acquires(AF_INET);
    test_acquires(AF_INET6);
    test_acquire_queue();
    test_acquire_flood();
}

/* Without the right to do anything: the error says what to do, and the guard
 * tries again, but not at once. */
void
unit_guard_denied(void)
{
    struct guard *guard = guard_create(NULL);
    long long int start;

    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    guard_run(guard);
    CHECK_STRING(guard_get_error(guard),
                 "cannot listen to XFRM events: Operation not permitted: "
                 "start ovs-monitor-ipsec as root, or with the capability "
                 "CAP_NET_ADMIN, in the host's network namespace");
    protect(guard, &geneve, 1);
    guard_run(guard);
    CHECK(!guard_is_installed(guard));
    CHECK(guard_get_error(guard) != NULL);

    start = time_msec();
    guard_wait(guard);
    poll_block();
    CHECK(time_msec() - start >= 900);
    CHECK(time_msec() - start <= 5000);
    guard_flush(guard);
    CHECK(guard_get_error(guard) != NULL);
    guard_destroy(guard);
}
