/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/guard-store: what is written is read, by the next run. */

#include <config.h>

#include "guard-rule.h"
#include "guard-store.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"

#define FILE_NAME "unit-guard-store"

static const char *path = FILE_NAME;

/* Returns true if 'store' settles in time. */
static bool
settles(struct guard_store *store)
{
    long long int deadline = time_msec() + 10000;

    for (;;) {
        guard_store_run(store);
        if (guard_store_is_settled(store) || time_msec() >= deadline) {
            return guard_store_is_settled(store);
        }
        guard_store_wait(store);
        poll_timer_wait_until(deadline);
        poll_block();
    }
}

static struct guard_rule
make_rule(int family, uint8_t proto, uint16_t port, const char *remote,
          enum guard_action action)
{
    struct guard_rule rule = {
        .selector = { .family = family, .proto = proto, .port = port },
        .action = action,
    };

    ovs_assert(ipv6_parse(remote, &rule.remote));
    return rule;
}

static void
write_text(const char *text)
{
    FILE *file = fopen(path, "w");

    ovs_assert(file);
    fputs(text, file);
    fclose(file);
}

/* Checks that a file with 'text' has 'n' rules and what is wrong with it. */
static void
check_text(const char *text, size_t n, const char *error)
{
    struct guard_rule *rules;
    size_t n_got;
    char *got;

    write_text(text);
    got = guard_store_read(path, &rules, &n_got);
    CHECK(n_got == n);
    CHECK_STRING(got, error);
    free(got);
    free(rules);
}

static void
test_round_trip(void)
{
    struct guard_rule rules[] = {
        make_rule(AF_INET, IPPROTO_UDP, 6081, "::", GUARD_PROTECT),
        make_rule(AF_INET, IPPROTO_UDP, 6081, "::ffff:10.0.0.1", GUARD_ALLOW),
        make_rule(AF_INET6, IPPROTO_GRE, 0, "2001:db8::1", GUARD_PROTECT),
        make_rule(AF_INET6, IPPROTO_GRE, 0, "::", GUARD_DROP),
    };
    struct guard_store *store = guard_store_open(path);
    struct guard_rule *got;
    size_t n = ARRAY_SIZE(rules), n_got;
    struct stat st;

    rules[3].mark = 0x1;
    rules[3].mark_mask = 0xff;
    guard_rules_normalize(rules, &n);
    CHECK(n == ARRAY_SIZE(rules));
    CHECK(access(path, F_OK));
    guard_store_set(store, rules, n);
    CHECK(settles(store));
    CHECK_STRING(guard_store_get_error(store), NULL);
    CHECK(!stat(path, &st) && (st.st_mode & 0777) == 0600);
    CHECK(access(FILE_NAME ".tmp", F_OK));
    CHECK_STRING(guard_store_read(path, &got, &n_got), NULL);
    CHECK(guard_rules_equal(got, n_got, rules, n));
    free(got);

    /* The last wish counts, and closing does not lose it. */
    guard_store_set(store, NULL, 0);
    guard_store_set(store, rules, 1);
    guard_store_set(store, NULL, 0);
    guard_store_close(store);
    CHECK(access(path, F_OK) && errno == ENOENT);
    CHECK_STRING(guard_store_read(path, &got, &n_got), NULL);
    CHECK(!n_got && !got);
}

/* A damaged file protects what can be read. */
static void
test_damaged(void)
{
    check_text("", 0, NULL);
    check_text("# A comment.\n\nprotect ipv4 17 6081\n", 1, NULL);
    check_text("protect ipv4 17 6081\nprotect ipv4 17 70000\n", 1,
               FILE_NAME ":2: this is no rule of the guard");
    check_text("protect ipv4 17 6081 2001:db8::1\nallow ipv4 17 6081\n"
               "protect ipv6 17 6081\n", 1,
               FILE_NAME ":1: this is no rule of the guard");
    check_text("protect ipv4 17\n", 0,
               FILE_NAME ":1: this is no rule of the guard");
    check_text("forget ipv4 17 6081\n", 0,
               FILE_NAME ":1: this is no rule of the guard");
    check_text("protect ipv4 17 6081 10.0.0.1 10.0.0.2\n", 0,
               FILE_NAME ":1: this is no rule of the guard");
    unlink(path);
}

/* A disk that fails is state. */
static void
test_failure(void)
{
    const struct guard_rule rule
        = make_rule(AF_INET, IPPROTO_UDP, 6081, "::", GUARD_PROTECT);
    struct guard_store *store = guard_store_open(FILE_NAME "-none/file");

    guard_store_set(store, &rule, 1);
    CHECK(settles(store));
    CHECK_STRING(guard_store_get_error(store),
                 FILE_NAME "-none/file: cannot be written (No such file or "
                 "directory); a reboot will find this host unprotected until "
                 "ovs-monitor-ipsec runs");
    guard_store_close(store);
}

void
unit_guard_store(void)
{
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    test_round_trip();
    test_damaged();
    test_failure();
}
