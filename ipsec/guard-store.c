/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The guard's memory on disk; see guard-store.h.
 *
 * The file has a line per rule:
 *
 *     ACTION FAMILY PROTOCOL PORT [ADDRESS|MARK/MASK]
 *     protect ipv4 17 6081
 *     allow ipv6 17 6081 2001:db8::1
 *     drop ipv4 47 0 0x1/0xff
 *
 * and comments, which begin with "#". */

#include <config.h>

#include "guard-store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "packets.h"
#include "seq.h"
#include "timeval.h"
#include "util.h"

#include "guard-rule.h"
#include "new-file.h"

VLOG_DEFINE_THIS_MODULE(guard_store);

/* In ms, until a write that failed is tried again. */
#define RETRY_INTERVAL 10000

struct guard_store {
    char *path;
    pthread_t thread;
    struct seq *work;           /* Changes when there is a wish. */
    struct seq *progress;       /* Changes when it has been tried. */

    struct ovs_mutex mutex;
    char *wish OVS_GUARDED;     /* Contents; "": there should be no file. */
    uint64_t wished OVS_GUARDED;        /* Number of the wish. */
    uint64_t tried OVS_GUARDED; /* Number of the last one tried. */
    char *outcome OVS_GUARDED;  /* What was wrong with that, or null. */
    bool exiting OVS_GUARDED;

    /* The main thread's only. */
    uint64_t last_progress;
    uint64_t last_wish;
    uint64_t last_tried;
    char *error;
};

/* Rules to text and back. */

static void
format_rule(const struct guard_rule *rule, struct ds *ds)
{
    const struct guard_selector *s = &rule->selector;

    ds_put_format(ds, "%s %s %"PRIu8" %"PRIu16,
                  rule->action == GUARD_PROTECT ? "protect"
                  : rule->action == GUARD_DROP ? "drop" : "allow",
                  s->family == AF_INET ? "ipv4" : "ipv6", s->proto, s->port);
    if (!guard_rule_is_wildcard(rule)) {
        ds_put_char(ds, ' ');
        ipv6_format_mapped(&rule->remote, ds);
    }
    if (rule->action == GUARD_DROP) {
        ds_put_format(ds, " 0x%"PRIx32"/0x%"PRIx32, rule->mark,
                      rule->mark_mask);
    }
    ds_put_char(ds, '\n');
}

static char *
format_rules(const struct guard_rule *rules, size_t n)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (n) {
        ds_put_cstr(&ds, "# Written by ovs-monitor-ipsec: what this host "
                    "protects.\n# `ovs-monitor-ipsec --restore-guard` reads "
                    "it at boot.\n");
    }
    for (size_t i = 0; i < n; i++) {
        format_rule(&rules[i], &ds);
    }
    return ds_steal_cstr(&ds);
}

static bool
parse_address(const char *text, struct guard_rule *rule)
{
    struct in6_addr ip6;
    ovs_be32 ip4;

    if (rule->selector.family == AF_INET && ip_parse(text, &ip4)) {
        in6_addr_set_mapped_ipv4(&rule->remote, ip4);
    } else if (rule->selector.family == AF_INET6 && ipv6_parse(text, &ip6)) {
        rule->remote = ip6;
    } else {
        return false;
    }
    return !guard_rule_is_wildcard(rule);
}

static bool
parse_rule(const char *line, struct guard_rule *rule)
{
    char action[8], family[5], address[INET6_ADDRSTRLEN + 1];
    unsigned int proto, port;
    int end = 0;

    memset(rule, 0, sizeof *rule);
    if (!ovs_scan(line, "%7s %4s %u %u%n", action, family, &proto, &port,
                  &end)
        || proto > UINT8_MAX || port > UINT16_MAX
        || (strcmp(family, "ipv4") && strcmp(family, "ipv6"))
        || (strcmp(action, "protect") && strcmp(action, "allow")
            && strcmp(action, "drop"))) {
        return false;
    }
    rule->selector.family = strcmp(family, "ipv4") ? AF_INET6 : AF_INET;
    rule->selector.proto = proto;
    rule->selector.port = port;
    rule->action = (!strcmp(action, "allow") ? GUARD_ALLOW
                    : !strcmp(action, "drop") ? GUARD_DROP
                    : GUARD_PROTECT);
    line += end;
    if (rule->action == GUARD_DROP) {
        return (ovs_scan(line, " 0x%"SCNx32"/0x%"SCNx32"%n", &rule->mark,
                         &rule->mark_mask, &end)
                && !line[end] && rule->mark_mask);
    }
    if (!*line) {
        return rule->action == GUARD_PROTECT;
    }
    return (ovs_scan(line, " %46s%n", address, &end) && !line[end]
            && parse_address(address, rule));
}

static void
add_rule(struct guard_rule **rules, size_t *n, size_t *allocated,
         const struct guard_rule *rule)
{
    if (*n >= *allocated) {
        *rules = x2nrealloc(*rules, allocated, sizeof **rules);
    }
    (*rules)[(*n)++] = *rule;
}

static char *
parse_rules(FILE *file, const char *path, struct guard_rule **rules,
            size_t *n)
{
    struct ds line = DS_EMPTY_INITIALIZER;
    size_t allocated = 0;
    char *error = NULL;

    for (int i = 1; !ds_get_line(&line, file); i++) {
        struct guard_rule rule;

        if (!*ds_cstr(&line) || *ds_cstr(&line) == '#') {
            continue;
        }
        if (parse_rule(ds_cstr(&line), &rule)) {
            add_rule(rules, n, &allocated, &rule);
        } else if (!error) {
            error = xasprintf("%s:%d: this is no rule of the guard", path, i);
        }
    }
    ds_destroy(&line);
    return error;
}

/* Reads the file at 'path' into '*rules', an array of '*n' that the caller
 * frees, normalized.  No file means no rules.  Returns null, or what is wrong,
 * in words, which the caller frees; what could be read is there all the same,
 * because a damaged file is no reason to leave a host open. */
char *
guard_store_read(const char *path, struct guard_rule **rules, size_t *n)
{
    FILE *file = fopen(path, "re");
    char *error;

    *rules = NULL;
    *n = 0;
    if (!file) {
        return (errno == ENOENT ? NULL
                : xasprintf("%s: cannot be read (%s)", path,
                            ovs_strerror(errno)));
    }
    error = parse_rules(file, path, rules, n);
    if (ferror(file) && !error) {
        error = xasprintf("%s: cannot be read (%s)", path,
                          ovs_strerror(errno));
    }
    fclose(file);
    guard_rules_normalize(*rules, n);
    return error;
}

/* The thread. */

static int
replace(const char *path, const char *contents)
{
    char *tmp = xasprintf("%s.tmp", path);
    int error = new_file_write(tmp, contents, strlen(contents), true);

    if (!error && rename(tmp, path)) {
        error = errno;
    }
    if (error) {
        unlink(tmp);
    }
    free(tmp);
    return error;
}

/* Makes the file at 'path' be as 'contents'.  Returns null or what is wrong,
 * in words, which the caller frees. */
static char *
carry_out(const char *path, const char *contents)
{
    char *folder = dir_name(path);
    int error = (*contents ? replace(path, contents)
                 : unlink(path) ? errno : 0);

    if (error == ENOENT && !*contents) {
        error = 0;
    } else if (!error) {
        error = new_file_sync_folder(folder, fsync);
    }
    free(folder);
    return (!error ? NULL
            : xasprintf("%s: cannot be %s (%s); a reboot will find this host "
                        "%s until ovs-monitor-ipsec runs", path,
                        *contents ? "written" : "removed",
                        ovs_strerror(error),
                        *contents ? "unprotected" : "protected"));
}

/* Takes the newest wish and its number; null if it has been tried and it is
 * not time to 'retry'.  Returns false if it is time to end. */
static bool
take_wish(struct guard_store *store, bool retry, char **wish,
          uint64_t *number)
{
    ovs_mutex_lock(&store->mutex);
    bool untried = store->tried != store->wished;
    bool go_on = untried || !store->exiting;

    *number = store->wished;
    *wish = go_on && (untried || retry) ? xstrdup(store->wish) : NULL;
    ovs_mutex_unlock(&store->mutex);
    return go_on;
}

static void
put_outcome(struct guard_store *store, uint64_t number, char *error)
{
    ovs_mutex_lock(&store->mutex);
    store->tried = number;
    free(store->outcome);
    store->outcome = error;
    ovs_mutex_unlock(&store->mutex);
    seq_change(store->progress);
}

static void *
guard_store_main(void *store_)
{
    struct guard_store *store = store_;
    long long int retry_at = LLONG_MAX;

    for (;;) {
        uint64_t work = seq_read(store->work);
        uint64_t number;
        char *wish;

        if (!take_wish(store, time_msec() >= retry_at, &wish, &number)) {
            return NULL;
        }
        if (wish) {
            char *error = carry_out(store->path, wish);

            retry_at = error ? time_msec() + RETRY_INTERVAL : LLONG_MAX;
            put_outcome(store, number, error);
            free(wish);
            continue;
        }
        seq_wait(store->work, work);
        poll_timer_wait_until(retry_at);
        poll_block();
    }
}

/* The main thread. */

/* Returns a new store in the file 'path', for the caller to free with
 * guard_store_close().  The file is left as it is until guard_store_set().
 * Starts a thread, so this must come after daemonize_start(). */
struct guard_store *
guard_store_open(const char *path)
{
    struct guard_store *store = xzalloc(sizeof *store);

    store->path = xstrdup(path);
    store->work = seq_create();
    store->progress = seq_create();
    store->last_progress = seq_read(store->progress);
    ovs_mutex_init(&store->mutex);
    store->thread = ovs_thread_create("guard_store", guard_store_main, store);
    return store;
}

/* Carries out the last wish, once, waits for that, and frees 'store', which
 * may be null. */
void
guard_store_close(struct guard_store *store)
{
    if (!store) {
        return;
    }
    ovs_mutex_lock(&store->mutex);
    store->exiting = true;
    ovs_mutex_unlock(&store->mutex);
    seq_change(store->work);
    xpthread_join(store->thread, NULL);

    ovs_mutex_lock(&store->mutex);
    free(store->wish);
    free(store->outcome);
    ovs_mutex_unlock(&store->mutex);
    ovs_mutex_destroy(&store->mutex);
    seq_destroy(store->work);
    seq_destroy(store->progress);
    free(store->error);
    free(store->path);
    free(store);
}

/* Takes over 'wish'. */
static void
set_wish(struct guard_store *store, char *wish)
{
    ovs_mutex_lock(&store->mutex);
    free(store->wish);
    store->wish = wish;
    store->last_wish = ++store->wished;
    ovs_mutex_unlock(&store->mutex);
    seq_change(store->work);
}

/* From now on the file should hold the 'n' of 'rules', or not be there if 'n'
 * is 0. */
void
guard_store_set(struct guard_store *store, const struct guard_rule *rules,
                size_t n)
{
    set_wish(store, format_rules(rules, n));
}

/* Takes over 'error', in words, or null. */
static void
guard_store_set_error(struct guard_store *store, char *error)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    if (error && !nullable_string_is_equal(error, store->error)) {
        VLOG_WARN_RL(&rl, "%s", error);
    }
    free(store->error);
    store->error = error;
}

/* Takes in what the thread did since the last call. */
void
guard_store_run(struct guard_store *store)
{
    uint64_t progress = seq_read(store->progress);

    if (progress != store->last_progress) {
        store->last_progress = progress;
        ovs_mutex_lock(&store->mutex);
        store->last_tried = store->tried;
        char *error = nullable_xstrdup(store->outcome);
        ovs_mutex_unlock(&store->mutex);
        guard_store_set_error(store, error);
    }
}

/* Wakes the poll loop when the thread did something. */
void
guard_store_wait(struct guard_store *store)
{
    seq_wait(store->progress, store->last_progress);
}

/* Returns true if the last wish has been tried, whether or not it was
 * fulfilled. */
bool
guard_store_is_settled(const struct guard_store *store)
{
    return store->last_tried == store->last_wish;
}

/* Returns why the file is not as wished, or null.  The string is good until
 * the next guard_store_run(). */
const char *
guard_store_get_error(const struct guard_store *store)
{
    return store->error;
}
