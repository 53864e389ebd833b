/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/xfrm against the kernel that runs here, in a network namespace
 * of its own, with iproute2 as the other party. */

#include <config.h>

#include "unit.h"
#include "unit-wire.h"
#include "xfrm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"

static const struct xfrm_policy esp = {
    .dir = XFRM_OUT,
    .ts = {
        .family = AF_INET, .proto = IPPROTO_UDP, .dst_port = 6081, .user = 77,
    },
    .priority = 4000000000u,
    .template = XFRM_ESP_TRANSPORT,
    .reqid = 5,
};

/* Sets 'policy' and expects to read the same. */
static void
check_round_trip(const struct xfrm_policy *policy)
{
    struct xfrm_policy got;

    CHECK(!xfrm_policy_set(policy));
    CHECK(!xfrm_policy_get(policy, &got));
    CHECK(xfrm_policy_equals(policy, &got));
    CHECK(!xfrm_policy_delete(policy));
    CHECK(xfrm_policy_get(policy, &got) == ENOENT);
}

static void
test_round_trip(void)
{
    struct xfrm_policy policy = esp;

    check_round_trip(&policy);
    policy.dir = XFRM_FWD;
    policy.block = true;
    policy.template = XFRM_NO_TEMPLATE;
    policy.reqid = 0;
    check_round_trip(&policy);
    policy.dir = XFRM_IN;
    policy.ts.src = wire_addr(THERE, AF_INET);
    policy.ts.src_plen = 32;
    policy.ts.dst = wire_addr(HERE, AF_INET);
    policy.ts.dst_plen = 24;
    policy.ts.src_port = 1;
    check_round_trip(&policy);
    policy.ts.family = AF_INET6;
    policy.ts.src = wire_addr(THERE, AF_INET6);
    policy.ts.src_plen = 128;
    policy.ts.dst = in6addr_any;
    policy.ts.dst_plen = 0;
    check_round_trip(&policy);
    policy.ts.proto = IPPROTO_GRE;
    policy.ts.src_port = policy.ts.dst_port = 0;
    policy.priority = 1;
    check_round_trip(&policy);
}

/* Each member counts, and those of the identity count as that too. */
static void
test_compare(void)
{
    struct xfrm_policy p[] = {
        esp, esp, esp, esp, esp, esp, esp, esp, esp, esp, esp, esp, esp, esp,
    };
    enum { N_IDENTITY = 9 };
    size_t n = 0;

    p[n++].dir = XFRM_IN;
    p[n++].ts.family = AF_INET6;
    p[n++].ts.src = wire_addr(HERE, AF_INET);
    p[n++].ts.dst = wire_addr(HERE, AF_INET);
    p[n++].ts.src_plen = 1;
    p[n++].ts.proto = IPPROTO_TCP;
    p[n++].ts.src_port = 6081;
    p[n++].ts.dst_port = 6082;
    p[n++].ts.user = 78;
    ovs_assert(n == N_IDENTITY);
    p[n++].block = true;
    p[n++].priority = 1;
    p[n++].template = XFRM_OTHER_TEMPLATE;
    p[n++].reqid = 6;
    p[n++].limited = true;
    ovs_assert(n == ARRAY_SIZE(p));

    struct xfrm_policy none = esp;
    none.template = XFRM_NO_TEMPLATE;
    struct xfrm_policy other = esp;
    other.template = XFRM_OTHER_TEMPLATE;
    CHECK(!xfrm_policy_equals(&none, &other));
    CHECK(xfrm_policy_equals(&esp, &esp));
    CHECK(xfrm_policy_is_same(&esp, &esp));
    for (size_t i = 0; i < n; i++) {
        CHECK(!xfrm_policy_equals(&esp, &p[i]));
        CHECK(xfrm_policy_is_same(&esp, &p[i]) == (i >= N_IDENTITY));
    }
}

static void
test_replace(void)
{
    struct xfrm_policy policy = esp;
    struct xfrm_policy got;

    CHECK(!xfrm_policy_set(&policy));
    CHECK(!xfrm_policy_set(&policy));
    policy.reqid = 6;
    CHECK(!xfrm_policy_set(&policy));
    CHECK(wire_count_policies() == 1);
    CHECK(!xfrm_policy_get(&policy, &got) && got.reqid == 6);

    policy.ts.user = 0;
    CHECK(!xfrm_policy_set(&policy));
    CHECK(wire_count_policies() == 2);
    CHECK(!xfrm_policy_delete(&policy));
    CHECK(!xfrm_policy_delete(&policy));
    CHECK(wire_count_policies() == 1);
    CHECK(!xfrm_policy_delete(&esp));
    CHECK(wire_count_policies() == 0);
}

/* What iproute2 makes, as we see it. */
static void
test_foreign(void)
{
    struct xfrm_policy *policies;
    size_t n;

    wire_run("ip xfrm policy add dir in src 10.1.0.0/16 dst 10.2.3.4"
             " proto udp sport 7 dport 8 action block priority 9");
    CHECK(!xfrm_policy_dump(&policies, &n));
    CHECK(n == 1);
    if (n == 1) {
        const struct xfrm_policy *p = policies;
        char src[INET6_ADDRSTRLEN + 1], dst[INET6_ADDRSTRLEN + 1];

        CHECK_STRING(ipv6_string_mapped(src, &p->ts.src), "10.1.0.0");
        CHECK_STRING(ipv6_string_mapped(dst, &p->ts.dst), "10.2.3.4");
        CHECK(p->dir == XFRM_IN && p->block && p->priority == 9);
        CHECK(p->ts.family == AF_INET && p->ts.proto == IPPROTO_UDP);
        CHECK(p->ts.src_plen == 16 && p->ts.dst_plen == 32);
        CHECK(p->ts.src_port == 7 && p->ts.dst_port == 8 && !p->ts.user);
        CHECK(p->template == XFRM_NO_TEMPLATE);
    }
    free(policies);
    wire_run("ip xfrm policy flush");
}

static void
test_foreign_templates(void)
{
    static const struct {
        const char *text;
        enum xfrm_template template;
    } templates[] = {
        { "tmpl proto esp reqid 5 mode transport", XFRM_ESP_TRANSPORT },
        { "tmpl proto esp mode transport level use", XFRM_CLEAR_TEMPLATE },
        { "tmpl proto ah mode transport", XFRM_CLEAR_TEMPLATE },
        { "tmpl proto esp spi 3 mode transport", XFRM_OTHER_TEMPLATE },
        { "tmpl src 10.9.0.1 dst 10.9.0.2 proto esp mode tunnel",
          XFRM_OTHER_TEMPLATE },
        { "tmpl proto esp mode transport tmpl proto esp mode transport",
          XFRM_OTHER_TEMPLATE },
    };
    struct xfrm_policy policy = esp;

    policy.ts.user = 0;
    for (size_t i = 0; i < ARRAY_SIZE(templates); i++) {
        struct xfrm_policy got;

        wire_run("ip xfrm policy add dir out proto udp dport 6081 "
                 "priority 4000000000 %s", templates[i].text);
        CHECK(!xfrm_policy_get(&policy, &got));
        CHECK(got.template == templates[i].template);
        CHECK(xfrm_policy_equals(&policy, &got) == (i == 0));
        wire_run("ip xfrm policy flush");
    }
}

/* Waits for an event of 'type' and stores it. */
static bool
await_event(struct xfrm_monitor *monitor, enum xfrm_event_type type,
            struct xfrm_event *event)
{
    long long int deadline = time_msec() + 10000;

    while (time_msec() < deadline) {
        while (xfrm_monitor_recv(monitor, event)) {
            if (event->type == type) {
                return true;
            }
        }
        xfrm_monitor_wait(monitor);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    return false;
}

static void
test_policy_events(void)
{
    struct xfrm_monitor *monitor;
    struct xfrm_event event;

    CHECK(!xfrm_monitor_open(XFRM_MONITOR_POLICIES, &monitor));
    CHECK(!xfrm_monitor_recv(monitor, &event));

    CHECK(!xfrm_policy_set(&esp));
    CHECK(await_event(monitor, XFRM_POLICY_SET, &event));
    CHECK(xfrm_policy_equals(&event.policy, &esp));

    CHECK(!xfrm_policy_delete(&esp));
    CHECK(await_event(monitor, XFRM_POLICY_DELETED, &event));
    CHECK(xfrm_policy_equals(&event.policy, &esp));

    wire_run("ip xfrm policy flush");
    CHECK(!xfrm_monitor_recv(monitor, &event));
    CHECK(!xfrm_policy_set(&esp));
    wire_run("ip xfrm policy flush");
    CHECK(await_event(monitor, XFRM_POLICIES_FLUSHED, &event));
    CHECK(!xfrm_monitor_recv(monitor, &event));

    for (int i = 0; i < 10000; i++) {
        xfrm_policy_set(&esp);
        xfrm_policy_delete(&esp);
    }
    CHECK(await_event(monitor, XFRM_LOST, &event));
    xfrm_monitor_close(monitor);
}

/* An acquire, and the larval SA that it leaves, of which a second policy with
 * a reqid of its own does not take notice. */
static void
test_acquire(int family)
{
    struct in6_addr here = wire_addr(HERE, family);
    struct in6_addr there = wire_addr(THERE, family);
    int fd = wire_socket(HERE, family, IPPROTO_UDP, 0);
    struct xfrm_policy first = esp, second = esp;
    struct xfrm_monitor *monitor;
    struct xfrm_event event;

    first.ts.family = second.ts.family = family;
    second.ts.dst_port = 4789;
    second.reqid = 6;
    CHECK(!xfrm_policy_set(&first));
    CHECK(!xfrm_policy_set(&second));
    CHECK(!xfrm_monitor_open(XFRM_MONITOR_ACQUIRES, &monitor));

    wire_send(fd, &there, 6081, 2);
    CHECK(await_event(monitor, XFRM_ACQUIRE, &event));
    CHECK(ipv6_addr_equals(&event.acquire.src, &here));
    CHECK(ipv6_addr_equals(&event.acquire.dst, &there));
    CHECK(event.acquire.ts.dst_port == 6081 && event.acquire.ts.src_port);
    CHECK(ipv6_addr_equals(&event.acquire.ts.dst, &there));
    CHECK(xfrm_policy_equals(&event.acquire.policy, &first));
    CHECK(!xfrm_monitor_recv(monitor, &event));

    wire_send(fd, &there, 4789, 2);
    CHECK(await_event(monitor, XFRM_ACQUIRE, &event));
    CHECK(xfrm_policy_equals(&event.acquire.policy, &second));

    struct xfrm_sa *sas;
    size_t n;
    CHECK(!xfrm_sa_dump(&sas, &n));
    CHECK(n == 2);
    for (size_t i = 0; i < n; i++) {
        CHECK(sas[i].larval && !sas[i].spi && sas[i].family == family);
        CHECK(sas[i].proto == IPPROTO_ESP);
        CHECK(sas[i].reqid == 5 || sas[i].reqid == 6);
        CHECK(ipv6_addr_equals(&sas[i].src, &here));
        CHECK(ipv6_addr_equals(&sas[i].dst, &there));
        CHECK(xfrm_sa_delete(&sas[i]) == EINVAL);
    }
    free(sas);

    xfrm_monitor_close(monitor);
    close(fd);
    wire_run("ip xfrm policy flush && ip xfrm state flush");
}

/* An SPI reserved for a negotiation. */
static void
test_sa(void)
{
    struct xfrm_monitor *monitor;
    struct xfrm_event event;
    struct xfrm_sa *sas;
    size_t n;

    CHECK(!xfrm_monitor_open(XFRM_MONITOR_SAS, &monitor));
    wire_run("ip xfrm state allocspi src 10.9.0.2 dst 10.9.0.1 proto esp"
             " mode transport reqid 5 min 0xc0001234 max 0xc0001234"
             " >/dev/null");
    CHECK(!xfrm_sa_dump(&sas, &n));
    CHECK(n == 1);
    if (n == 1) {
        CHECK(sas->spi == 0xc0001234 && sas->larval && sas->reqid == 5);
        CHECK(!xfrm_sa_delete(sas));
        CHECK(!xfrm_sa_delete(sas));
        CHECK(await_event(monitor, XFRM_SA_DELETED, &event));
        CHECK(event.sa.spi == 0xc0001234 && event.sa.reqid == 5);
    }
    free(sas);
    CHECK(!xfrm_sa_dump(&sas, &n) && !n);

    wire_run("ip xfrm state allocspi src 10.9.0.2 dst 10.9.0.1 proto esp"
             " mode transport >/dev/null && ip xfrm state flush");
    CHECK(await_event(monitor, XFRM_SAS_FLUSHED, &event));
    xfrm_monitor_close(monitor);
}

/* SAs with keys, which need ESP in the kernel. */
void
unit_xfrm_esp(void)
{
    struct xfrm_sa *sas;
    size_t n;

    wire_create();
    if (!wire_try(HERE, "ip xfrm state add src 10.9.0.2 dst 10.9.0.1"
                  " proto esp spi 0xc0001234 reqid 5 mode transport"
                  " aead 'rfc4106(gcm(aes))'"
                  " 0x0102030405060708090a0b0c0d0e0f1011121314 128"
                  " sel proto udp dport 6081")) {
        unit_skip("this kernel has no ESP (CONFIG_INET_ESP) with AES-GCM");
    }
    CHECK(!xfrm_sa_dump(&sas, &n));
    CHECK(n == 1);
    if (n == 1) {
        CHECK(sas->spi == 0xc0001234 && sas->reqid == 5 && !sas->larval);
        CHECK(sas->family == AF_INET && sas->proto == IPPROTO_ESP);
        CHECK(sas->ts.proto == IPPROTO_UDP && sas->ts.dst_port == 6081);
        CHECK(!xfrm_sa_delete(sas));
    }
    free(sas);
    CHECK(!xfrm_sa_dump(&sas, &n) && !n);
}

void
unit_xfrm(void)
{
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    wire_create();
    test_round_trip();
    test_compare();
    test_replace();
    test_foreign();
    test_foreign_templates();
    test_policy_events();
    test_acquire(AF_INET);
    test_acquire(AF_INET6);
    test_sa();
}
