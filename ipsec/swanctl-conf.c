/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The store of the files that swanctl reads; see swanctl-conf.h.
 *
 * It is a table of wishes that are not carried out yet.  The main
 * thread adds wishes, a thread of our own takes them out in batches: a batch
 * is written to temporary files, brought to the disk by one syncfs(), and
 * renamed, because fsync() of each of 1,000 files takes 10 times as long
 * (0.5 against 5 ms a file on ext4). */

#include <config.h>

#include "swanctl-conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "latch.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "seq.h"
#include "socket-util.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"

#include "new-file.h"
#include "secret.h"

VLOG_DEFINE_THIS_MODULE(swanctl_conf);

/* How many files one batch has at most, and from how many on one syncfs(),
 * which also waits for what other programs have written, is quicker. */
#define BATCH_MAX 1024
#define BATCH_SYNCFS 8

/* After a failure, in ms. */
#define BACKOFF_MIN 1000
#define BACKOFF_MAX 64000

/* In the same folder as connections, whose names have no dot. */
#define TOKEN_SUFFIX ".token.conf"

static const struct {
    const char *folder;
    const char *suffix;
    mode_t mode;                /* Of a new folder, as strongSwan's are. */
} kinds[SWANCTL_N_KINDS] = {
    [SWANCTL_CONNECTION] = { "conf.d", ".conf", 0755 },
    [SWANCTL_CERTIFICATE] = { "ovs", ".pem", 0755 },
    [SWANCTL_KEY] = { "private", ".pem", 0700 },
    [SWANCTL_CRL] = { "x509crl", ".pem", 0755 },
    [SWANCTL_TOKEN] = { "conf.d", TOKEN_SUFFIX, 0755 },
};
#define PREFIX "ovs-"
/* Where, in each of the folders, temporary files are, so that they are on the
 * same file system and get the same labels as what they replace.  swanctl
 * does not look into folders, but does load hidden files from "private". */
#define TMP_FOLDER ".ovs"

/* One file that is not yet as it should be. */
struct conf_file {
    struct ovs_list node;       /* In 'ready', 'failed' or a batch. */
    enum swanctl_kind kind;
    char *path;
    char *tmp;                  /* Path of the temporary file. */
    char *data;                 /* Null: there should be no file. */
    size_t length;
    bool in_batch;              /* The writer has it; only 'again' may
                                 * change. */
    struct conf_file *again;    /* A newer wish that came meanwhile. */
    char *error;                /* Why the last attempt failed. */
};

struct swanctl_conf {
    char *dir;
    pthread_t thread;
    struct latch work;          /* Set when the thread has something to do. */
    struct seq *progress;       /* Changes when the thread did something. */

    struct ovs_mutex mutex;
    struct shash files OVS_GUARDED;     /* "struct conf_file"s by path. */
    struct ovs_list ready OVS_GUARDED;  /* To be done. */
    struct ovs_list failed OVS_GUARDED; /* To be done at 'retry_at'. */
    bool exiting OVS_GUARDED;
    bool scanned OVS_GUARDED;   /* 'found' is final. */
    char *scan_error OVS_GUARDED;

    /* The thread's until 'scanned', then everybody's to read. */
    struct sset found[SWANCTL_N_KINDS];

    /* The thread's only. */
    long long int retry_at;
    long long int backoff;

    /* The main thread's only, as of the last run. */
    uint64_t last_progress;
    bool is_scanned;
    bool more;                  /* The thread has not been told of all
                                 * wishes. */
    char *error;
};

static void *swanctl_conf_main(void *);

/* Returns a new store of files below 'dir', strongSwan's swanctl folder,
 * which is created if need be.  The caller frees it with
 * swanctl_conf_close().  Starts a thread, so this must come after
 * daemonize_start(). */
struct swanctl_conf *
swanctl_conf_open(const char *dir)
{
    struct swanctl_conf *conf = xzalloc(sizeof *conf);

    conf->dir = xstrdup(dir);
    latch_init(&conf->work);
    conf->progress = seq_create();
    conf->last_progress = seq_read(conf->progress);
    ovs_mutex_init(&conf->mutex);
    shash_init(&conf->files);
    ovs_list_init(&conf->ready);
    ovs_list_init(&conf->failed);
    for (int i = 0; i < SWANCTL_N_KINDS; i++) {
        sset_init(&conf->found[i]);
    }
    conf->backoff = BACKOFF_MIN;
    conf->thread = ovs_thread_create("swanctl_conf", swanctl_conf_main, conf);
    return conf;
}

static void
conf_file_destroy(struct conf_file *file)
{
    if (file) {
        conf_file_destroy(file->again);
        free(file->path);
        free(file->tmp);
        secret_free_block(file->data, file->length);
        free(file->error);
        free(file);
    }
}

/* Carries out the wishes that are left, once, waits for that, and frees
 * 'conf', which may be null. */
void
swanctl_conf_close(struct swanctl_conf *conf)
{
    if (!conf) {
        return;
    }

    ovs_mutex_lock(&conf->mutex);
    conf->exiting = true;
    ovs_mutex_unlock(&conf->mutex);
    latch_set(&conf->work);
    xpthread_join(conf->thread, NULL);

    struct shash_node *node;
    ovs_mutex_lock(&conf->mutex);
    SHASH_FOR_EACH (node, &conf->files) {
        VLOG_WARN("%s: giving up, this is not as it should be", node->name);
        conf_file_destroy(node->data);
    }
    shash_destroy(&conf->files);
    free(conf->scan_error);
    ovs_mutex_unlock(&conf->mutex);
    for (int i = 0; i < SWANCTL_N_KINDS; i++) {
        sset_destroy(&conf->found[i]);
    }
    ovs_mutex_destroy(&conf->mutex);
    latch_destroy(&conf->work);
    seq_destroy(conf->progress);
    free(conf->error);
    free(conf->dir);
    free(conf);
}

/* Returns the first failure among the wishes, in words, or null. */
static const char *
swanctl_conf_get_error__(const struct swanctl_conf *conf)
    OVS_REQUIRES(conf->mutex)
{
    if (conf->scan_error) {
        return conf->scan_error;
    }
    return (ovs_list_is_empty(&conf->failed) ? NULL
            : CONTAINER_OF(ovs_list_front(&conf->failed), struct conf_file,
                           node)->error);
}

/* Has the thread begin with the wishes since the last call, and takes in what
 * it did.  As many as possible begin at once, because bringing one file to the
 * disk takes nearly as long as bringing 1,000. */
void
swanctl_conf_run(struct swanctl_conf *conf)
{
    uint64_t progress = seq_read(conf->progress);

    if (conf->more) {
        conf->more = false;
        latch_set(&conf->work);
    }
    if (progress != conf->last_progress) {
        conf->last_progress = progress;

        ovs_mutex_lock(&conf->mutex);
        conf->is_scanned = conf->scanned;
        free(conf->error);
        conf->error = nullable_xstrdup(swanctl_conf_get_error__(conf));
        ovs_mutex_unlock(&conf->mutex);
    }
}

/* Makes poll_block() wake when there is something for swanctl_conf_run(). */
void
swanctl_conf_wait(struct swanctl_conf *conf)
{
    if (conf->more) {
        poll_immediate_wake();
    }
    seq_wait(conf->progress, conf->last_progress);
}

/* Returns the path of the file 'name' of 'kind', for use in a connection.
 * The caller frees it. */
char *
swanctl_conf_path(const struct swanctl_conf *conf, enum swanctl_kind kind,
                  const char *name)
{
    return xasprintf("%s/%s/"PREFIX"%s%s", conf->dir, kinds[kind].folder,
                     name, kinds[kind].suffix);
}

/* Puts 'file' where the thread finds it. */
static void
swanctl_conf_add(struct swanctl_conf *conf, struct conf_file *file)
    OVS_REQUIRES(conf->mutex)
{
    struct conf_file *old = shash_find_data(&conf->files, file->path);

    if (old && old->in_batch) {
        conf_file_destroy(old->again);
        old->again = file;
        return;
    }
    if (old) {
        ovs_list_remove(&old->node);
        conf_file_destroy(old);
    }
    shash_replace(&conf->files, file->path, file);
    ovs_list_push_back(&conf->ready, &file->node);
}

/* From now on the file 'name' of 'kind' should have the 'length' bytes at
 * 'data', which are copied, or not be there, if 'data' is null.  'name' is
 * without prefix and suffix and must have no '/' in it.
 *
 * A newer wish for the same file overrides one that is not carried out yet.
 * A failure is logged, shown by swanctl_conf_get_error(), and tried again
 * after 1 to 64 s; a newer wish is tried at once.  Wishing for what is there
 * already writes nothing. */
void
swanctl_conf_set(struct swanctl_conf *conf, enum swanctl_kind kind,
                 const char *name, const void *data, size_t length)
{
    struct conf_file *file = xmalloc(sizeof *file);

    ovs_assert(!strchr(name, '/'));
    *file = (struct conf_file) {
        .kind = kind,
        .path = swanctl_conf_path(conf, kind, name),
        .tmp = xasprintf("%s/%s/"TMP_FOLDER"/%s", conf->dir,
                         kinds[kind].folder, name),
        .data = data ? xmemdup(data, MAX(length, 1)) : NULL,
        .length = length,
    };

    ovs_mutex_lock(&conf->mutex);
    swanctl_conf_add(conf, file);
    ovs_mutex_unlock(&conf->mutex);
    conf->more = true;
}

/* Returns true if the last wish for the file 'name' of 'kind' has been
 * carried out, or there was none. */
bool
swanctl_conf_is_done(const struct swanctl_conf *conf, enum swanctl_kind kind,
                     const char *name)
{
    char *path = swanctl_conf_path(conf, kind, name);

    ovs_mutex_lock(&conf->mutex);
    bool done = !shash_find(&conf->files, path);
    ovs_mutex_unlock(&conf->mutex);

    free(path);
    return done;
}

/* Returns how many files are not as wished. */
size_t
swanctl_conf_n_pending(const struct swanctl_conf *conf)
{
    ovs_mutex_lock(&conf->mutex);
    size_t n = shash_count(&conf->files);
    ovs_mutex_unlock(&conf->mutex);

    return n;
}

/* Returns null when all is well, otherwise, in words that begin with a path,
 * the first failure that lasts.  Good until the next swanctl_conf_run(). */
const char *
swanctl_conf_get_error(const struct swanctl_conf *conf)
{
    return conf->error;
}

/* Returns the names, as swanctl_conf_set() takes them, of the files of 'kind'
 * that were there when swanctl_conf_open() was called, or null while the
 * folders have not been read.  Good until swanctl_conf_close().  Whoever
 * calls decides which of them nobody wishes any more. */
const struct sset *
swanctl_conf_found(const struct swanctl_conf *conf, enum swanctl_kind kind)
{
    return conf->is_scanned ? &conf->found[kind] : NULL;
}

/* The thread: folders. */

/* Returns the path of the folder of 'kind'.  The caller frees it. */
static char *
get_folder(const struct swanctl_conf *conf, enum swanctl_kind kind)
{
    return xasprintf("%s/%s", conf->dir, kinds[kind].folder);
}

/* Creates folder 'path' with 'mode', whatever the umask is, if it is not
 * there.  Returns 0 or a positive errno. */
static int
make_folder(const char *path, mode_t mode)
{
    if (mkdir(path, mode)) {
        return errno == EEXIST ? 0 : errno;
    }
    VLOG_INFO("created %s", path);
    return chmod(path, mode) ? errno : 0;
}

/* If 'name' begins with 'prefix' and ends with 'suffix', returns what stands
 * between, which the caller frees, otherwise null. */
static char *
strip(const char *name, const char *prefix, const char *suffix)
{
    size_t overhead = strlen(prefix) + strlen(suffix);
    size_t length = strlen(name);

    if (length <= overhead || strncmp(name, prefix, strlen(prefix))
        || strcmp(name + length - strlen(suffix), suffix)) {
        return NULL;
    }
    return xmemdup0(name + strlen(prefix), length - overhead);
}

/* Calls 'cb' with each entry of the folder 'path', creating it with 'mode' if
 * need be.  Returns 0 or a positive errno. */
static int
read_folder(const char *path, mode_t mode,
            void (*cb)(int dir_fd, const char *entry, void *aux), void *aux)
{
    int error = make_folder(path, mode);
    DIR *dir = error ? NULL : opendir(path);

    if (!dir) {
        return error ? error : errno;
    }

    struct dirent *entry;
    while (errno = 0, (entry = readdir(dir)) != NULL) {
        cb(dirfd(dir), entry->d_name, aux);
    }
    error = errno;
    closedir(dir);
    return error;
}

struct scan {
    struct sset *found;
    const char *suffix;
};

/* Notes 'entry' if it is a file of ours. */
static void
scan_entry(int dir_fd OVS_UNUSED, const char *entry, void *scan_)
{
    struct scan *scan = scan_;
    char *name = strip(entry, PREFIX, scan->suffix);

    if (name && !strchr(name, '.')) {
        sset_add(scan->found, name);
    }
    free(name);
}

/* Removes 'entry', a temporary file that a crash left. */
static void
remove_entry(int dir_fd, const char *entry, void *aux OVS_UNUSED)
{
    if (strcmp(entry, ".") && strcmp(entry, "..")) {
        unlinkat(dir_fd, entry, 0);
    }
}

/* Reads the folder 'path' of 'kind' and tidies it up.  Returns 0 or a positive
 * errno. */
static int
scan_folder(struct swanctl_conf *conf, enum swanctl_kind kind,
            const char *path)
{
    struct scan scan = { &conf->found[kind], kinds[kind].suffix };
    int error = read_folder(path, kinds[kind].mode, scan_entry, &scan);

    if (!error) {
        char *tmp = xasprintf("%s/"TMP_FOLDER, path);

        error = read_folder(tmp, 0700, remove_entry, NULL);
        free(tmp);
    }
    return error;
}

/* Reads all folders.  Returns null, or what went wrong, which the caller
 * frees. */
static char *
scan_folders(struct swanctl_conf *conf)
{
    int error = make_folder(conf->dir, 0755);

    if (error) {
        return xasprintf("%s: cannot create this folder (%s)", conf->dir,
                         ovs_strerror(error));
    }
    for (int kind = 0; kind < SWANCTL_N_KINDS; kind++) {
        char *path = get_folder(conf, kind);
        char *words = NULL;

        error = scan_folder(conf, kind, path);
        if (error) {
            words = xasprintf("%s: cannot read this folder (%s)", path,
                              ovs_strerror(error));
        }
        free(path);
        if (words) {
            return words;
        }
    }
    return NULL;
}

/* The thread: files. */

static void OVS_PRINTF_FORMAT(2, 3)
conf_file_fail(struct conf_file *file, const char *format, ...)
{
    va_list args;

    if (!file->error) {
        va_start(args, format);
        file->error = xvasprintf(format, args);
        va_end(args);
    }
}

/* Returns true if the open file 'fd' has the contents and mode that 'file'
 * should have. */
static bool
fd_is_as_wished(int fd, const struct conf_file *file)
{
    struct stat s;

    if (fstat(fd, &s) || !S_ISREG(s.st_mode) || (s.st_mode & 07777) != 0600
        || s.st_size != file->length) {
        return false;
    }

    char *contents = xmalloc(MAX(file->length, 1));
    size_t n;
    bool equal = (!read_fully(fd, contents, file->length, &n)
                  && !memcmp(contents, file->data, file->length));
    free(contents);
    return equal;
}

static bool
is_as_wished(const struct conf_file *file)
{
    int fd = open(file->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        return !file->data && errno == ENOENT;
    }

    bool same = file->data && fd_is_as_wished(fd, file);
    close(fd);
    return same;
}

/* First half: everything but what replaces the old file. */
static void
conf_file_prepare(struct conf_file *file, bool sync)
{
    int error = (file->data
                 ? new_file_write(file->tmp, file->data, file->length, sync)
                 : 0);

    if (error) {
        conf_file_fail(file, "%s: cannot be written (%s)", file->path,
                       ovs_strerror(error));
    }
}

/* Second half: replaces or removes the old file.  After a failure in either,
 * removes the temporary one. */
static void
conf_file_commit(struct conf_file *file)
{
    if (file->error) {
        /* Nothing to do but tidying up. */
    } else if (file->data) {
        if (rename(file->tmp, file->path)) {
            conf_file_fail(file, "%s: cannot be replaced (%s)", file->path,
                           ovs_strerror(errno));
        }
    } else if (unlink(file->path) && errno != ENOENT) {
        conf_file_fail(file, "%s: cannot be removed (%s)", file->path,
                       ovs_strerror(errno));
    }
    if (file->error && file->data) {
        unlink(file->tmp);
    }
}

/* Does 'function', fsync() or syncfs(), to the folder of 'kind'.  Returns 0
 * or a positive errno. */
static int
sync_folder(const struct swanctl_conf *conf, enum swanctl_kind kind,
            int (*function)(int fd))
{
    char *path = get_folder(conf, kind);
    int error = new_file_sync_folder(path, function);

    free(path);
    return error;
}

/* Does 'function' to each folder that has a file of 'batch'; files whose
 * folder fails, fail. */
static void
sync_folders(const struct swanctl_conf *conf, struct ovs_list *batch,
             int (*function)(int fd))
{
    int errors[SWANCTL_N_KINDS] = { -1, -1, -1, -1, -1 }; /* Not done yet. */
    struct conf_file *file;

    LIST_FOR_EACH (file, node, batch) {
        int *error = &errors[file->kind];

        if (*error < 0) {
            *error = sync_folder(conf, file->kind, function);
        }
        if (*error) {
            conf_file_fail(file, "%s: cannot be brought to the disk (%s)",
                           file->path, ovs_strerror(*error));
        }
    }
}

/* Takes out of 'batch' what is as wished, puts that into 'done', and clears
 * the errors of the rest. */
static void
skip_done(struct ovs_list *batch, struct ovs_list *done)
{
    struct conf_file *file, *next;

    LIST_FOR_EACH_SAFE (file, next, node, batch) {
        free(file->error);
        file->error = NULL;
        if (is_as_wished(file)) {
            ovs_list_remove(&file->node);
            ovs_list_push_back(done, &file->node);
        }
    }
}

/* Carries out the wishes in 'batch'; those that failed have an 'error' then.
 * First all contents are on the disk, then they get their names, then the
 * names are on the disk. */
static void
write_batch(const struct swanctl_conf *conf, struct ovs_list *batch)
{
    struct ovs_list done = OVS_LIST_INITIALIZER(&done);
    struct conf_file *file;

    skip_done(batch, &done);

    bool many = ovs_list_size(batch) >= BATCH_SYNCFS;
    LIST_FOR_EACH (file, node, batch) {
        conf_file_prepare(file, !many);
    }
    if (many) {
        sync_folders(conf, batch, syncfs);
    }
    LIST_FOR_EACH (file, node, batch) {
        conf_file_commit(file);
    }
    sync_folders(conf, batch, fsync);

    ovs_list_push_back_all(batch, &done);
}

/* The thread: what is to be done. */

/* Sets when to try again, if something 'failed'.  What fails while the next
 * time is still to come changes nothing, so that many failures at once do not
 * make it late. */
static void
set_retry(struct swanctl_conf *conf, bool failed)
{
    long long int now = time_msec();

    if (!failed) {
        conf->backoff = BACKOFF_MIN;
    } else if (now >= conf->retry_at) {
        conf->retry_at = now + conf->backoff;
        conf->backoff = MIN(2 * conf->backoff, BACKOFF_MAX);
    }
}

/* Moves up to BATCH_MAX files into 'batch', which must be empty. */
static void
take_batch(struct swanctl_conf *conf, struct ovs_list *batch)
    OVS_REQUIRES(conf->mutex)
{
    if (!ovs_list_is_empty(&conf->failed) && time_msec() >= conf->retry_at) {
        ovs_list_push_back_all(&conf->ready, &conf->failed);
    }
    for (int i = 0; i < BATCH_MAX && !ovs_list_is_empty(&conf->ready); i++) {
        struct conf_file *file = CONTAINER_OF(
            ovs_list_pop_front(&conf->ready), struct conf_file, node);

        file->in_batch = true;
        ovs_list_push_back(batch, &file->node);
    }
}

/* Puts one file of a batch back to where it belongs now. */
static void
put_back(struct swanctl_conf *conf, struct conf_file *file)
    OVS_REQUIRES(conf->mutex)
{
    struct conf_file *again = file->again;

    file->in_batch = false;
    file->again = NULL;
    if (file->error && !again) {
        ovs_list_push_back(&conf->failed, &file->node);
        return;
    }
    shash_find_and_delete(&conf->files, file->path);
    conf_file_destroy(file);
    if (again) {
        swanctl_conf_add(conf, again);
    }
}

/* Notes what became of 'batch', and empties it. */
static void
finish_batch(struct swanctl_conf *conf, struct ovs_list *batch)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(2, 2);
    struct conf_file *file;
    char *error = NULL;
    size_t n_failed = 0;

    ovs_mutex_lock(&conf->mutex);
    LIST_FOR_EACH_POP (file, node, batch) {
        if (file->error && !n_failed++) {
            error = xstrdup(file->error);
        }
        put_back(conf, file);
    }
    set_retry(conf, !ovs_list_is_empty(&conf->failed));
    ovs_mutex_unlock(&conf->mutex);

    if (n_failed) {
        VLOG_WARN_RL(&rl, "%s; %"PRIuSIZE" files are affected, retrying",
                     error, n_failed);
        free(error);
    }
    seq_change(conf->progress);
}

/* Reads the folders, before which nothing may be written.  Returns true if
 * they have been read. */
static bool
scan(struct swanctl_conf *conf)
{
    char *error = scan_folders(conf);

    if (error) {
        VLOG_WARN("%s, retrying", error);
    }
    set_retry(conf, error);

    ovs_mutex_lock(&conf->mutex);
    free(conf->scan_error);
    conf->scan_error = error;
    conf->scanned = !error;
    ovs_mutex_unlock(&conf->mutex);

    seq_change(conf->progress);
    return !error;
}

/* Blocks the thread until there is something to do or, if 'retry', it is time
 * to try again.  This is no poll_block(), which would complain in the log
 * about how long the disk takes. */
static void
wait_for_work(struct swanctl_conf *conf, bool retry)
{
    struct pollfd pollfd = { .fd = conf->work.fds[0], .events = POLLIN };
    long long int timeout = retry ? conf->retry_at - time_msec() : -1;

    if (!retry || timeout > 0) {
        poll(&pollfd, 1, timeout);
    }
    latch_poll(&conf->work);
}

static bool
is_exiting(struct swanctl_conf *conf)
{
    ovs_mutex_lock(&conf->mutex);
    bool exiting = conf->exiting;
    ovs_mutex_unlock(&conf->mutex);

    return exiting;
}

/* Reads the folders, again and again if need be.  Returns false if it is time
 * to exit before that succeeds. */
static bool
scan_until_done(struct swanctl_conf *conf)
{
    while (!scan(conf)) {
        while (time_msec() < conf->retry_at) {
            if (is_exiting(conf)) {
                return false;
            }
            wait_for_work(conf, true);
        }
    }
    return true;
}

static void *
swanctl_conf_main(void *conf_)
{
    struct swanctl_conf *conf = conf_;

    /* Nothing here is protected by RCU, and nobody shall wait for us. */
    ovsrcu_quiesce_start();

    if (!scan_until_done(conf)) {
        return NULL;
    }
    for (;;) {
        struct ovs_list batch = OVS_LIST_INITIALIZER(&batch);

        ovs_mutex_lock(&conf->mutex);
        take_batch(conf, &batch);
        bool retry = !ovs_list_is_empty(&conf->failed);
        bool exiting = conf->exiting;
        ovs_mutex_unlock(&conf->mutex);

        if (!ovs_list_is_empty(&batch)) {
            write_batch(conf, &batch);
            finish_batch(conf, &batch);
        } else if (exiting) {
            return NULL;
        } else {
            wait_for_work(conf, retry);
        }
    }
}
