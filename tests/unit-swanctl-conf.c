/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/swanctl-conf, below a folder of its own in the current one. */

#include <config.h>

#include "swanctl-conf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "sset.h"
#include "timeval.h"
#include "unit.h"

/* How long a condition may take to come, in ms, before the test fails. */
#define PATIENCE 20000

static char *dir;               /* The folder that takes swanctl's place. */

/* Returns the path of 'name' below 'dir', good for three more calls. */
static const char *
path_of(const char *name)
{
    static char *paths[4];
    static int next;
    char **path = &paths[next++ % ARRAY_SIZE(paths)];

    free(*path);
    *path = xasprintf("%s/%s", dir, name);
    return *path;
}

static void
put_file(const char *name, const char *contents, mode_t mode)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL, 0600);
    size_t n;

    ovs_assert(fd >= 0 && !fchmod(fd, mode));
    ovs_assert(!write_fully(fd, contents, strlen(contents), &n));
    close(fd);
}

/* Returns the contents of 'name', null if there is no such file.  Good until
 * the next call. */
static const char *
get_file(const char *name)
{
    static char contents[8192];
    int fd = open(path_of(name), O_RDONLY);
    size_t n;

    if (fd < 0) {
        return NULL;
    }
    ovs_assert(read_fully(fd, contents, sizeof contents - 1, &n) == EOF);
    contents[n] = '\0';
    close(fd);
    return contents;
}

static struct stat
get_stat(const char *name)
{
    struct stat s;

    memset(&s, 0, sizeof s);
    lstat(path_of(name), &s);
    return s;
}

static unsigned int
get_mode(const char *name)
{
    return get_stat(name).st_mode & 07777;
}

/* How many files the folder has, with temporary ones. */
static unsigned int
count_entries(const char *name)
{
    char *command = xasprintf("cd '%s' && exit $(ls . .ovs | "
                              "grep -c '[a-z0-9]$')", path_of(name));
    int status = system(command);

    free(command);
    return WEXITSTATUS(status);
}

static void
start_folder(void)
{
    static int n;
    char *cwd = get_cwd();

    free(dir);
    dir = xasprintf("%s/swanctl-conf.%d", cwd, n++);
    free(cwd);
}

static void
wish(struct swanctl_conf *conf, enum swanctl_kind kind, const char *name,
     const char *contents)
{
    swanctl_conf_set(conf, kind, name, contents,
                     contents ? strlen(contents) : 0);
}

/* Lets 'conf' run until all wishes are carried out.  Returns false if that
 * does not happen. */
static bool
settle(struct swanctl_conf *conf)
{
    long long int deadline = time_msec() + PATIENCE;

    while (time_msec() < deadline) {
        swanctl_conf_run(conf);
        if (!swanctl_conf_n_pending(conf)
            && swanctl_conf_found(conf, SWANCTL_KEY)) {
            return true;
        }
        swanctl_conf_wait(conf);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    return false;
}

/* Lets 'conf' run until it has an error that contains 'error'. */
static void
check_error(struct swanctl_conf *conf, const char *error, const char *where)
{
    long long int deadline = time_msec() + PATIENCE;
    const char *got = NULL;

    while (time_msec() < deadline) {
        swanctl_conf_run(conf);
        got = swanctl_conf_get_error(conf);
        if (got && strstr(got, error)) {
            return;
        }
        swanctl_conf_wait(conf);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    unit_check_string(got, error, where, "error");
}
#define CHECK_ERROR(CONF, ERROR) check_error(CONF, ERROR, OVS_SOURCE_LOCATOR)

static long long int
get_cpu_msec(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (timeval_to_msec(&usage.ru_utime)
            + timeval_to_msec(&usage.ru_stime));
}

/* Returns true if the other thread does not keep a CPU busy. */
static bool
thread_waits(void)
{
    long long int end = time_msec() + 100;
    long long int cpu_end = get_cpu_msec() + 25;

    while (time_msec() < end) {
        poll_timer_wait_until(end);
        poll_block();
    }
    return get_cpu_msec() < cpu_end;
}

/* Returns true if nothing wakes this thread. */
static bool
is_idle(struct swanctl_conf *conf)
{
    long long int end = time_msec() + 20;

    swanctl_conf_wait(conf);
    poll_timer_wait_until(end);
    poll_block();
    return time_msec() >= end;
}

static void
test_files(void)
{
    mode_t old_umask = umask(0777);

    start_folder();
    struct swanctl_conf *conf = swanctl_conf_open(dir);
    CHECK(!swanctl_conf_found(conf, SWANCTL_CONNECTION));
    wish(conf, SWANCTL_CONNECTION, "1", "one");
    wish(conf, SWANCTL_CERTIFICATE, "2", "two");
    wish(conf, SWANCTL_KEY, "3", "three");
    wish(conf, SWANCTL_KEY, "empty", "");
    CHECK(settle(conf));
    CHECK_STRING(swanctl_conf_get_error(conf), NULL);
    CHECK(swanctl_conf_is_done(conf, SWANCTL_CONNECTION, "1"));

    CHECK_STRING(get_file("conf.d/ovs-1.conf"), "one");
    CHECK_STRING(get_file("ovs/ovs-2.pem"), "two");
    CHECK_STRING(get_file("private/ovs-3.pem"), "three");
    CHECK_STRING(get_file("private/ovs-empty.pem"), "");
    CHECK(get_mode("conf.d/ovs-1.conf") == 0600);
    CHECK(get_mode("ovs/ovs-2.pem") == 0600);
    CHECK(get_mode("private/ovs-3.pem") == 0600);
    CHECK(get_mode(".") == 0755);
    CHECK(get_mode("conf.d") == 0755);
    CHECK(get_mode("ovs") == 0755);
    CHECK(get_mode("private") == 0700);
    CHECK(get_mode("private/.ovs") == 0700);

    char *path = swanctl_conf_path(conf, SWANCTL_CERTIFICATE, "2");
    CHECK_STRING(path, path_of("ovs/ovs-2.pem"));
    free(path);

    CHECK(is_idle(conf));
    CHECK(thread_waits());

    wish(conf, SWANCTL_CONNECTION, "1", NULL);
    wish(conf, SWANCTL_CONNECTION, "never", NULL);
    CHECK(settle(conf));
    CHECK(count_entries("conf.d") == 0);
    CHECK_STRING(swanctl_conf_get_error(conf), NULL);
    swanctl_conf_close(conf);
    umask(old_umask);
}

/* What was there before. */
static void
test_found(void)
{
    start_folder();
    ovs_assert(!mkdir(dir, 0700) && !mkdir(path_of("conf.d"), 0750));
    put_file("conf.d/ovs-old.conf", "old", 0600);
    put_file("conf.d/ovs-open.conf", "open", 0644);
    put_file("conf.d/ovs-key.token.conf", "token", 0600);
    put_file("conf.d/ovs-.conf", "nameless", 0600);
    put_file("conf.d/mine.conf", "mine", 0600);
    put_file("conf.d/ovs-other.txt", "other", 0644);
    ovs_assert(!mkdir(path_of("conf.d/.ovs"), 0700));
    put_file("conf.d/.ovs/old", "leftover", 0600);
    put_file("conf.d/.mine.tmp", "mine", 0600);
    ovs_assert(!symlink("mine.conf", path_of("conf.d/ovs-link.conf")));

    struct swanctl_conf *conf = swanctl_conf_open(dir);
    wish(conf, SWANCTL_CONNECTION, "new", "new");
    wish(conf, SWANCTL_CONNECTION, "open", "open");
    wish(conf, SWANCTL_CONNECTION, "link", "mine");
    CHECK(settle(conf));

    const struct sset *found = swanctl_conf_found(conf, SWANCTL_CONNECTION);
    CHECK(sset_count(found) == 3);
    CHECK(sset_contains(found, "old"));
    CHECK(sset_contains(found, "open"));
    CHECK(sset_contains(found, "link"));
    CHECK(sset_is_empty(swanctl_conf_found(conf, SWANCTL_CERTIFICATE)));
    CHECK(sset_is_empty(swanctl_conf_found(conf, SWANCTL_KEY)));
    found = swanctl_conf_found(conf, SWANCTL_TOKEN);
    CHECK(sset_count(found) == 1 && sset_contains(found, "key"));

    CHECK_STRING(get_file("conf.d/ovs-old.conf"), "old");
    CHECK_STRING(get_file("conf.d/mine.conf"), "mine");
    CHECK_STRING(get_file("conf.d/ovs-other.txt"), "other");
    CHECK_STRING(get_file("conf.d/.mine.tmp"), "mine");
    CHECK_STRING(get_file("conf.d/.ovs/old"), NULL);
    CHECK(get_mode("conf.d/ovs-open.conf") == 0600);
    CHECK(S_ISREG(get_stat("conf.d/ovs-link.conf").st_mode));
    CHECK_STRING(get_file("conf.d/ovs-link.conf"), "mine");
    CHECK(get_mode("conf.d") == 0750);
    swanctl_conf_close(conf);
}

/* A file is replaced by another, and not when it is as it should be. */
static void
test_replace(void)
{
    start_folder();
    struct swanctl_conf *conf = swanctl_conf_open(dir);
    wish(conf, SWANCTL_CONNECTION, "1", "one");
    CHECK(settle(conf));
    struct stat first = get_stat("conf.d/ovs-1.conf");

    wish(conf, SWANCTL_CONNECTION, "1", "one");
    CHECK(settle(conf));
    struct stat second = get_stat("conf.d/ovs-1.conf");
    CHECK(first.st_ino == second.st_ino);
    CHECK(first.st_ctim.tv_nsec == second.st_ctim.tv_nsec);

    /* Still open: the old file stays as it was. */
    int fd = open(path_of("conf.d/ovs-1.conf"), O_RDONLY);
    wish(conf, SWANCTL_CONNECTION, "1", "eno");
    CHECK(settle(conf));
    CHECK_STRING(get_file("conf.d/ovs-1.conf"), "eno");
    char old[4] = "";
    CHECK(read(fd, old, 3) == 3);
    CHECK_STRING(old, "one");
    close(fd);

    wish(conf, SWANCTL_CONNECTION, "1", "en");
    CHECK(settle(conf));
    CHECK_STRING(get_file("conf.d/ovs-1.conf"), "en");
    swanctl_conf_close(conf);
}

/* The last wish counts, and closing carries it out. */
static void
test_last_wish(void)
{
    start_folder();
    struct swanctl_conf *conf = swanctl_conf_open(dir);
    for (int i = 0; i < 1000; i++) {
        struct ds name = DS_EMPTY_INITIALIZER;

        ds_put_format(&name, "%d", i % 10);
        wish(conf, SWANCTL_CONNECTION, ds_cstr(&name),
             i % 3 ? ds_cstr(&name) : NULL);
        ds_destroy(&name);
    }
    wish(conf, SWANCTL_CONNECTION, "0", "first");
    wish(conf, SWANCTL_CONNECTION, "0", NULL);
    wish(conf, SWANCTL_CONNECTION, "0", "last");
    wish(conf, SWANCTL_CONNECTION, "1", NULL);
    swanctl_conf_close(conf);

    CHECK_STRING(get_file("conf.d/ovs-0.conf"), "last");
    CHECK_STRING(get_file("conf.d/ovs-1.conf"), NULL);
    for (int i = 990; i < 1000; i++) {
        char name[] = "conf.d/ovs-0.conf";

        name[strlen("conf.d/ovs-")] = '0' + i % 10;
        if (i % 10 > 1) {
            CHECK(!get_file(name) == !(i % 3));
        }
    }
}

static void
limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = MIN(bytes, limit.rlim_max);
    setrlimit(RLIMIT_FSIZE, &limit);
}

/* Returns a text of 2000 bytes. */
static const char *
get_large(void)
{
    static char large[2001];

    memset(large, 'x', sizeof large - 1);
    return large;
}

/* Wishes that come while the thread carries out older ones, which fail or
 * not. */
static void
check_busy(const char *one, const char *other)
{
    start_folder();
    struct swanctl_conf *conf = swanctl_conf_open(dir);
    CHECK(settle(conf));
    for (int i = 0; i < 20; i++) {
        long long int end = time_msec() + 5;

        do {
            wish(conf, SWANCTL_CONNECTION, "1", one);
            wish(conf, SWANCTL_CONNECTION, "1", other);
        } while (time_msec() < end);
        wish(conf, SWANCTL_CONNECTION, "1", one);
        CHECK(settle(conf));
        CHECK_STRING(get_file("conf.d/ovs-1.conf"), one);
    }
    swanctl_conf_close(conf);
}

/* More than one batch. */
static void
test_many(void)
{
    start_folder();
    struct swanctl_conf *conf = swanctl_conf_open(dir);
    for (int i = 0; i < 2000; i++) {
        char *name = xasprintf("%d", i);
        wish(conf, SWANCTL_CONNECTION, name, name);
        free(name);
    }
    CHECK(settle(conf));
    CHECK_STRING(get_file("conf.d/ovs-0.conf"), "0");
    CHECK_STRING(get_file("conf.d/ovs-1999.conf"), "1999");
    for (int i = 0; i < 2000; i++) {
        char *name = xasprintf("%d", i);
        wish(conf, SWANCTL_CONNECTION, name, NULL);
        free(name);
    }
    CHECK(settle(conf));
    CHECK(count_entries("conf.d") == 0);
    swanctl_conf_close(conf);
}

/* As when the disk is full: 'n' files of 2000 bytes cannot be written, one
 * of 3 can. */
static void
check_full(int n)
{
    const char *large = get_large();

    start_folder();
    struct swanctl_conf *conf = swanctl_conf_open(dir);
    wish(conf, SWANCTL_CONNECTION, "0", "old");
    CHECK(settle(conf));

    limit_file_size(1000);
    for (int i = 0; i < n; i++) {
        char *name = xasprintf("%d", i);
        wish(conf, SWANCTL_CONNECTION, name, large);
        free(name);
    }
    wish(conf, SWANCTL_CONNECTION, "small", "new");
    CHECK_ERROR(conf, "ovs-0.conf: cannot be written (File too large)");
    CHECK_STRING(get_file("conf.d/ovs-0.conf"), "old");
    CHECK(!swanctl_conf_is_done(conf, SWANCTL_CONNECTION, "0"));
    while (!swanctl_conf_is_done(conf, SWANCTL_CONNECTION, "small")) {
        swanctl_conf_run(conf);
        swanctl_conf_wait(conf);
        poll_block();
    }
    CHECK_STRING(get_file("conf.d/ovs-small.conf"), "new");
    while (swanctl_conf_n_pending(conf) > n) {
        swanctl_conf_run(conf);
        swanctl_conf_wait(conf);
        poll_block();
    }
    CHECK(count_entries("conf.d") == 2);
    CHECK(thread_waits());
    limit_file_size(RLIM_INFINITY);

    /* It is tried again by itself. */
    CHECK(settle(conf));
    CHECK_STRING(swanctl_conf_get_error(conf), NULL);
    CHECK_STRING(get_file("conf.d/ovs-0.conf"), large);
    CHECK(count_entries("conf.d") == n + 1);
    swanctl_conf_close(conf);
}

/* A newer wish is tried at once. */
static void
test_full_override(void)
{
    const char *large = get_large();

    start_folder();
    struct swanctl_conf *conf = swanctl_conf_open(dir);
    limit_file_size(1000);
    wish(conf, SWANCTL_CONNECTION, "0", large);
    CHECK_ERROR(conf, "File too large");
    wish(conf, SWANCTL_CONNECTION, "0", "small");
    CHECK(settle(conf));
    CHECK_STRING(get_file("conf.d/ovs-0.conf"), "small");
    CHECK_STRING(swanctl_conf_get_error(conf), NULL);

    /* Closing does not wait for what cannot be. */
    wish(conf, SWANCTL_CONNECTION, "0", large);
    swanctl_conf_close(conf);
    CHECK_STRING(get_file("conf.d/ovs-0.conf"), "small");
    limit_file_size(RLIM_INFINITY);
}

/* A file where a folder should be: nothing is found, nothing is written,
 * until somebody mends it. */
static void
test_bad_folder(void)
{
    start_folder();
    ovs_assert(!mkdir(dir, 0755));
    put_file("private", "", 0600);
    struct swanctl_conf *conf = swanctl_conf_open(dir);
    wish(conf, SWANCTL_KEY, "1", "one");
    CHECK_ERROR(conf, "private: cannot read this folder (Not a directory)");
    CHECK(!swanctl_conf_found(conf, SWANCTL_CONNECTION));
    CHECK(!swanctl_conf_is_done(conf, SWANCTL_KEY, "1"));

    ovs_assert(!unlink(path_of("private")));
    CHECK(settle(conf));
    CHECK_STRING(get_file("private/ovs-1.pem"), "one");
    CHECK_STRING(swanctl_conf_get_error(conf), NULL);
    swanctl_conf_close(conf);

    /* The same for good: closing gives up. */
    start_folder();
    ovs_assert(!mkdir(dir, 0755));
    put_file("private", "", 0600);
    conf = swanctl_conf_open(dir);
    wish(conf, SWANCTL_KEY, "1", "one");
    swanctl_conf_close(conf);
    CHECK(get_mode("private") == 0600);
}

/* A folder where a file should be. */
static void
test_bad_file(void)
{
    start_folder();
    ovs_assert(!mkdir(dir, 0755) && !mkdir(path_of("conf.d"), 0755)
               && !mkdir(path_of("conf.d/ovs-1.conf"), 0755));
    struct swanctl_conf *conf = swanctl_conf_open(dir);
    wish(conf, SWANCTL_CONNECTION, "1", "one");
    CHECK_ERROR(conf, "ovs-1.conf: cannot be replaced (Is a directory)");
    CHECK(count_entries("conf.d") == 1);
    wish(conf, SWANCTL_CONNECTION, "1", NULL);
    CHECK_ERROR(conf, "ovs-1.conf: cannot be removed (Is a directory)");
    swanctl_conf_close(conf);
}

void
unit_swanctl_conf(void)
{
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    signal(SIGXFSZ, SIG_IGN);
    test_files();
    test_found();
    test_replace();
    test_last_wish();
    check_busy("one", "two");
    check_busy("one", NULL);
    limit_file_size(1000);
    check_busy("one", get_large());
    limit_file_size(RLIM_INFINITY);
    test_many();
    check_full(1);
    check_full(100);
    test_full_override();
    test_bad_folder();
    test_bad_file();
    swanctl_conf_close(NULL);
    free(dir);
}
