/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tells when files have changed; see file-watch.h.
 *
 * Only folders are watched: each folder that has a part of the way to a file
 * in it, for the name of that part.  So it does not matter whether the part is
 * a file, a folder or a symbolic link, nor whether it is there already.
 * Whether anything has really changed is decided by what stat() tells. */

#include <config.h>

#include "file-watch.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "sset.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(file_watch);

/* How long, in ms, there must be no change, and after which time one counts
 * although there are more. */
#define SETTLE_TIME 500
#define SETTLE_MAX 5000

/* How often, in ms, files are looked at where inotify does not help. */
#define LOOK_INTERVAL 3000

/* As many symbolic links as the kernel follows; see path_resolution(7). */
#define MAX_LINKS 40

/* Another host may write to these (NFS, SMB, 9P, FUSE, CephFS). */
static const unsigned long int remote_file_systems[] = {
    NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, 0xff534d42, 0xfe534d42, V9FS_MAGIC,
    0x65735546, 0x00c36400,
};

#define EVENTS (IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE      \
                | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF          \
                | IN_MOVE_SELF | IN_ONLYDIR)

struct file_watch {
    struct svec paths;
    int fd;                     /* inotify(7), or -1. */
    struct sset names;          /* "WD/NAME": an event that matters. */
    bool blind;                 /* inotify does not tell all. */
    bool dirty;                 /* It has told of something. */
    char *reported;             /* The stamp that was reported last. */
    char *stamp;                /* The last one seen. */
    long long int changed;      /* ms; since when 'stamp' is not 'reported';
                                 * LLONG_MAX: it is. */
    long long int still;        /* ms; since when 'stamp' is as it is. */
    long long int look;         /* ms; when to look without being told. */
};

/* Returns a watch of no files, which the caller frees. */
struct file_watch *
file_watch_create(void)
{
    struct file_watch *watch = xzalloc(sizeof *watch);

    svec_init(&watch->paths);
    watch->fd = -1;
    sset_init(&watch->names);
    watch->changed = watch->look = LLONG_MAX;
    return watch;
}

static void
close_inotify(struct file_watch *watch)
{
    if (watch->fd >= 0) {
        close(watch->fd);
        watch->fd = -1;
    }
    sset_clear(&watch->names);
}

/* Frees 'watch', which may be null. */
void
file_watch_destroy(struct file_watch *watch)
{
    if (watch) {
        close_inotify(watch);
        svec_destroy(&watch->paths);
        sset_destroy(&watch->names);
        free(watch->reported);
        free(watch->stamp);
        free(watch);
    }
}

/* Stamps: what would differ if a file did. */

static void
put_stat(struct ds *ds, const char *path, struct stat *st)
{
    if (stat(path, st)) {
        memset(st, 0, sizeof *st);
        ds_put_format(ds, "%s: %d\n", path, errno);
        return;
    }
    ds_put_format(ds, "%s: %llx %llx %o %lld %lld.%09ld %lld.%09ld\n", path,
                  (unsigned long long int) st->st_dev,
                  (unsigned long long int) st->st_ino, st->st_mode,
                  (long long int) st->st_size,
                  (long long int) st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                  (long long int) st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static int
is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void
put_path(struct ds *ds, const char *path)
{
    struct dirent **entries;
    struct stat st;
    int n;

    put_stat(ds, path, &st);
    n = S_ISDIR(st.st_mode) ? scandir(path, &entries, is_visible, alphasort)
                            : -1;
    for (int i = 0; i < n; i++) {
        char *name = xasprintf("%s/%s", path, entries[i]->d_name);

        put_stat(ds, name, &st);
        free(name);
        free(entries[i]);
    }
    if (n >= 0) {
        free(entries);
    }
}

static char *
take_stamp(const struct file_watch *watch)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    const char *path;
    size_t i;

    SVEC_FOR_EACH (i, path, &watch->paths) {
        put_path(&ds, path);
    }
    return ds_steal_cstr(&ds);
}

/* inotify. */

static bool
is_remote(const char *dir)
{
    struct statfs fs;

    if (statfs(dir, &fs)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(remote_file_systems); i++) {
        if ((uint32_t) fs.f_type == remote_file_systems[i]) {
            return true;
        }
    }
    return false;
}

/* Watches folder 'dir' for 'name' in it; "*" means all.  Returns false if
 * there is no such folder. */
static bool
watch_name(struct file_watch *watch, const char *dir, const char *name)
{
    int wd = inotify_add_watch(watch->fd, dir, EVENTS);

    if (wd >= 0) {
        sset_add_and_free(&watch->names, xasprintf("%d/%s", wd, name));
        watch->blind = watch->blind || is_remote(dir);
        return true;
    }
    watch->blind = watch->blind || (errno != ENOENT && errno != ENOTDIR);
    return errno != ENOENT && errno != ENOTDIR;
}

/* Returns where symbolic link 'path' points, or null if it is none. */
static char *
read_link(const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target);

    return n > 0 ? xmemdup0(target, n) : NULL;
}

/* Takes the first part off '*rest', a path.  Returns null at its end. */
static char *
take_part(char **rest)
{
    char *start = *rest + strspn(*rest, "/");
    size_t n = strcspn(start, "/");

    *rest = start + n;
    return n ? xmemdup0(start, n) : NULL;
}

/* Watches each folder on the way to 'path', the last one with all in it if
 * that is what 'path' names. */
static void
watch_path(struct file_watch *watch, const char *path)
{
    char *dir = xstrdup(path[0] == '/' ? "/" : ".");
    char *way = xstrdup(path);
    char *rest = way;
    int links = 0;
    char *part;

    while ((part = take_part(&rest)) != NULL) {
        char *full = xasprintf("%s/%s", dir, part);
        char *target = watch_name(watch, dir, part) ? read_link(full) : NULL;

        if (target && ++links <= MAX_LINKS) {
            char *new_way = xasprintf("%s/%s", target, rest);

            if (target[0] == '/') {
                free(dir);
                dir = xstrdup("/");
            }
            free(way);
            rest = way = new_way;
            free(full);
        } else {
            free(dir);
            dir = full;
        }
        free(target);
        free(part);
    }
    watch_name(watch, dir, "*");
    free(dir);
    free(way);
}

static void
watch_all(struct file_watch *watch)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    const char *path;
    size_t i;

    close_inotify(watch);
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    watch->blind = watch->fd < 0;
    if (watch->fd < 0) {
        VLOG_INFO_RL(&rl, "inotify is not to be had (%s): looking at files "
                     "every %d s", ovs_strerror(errno), LOOK_INTERVAL / 1000);
        return;
    }
    SVEC_FOR_EACH (i, path, &watch->paths) {
        watch_path(watch, path);
    }
}

static bool
event_matters(const struct file_watch *watch,
              const struct inotify_event *event)
{
    char name[NAME_MAX + 32];

    if (!event->len || event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT)) {
        return true;
    }
    snprintf(name, sizeof name, "%d/%s", event->wd, event->name);
    if (sset_contains(&watch->names, name)) {
        return true;
    }
    snprintf(name, sizeof name, "%d/*", event->wd);
    return sset_contains(&watch->names, name);
}

static void
read_events(struct file_watch *watch)
{
    char buffer[4096]
        __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n;

    while (watch->fd >= 0
           && (n = read(watch->fd, buffer, sizeof buffer)) > 0) {
        const struct inotify_event *event;

        for (char *p = buffer; p < buffer + n;
             p += sizeof *event + event->len) {
            event = ALIGNED_CAST(const struct inotify_event *, p);
            watch->dirty = watch->dirty || event_matters(watch, event);
        }
    }
}

/* Both together. */

/* Looks at the files.  What changes after this is told of. */
static void
look(struct file_watch *watch)
{
    long long int now = time_msec();
    char *stamp;

    if (watch->dirty || watch->fd < 0) {
        watch->dirty = false;
        watch_all(watch);
    }
    watch->look = watch->blind ? now + LOOK_INTERVAL : LLONG_MAX;

    stamp = take_stamp(watch);
    if (!watch->stamp || strcmp(stamp, watch->stamp)) {
        watch->still = now;
        free(watch->stamp);
        watch->stamp = stamp;
    } else {
        free(stamp);
    }
    if (!watch->reported || !strcmp(watch->reported, watch->stamp)) {
        watch->changed = LLONG_MAX;
    } else if (watch->changed == LLONG_MAX) {
        watch->changed = now;
    }
}

static void
report(struct file_watch *watch)
{
    free(watch->reported);
    watch->reported = xstrdup(watch->stamp);
    watch->changed = LLONG_MAX;
}

/* Watches 'paths', files or folders, from now on and nothing else.  How they
 * are now is no change. */
void
file_watch_set(struct file_watch *watch, const struct svec *paths)
{
    svec_destroy(&watch->paths);
    svec_clone(&watch->paths, paths);
    close_inotify(watch);
    watch->look = LLONG_MAX;
    if (!svec_is_empty(paths)) {
        look(watch);
        report(watch);
    }
}

static long long int
settles_at(const struct file_watch *watch)
{
    return (watch->changed == LLONG_MAX ? LLONG_MAX
            : MIN(watch->still + SETTLE_TIME, watch->changed + SETTLE_MAX));
}

/* Returns true if the files have changed since this was last true, or since
 * file_watch_set(), and are still now. */
bool
file_watch_run(struct file_watch *watch)
{
    long long int now = time_msec();

    read_events(watch);
    if (watch->dirty || now >= watch->look || now >= settles_at(watch)) {
        look(watch);
    }
    if (now < settles_at(watch)) {
        return false;
    }
    report(watch);
    return true;
}

/* Wakes the poll loop when there is something for file_watch_run(). */
void
file_watch_wait(const struct file_watch *watch)
{
    long long int settles = settles_at(watch);

    if (watch->fd >= 0) {
        poll_fd_wait(watch->fd, POLLIN);
    }
    if (watch->look != LLONG_MAX) {
        poll_timer_wait_until(watch->look);
    }
    if (settles != LLONG_MAX) {
        poll_timer_wait_until(settles);
    }
}
