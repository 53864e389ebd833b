/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests what rules of ipsec/guard for single addresses do to packets, what is
 * told of other people's policies, and what is remembered, with the kernel
 * that runs here. */

#include <config.h>

#include "guard.h"
#include "unit.h"
#include "unit-guard.h"

#include <stdlib.h>
#include <unistd.h>

#include "bypass.h"
#include "leaks.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "xfrm.h"
#include "xfrm-stat.h"

static const char *store = "unit-guard-rules";

static struct guard_selector
geneve(int family)
{
    return (struct guard_selector) {
        .family = family, .proto = IPPROTO_UDP, .port = 6081,
    };
}

static struct guard_rule
protect_all(int family)
{
    return (struct guard_rule) { .selector = geneve(family),
                                 .action = GUARD_PROTECT };
}

static struct guard_rule
rule_for(int family, enum wire_end end, enum guard_action action)
{
    return (struct guard_rule) {
        .selector = geneve(family),
        .remote = wire_addr(end, family),
        .action = action,
    };
}

static void
apply(struct guard *guard, const struct guard_rule *rules, size_t n)
{
    guard_set(guard, rules, n);
    guard_await_installed(guard);
    CHECK(wire_count_policies() == 2 * n);
}

/* How many of 3 packets pass each way. */
static void
check_passes(int family, size_t n)
{
    CHECK(guard_pass(HERE, family, IPPROTO_UDP, 6081) == n);
    CHECK(guard_pass(THERE, family, IPPROTO_UDP, 6081) == n);
}

static void
test_actions(int family)
{
    struct guard *guard = guard_create(NULL);
    struct guard_rule all = protect_all(family);
    struct guard_rule peer = rule_for(family, THERE, GUARD_PROTECT);
    struct guard_rule other = rule_for(family, HERE, GUARD_PROTECT);
    const struct guard_rule allow[] = {
        all, rule_for(family, THERE, GUARD_ALLOW),
    };
    const struct guard_rule accept[] = {
        all, rule_for(family, THERE, GUARD_ACCEPT),
    };

    apply(guard, &all, 1);
    check_passes(family, 0);
    apply(guard, allow, 2);
    check_passes(family, 3);
    apply(guard, accept, 2);
    check_passes(family, 3);
    apply(guard, &peer, 1);
    check_passes(family, 0);
    apply(guard, &other, 1);
    check_passes(family, 3);
    apply(guard, &all, 1);
    check_passes(family, 0);
    guard_flush(guard);
    guard_destroy(guard);
    wire_run("ip xfrm state flush");
}

/* Takes in the kernel's news and returns what beats the guard between HERE
 * and THERE, which the caller frees, or null. */
static char *
find_bypass(struct guard *guard, int family)
{
    struct guard_selector s = geneve(family);
    struct in6_addr here = wire_addr(HERE, family);
    struct in6_addr there = wire_addr(THERE, family);
    const struct xfrm_policy *policy;
    struct ds ds = DS_EMPTY_INITIALIZER;

    guard_run(guard);
    policy = bypasses_find(guard_get_bypasses(guard), &s, &here, &there);
    if (!policy) {
        return NULL;
    }
    bypass_format(policy, &ds);
    return ds_steal_cstr(&ds);
}

static void
check_bypass(struct guard *guard, const char *expected)
{
    char *got = find_bypass(guard, AF_INET);

    CHECK_STRING(got, expected);
    free(got);
}

/* What others add is seen when they add it, and also when they did before our
 * time. */
static void
test_bypass(void)
{
    static const struct {
        const char *policy;     /* As `ip xfrm policy` takes it. */
        const char *found;
    } cases[] = {
        { "dir out dst 10.9.0.2 priority 7",
          "dir out dst 10.9.0.2/32 priority 7" },
        { "dir out src 10.9.0.0/16 dst 10.9.0.0/16 priority 7",
          "dir out src 10.9.0.0/16 dst 10.9.0.0/16 priority 7" },
        { "dir in src 10.9.0.2 proto udp dport 6081 priority 7",
          "dir in src 10.9.0.2/32 proto 17 dport 6081 priority 7" },
        { "dir out priority 4000000000", "dir out priority 4000000000" },
        { "dir out priority 7 tmpl proto esp mode transport level use",
          "dir out priority 7" },
        { "dir out priority 7 mark 0 mask 1", "dir out priority 7" },
        /* These let nothing of ours pass. */
        { "dir out priority 4000000001", NULL },
        { "dir out dst 10.9.0.3 priority 7", NULL },
        { "dir in src 10.9.0.1 priority 7", NULL },
        { "dir out dst 10.9.0.2 proto udp dport 4789 priority 7", NULL },
        { "dir out dst 10.9.0.2 proto tcp priority 7", NULL },
        { "dir fwd priority 7", NULL },
        { "dir out priority 7 action block", NULL },
        { "dir out priority 7 mark 1 mask 1", NULL },
        { "dir out priority 7 tmpl proto esp mode transport", NULL },
        { "dir out src fd09::/16 dst fd09::/16 priority 7", NULL },
    };
    struct guard_rule all = protect_all(AF_INET);
    struct guard *guard = guard_create(NULL);

    apply(guard, &all, 1);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct guard *late;

        check_bypass(guard, NULL);
        wire_run("ip xfrm policy add %s", cases[i].policy);
        check_bypass(guard, cases[i].found);
        late = guard_create(NULL);
        check_bypass(late, cases[i].found);
        guard_destroy(late);
        wire_run("ip xfrm policy flush");
        guard_await_installed(guard);
    }
    wire_run("ip xfrm policy add dir out priority 7");
    check_bypass(guard, "dir out priority 7");
    /* One that is for an interface only hides none. */
    wire_run("ip xfrm policy add dir out priority 7 if_id 9");
    check_bypass(guard, "dir out priority 7");
    wire_run("ip xfrm policy delete dir out src 0.0.0.0/0 dst 0.0.0.0/0 "
             "if_id 9");
    check_bypass(guard, "dir out priority 7");
    wire_run("ip xfrm policy update dir out priority 8");
    check_bypass(guard, "dir out priority 8");
    wire_run("ip xfrm policy delete dir out src 0.0.0.0/0 dst 0.0.0.0/0");
    check_bypass(guard, NULL);
    guard_flush(guard);
    guard_destroy(guard);
}

static void
test_restore(void)
{
    const struct guard_rule rules[] = {
        protect_all(AF_INET), protect_all(AF_INET6),
        rule_for(AF_INET, THERE, GUARD_ALLOW),
    };
    struct guard_selector ipv6 = geneve(AF_INET6);
    struct guard *guard = guard_create(store);
    size_t n;

    /* A host that never had IPsec. */
    CHECK(!guard_was_guarded(guard, &ipv6));
    CHECK_STRING(guard_restore(store, &n), NULL);
    CHECK(!n && !wire_count_policies());

    /* The file is there before the policies. */
    guard_set(guard, rules, 3);
    guard_run(guard);
    CHECK(!wire_count_policies());
    guard_await_installed(guard);
    CHECK(!access(store, F_OK));
    CHECK(wire_count_policies() == 6);
    guard_destroy(guard);

    /* A reboot. */
    wire_run("ip xfrm policy flush");
    check_passes(AF_INET6, 3);
    CHECK_STRING(guard_restore(store, &n), NULL);
    CHECK(n == 3 && wire_count_policies() == 6);
    check_passes(AF_INET6, 0);
    check_passes(AF_INET, 3);
    CHECK_STRING(guard_restore(store, &n), NULL);
    CHECK(wire_count_policies() == 6);

    guard = guard_create(store);
    CHECK(guard_was_guarded(guard, &ipv6));
    guard_set(guard, rules, 1);
    guard_await_installed(guard);
    CHECK(wire_count_policies() == 2);
    guard_flush(guard);
    CHECK(!wire_count_policies());
    guard_destroy(guard);
    CHECK(access(store, F_OK));
}

/* What an earlier run left in the kernel was protected too, whatever became
 * of the file. */
static void
test_leftover(void)
{
    struct guard_rule all = protect_all(AF_INET);
    struct guard *guard = guard_create(NULL);

    apply(guard, &all, 1);
    guard_destroy(guard);
    guard = guard_create(store);
    guard_run(guard);
    CHECK(guard_was_guarded(guard, &all.selector));
    guard_flush(guard);
    guard_destroy(guard);
}

static void
check_leak(struct leaks *leaks, int family, const char *expected)
{
    struct guard_selector s = geneve(family);
    struct in6_addr here = wire_addr(HERE, family);
    struct in6_addr there = wire_addr(THERE, family);
    char *got = leaks_find(leaks, &s, &here, &there);

    CHECK_STRING(got, expected);
    free(got);
}

/* 'command' changes something, which is noticed once, within a second. */
static void
run_leaky(struct leaks *leaks, const char *command)
{
    static long long int now;

    CHECK(!leaks_run(leaks, now += 1000));
    wire_run("%s", command);
    wire_run("ip route flush cache");
    CHECK(!leaks_run(leaks, now += 999));
    CHECK(leaks_run(leaks, now += 1));
    CHECK(!leaks_run(leaks, now += 1000));
}

/* Each switch, and what it really does to packets. */
static void
test_leak(void)
{
    const struct guard_rule rules[] = {
        protect_all(AF_INET), protect_all(AF_INET6),
    };
    struct guard *guard = guard_create(NULL);
    struct leaks *leaks = leaks_create(guard);

    apply(guard, rules, 2);
    leaks_run(leaks, 0);
    check_leak(leaks, AF_INET, NULL);
    check_leak(leaks, AF_INET6, NULL);
    CHECK(guard_pass(HERE, AF_INET, IPPROTO_UDP, 6081) == 0);
    CHECK(guard_pass(THERE, AF_INET, IPPROTO_UDP, 6081) == 0);

    run_leaky(leaks, "echo 1 >/proc/sys/net/ipv4/conf/unit0/disable_xfrm");
    check_leak(leaks, AF_INET, "net.ipv4.conf.unit0.disable_xfrm=1 lets "
               "packets leave unencrypted: set it to 0");
    CHECK(guard_pass(HERE, AF_INET, IPPROTO_UDP, 6081) == 3);
    run_leaky(leaks, "echo 0 >/proc/sys/net/ipv4/conf/unit0/disable_xfrm");
    check_leak(leaks, AF_INET, NULL);

    /* Whether that lets packets out depends on the kernel's version. */
    run_leaky(leaks, "echo 1 >/proc/sys/net/ipv4/conf/all/disable_xfrm");
    check_leak(leaks, AF_INET, "net.ipv4.conf.all.disable_xfrm=1 lets "
               "packets leave unencrypted: set it to 0");
    run_leaky(leaks, "echo 0 >/proc/sys/net/ipv4/conf/all/disable_xfrm");
    check_leak(leaks, AF_INET, NULL);

    run_leaky(leaks, "echo 1 >/proc/sys/net/ipv4/conf/unit0/disable_policy");
    check_leak(leaks, AF_INET, "net.ipv4.conf.unit0.disable_policy=1 lets "
               "packets from outside in unencrypted: set it to 0");
    CHECK(guard_pass(THERE, AF_INET, IPPROTO_UDP, 6081) == 3);
    run_leaky(leaks, "echo 0 >/proc/sys/net/ipv4/conf/unit0/disable_policy");

    check_leak(leaks, AF_INET6, NULL);
    run_leaky(leaks, "echo 1 >/proc/sys/net/ipv6/conf/unit0/disable_policy");
    check_leak(leaks, AF_INET6, "net.ipv6.conf.unit0.disable_policy=1 lets "
               "packets from outside in unencrypted: set it to 0");
    check_leak(leaks, AF_INET, NULL);
    run_leaky(leaks, "echo 0 >/proc/sys/net/ipv6/conf/unit0/disable_policy");

    wire_run("ip xfrm policy add dir out dst 10.9.0.2 priority 7");
    guard_run(guard);
    CHECK(leaks_run(leaks, 0));
    check_leak(leaks, AF_INET, "an XFRM policy of somebody else lets its "
               "packets pass unencrypted (dir out dst 10.9.0.2/32 priority "
               "7): remove it, or make it not match");
    CHECK(guard_pass(HERE, AF_INET, IPPROTO_UDP, 6081) == 3);
    wire_run("ip xfrm policy delete dir out dst 10.9.0.2");
    leaks_destroy(leaks);
    guard_flush(guard);
    guard_destroy(guard);
    wire_run("ip xfrm state flush");
}

static void
check_stat_text(const char *expected)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    xfrm_stat_format(&ds);
    CHECK_STRING(ds_cstr(&ds), expected);
    ds_destroy(&ds);
}

/* What was counted before the start is left out. */
static void
test_stat(void)
{
    struct guard_rule all = protect_all(AF_INET);
    struct guard *guard = guard_create(NULL);

    if (access("/proc/net/xfrm_stat", R_OK)) {
        guard_destroy(guard);
        return;
    }
    apply(guard, &all, 1);
    CHECK(guard_pass(THERE, AF_INET, IPPROTO_UDP, 6081) == 0);
    xfrm_stat_start();
    check_stat_text("");
    CHECK(guard_pass(THERE, AF_INET, IPPROTO_UDP, 6081) == 0);
    check_stat_text("  3 incoming packets dropped by block policies on "
                    "this host, of anybody (XfrmInPolBlock)\n");
    guard_flush(guard);
    guard_destroy(guard);
}

void
unit_guard_rules(void)
{
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    wire_create();
    test_actions(AF_INET);
    test_actions(AF_INET6);
    test_bypass();
    test_restore();
    test_leftover();
    test_leak();
    test_stat();
}
