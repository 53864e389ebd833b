/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Certificates of peers, read by a thread; see remote-cert.h.
 *
 * The main thread leaves paths to read, the thread leaves what came of each.
 * The thread starts with the first path: most hosts need none. */

#include <config.h>

#include "remote-cert.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "seq.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"
#include "x509.h"

#include "pem-file.h"

VLOG_DEFINE_THIS_MODULE(remote_cert);

#define RETRY_INTERVAL 3000             /* In ms, while there is an error. */
#define PATIENCE 30000                  /* In ms; what takes longer to read
                                         * keeps nobody waiting. */

/* What is known of a file. */
struct entry {
    struct remote_cert *cert;   /* The last good one, or null. */
    char *error;                /* In words, or null. */
    bool known;                 /* It has been read, well or not. */
    bool asked;                 /* It is being read. */
    long long int patience;     /* ms; until when others wait for it. */
};

/* What came of reading one. */
struct outcome {
    struct ovs_list node;       /* In struct remote_certs' 'outcomes'. */
    char *path;
    struct remote_cert *cert;   /* Null on error. */
    char *error;
};

struct remote_certs {
    pthread_t thread;
    bool started;
    struct seq *work;           /* Changes when the thread has to do. */
    struct seq *progress;       /* Changes when there are outcomes. */

    struct ovs_mutex mutex;
    struct sset todo OVS_GUARDED;
    struct ovs_list outcomes OVS_GUARDED;       /* Of "struct outcome". */
    bool exiting OVS_GUARDED;

    /* The main thread's only. */
    struct shash entries;       /* Path -> "struct entry". */
    uint64_t last_progress;
    uint64_t seqno;
    long long int retry_at;     /* ms; LLONG_MAX: nothing to try again. */
};

/* Returns a new reference to 'cert', which may be null. */
struct remote_cert *
remote_cert_ref(struct remote_cert *cert)
{
    if (cert) {
        cert->ref_cnt++;
    }
    return cert;
}

/* Gives up a reference to 'cert', which may be null. */
void
remote_cert_unref(struct remote_cert *cert)
{
    if (cert && !--cert->ref_cnt) {
        free(cert->name);
        free(cert->pem);
        free(cert);
    }
}

/* The thread. */

static char *
parse(const char *path, const struct pem_file *file,
      struct remote_cert **certp)
{
    STACK_OF(X509) *certs;
    char *name = NULL;
    char *error = x509_read_certs(path, file->data, file->size, &certs);

    if (!error) {
        X509 *cert = sk_X509_value(certs, 0);

        error = x509_check_validity(path, cert, time_wall());
        if (!error) {
            error = x509_get_name(path, cert, &name);
        }
        if (!error) {
            *certp = xmalloc(sizeof **certp);
            **certp = (struct remote_cert) {
                .ref_cnt = 1, .name = name, .pem = x509_cert_to_pem(cert),
            };
        }
        x509_free_certs(certs);
    }
    return error;
}

static struct outcome *
load(const char *path)
{
    struct outcome *outcome = xzalloc(sizeof *outcome);
    struct pem_file file;

    outcome->path = xstrdup(path);
    outcome->error = pem_file_read(path, "certificate", "options:remote_cert "
                                   "of the interface", &file);
    if (!outcome->error) {
        outcome->error = parse(path, &file, &outcome->cert);
    }
    pem_file_uninit(&file);
    return outcome;
}

/* Moves what there is to do to 'todo'.  Returns false if it is time to end. */
static bool
take_todo(struct remote_certs *certs, struct sset *todo)
{
    ovs_mutex_lock(&certs->mutex);
    bool go_on = !certs->exiting;
    sset_swap(todo, &certs->todo);
    ovs_mutex_unlock(&certs->mutex);
    return go_on;
}

static void *
remote_certs_main(void *certs_)
{
    struct remote_certs *certs = certs_;
    struct sset todo = SSET_INITIALIZER(&todo);
    const char *path;

    for (;;) {
        uint64_t work_seq = seq_read(certs->work);

        if (!take_todo(certs, &todo)) {
            break;
        }
        SSET_FOR_EACH (path, &todo) {
            struct outcome *outcome = load(path);

            ovs_mutex_lock(&certs->mutex);
            ovs_list_push_back(&certs->outcomes, &outcome->node);
            ovs_mutex_unlock(&certs->mutex);
            seq_change(certs->progress);
        }
        sset_clear(&todo);
        seq_wait(certs->work, work_seq);
        poll_block();
    }
    sset_destroy(&todo);
    return NULL;
}

/* The main thread. */

/* Returns a new set of no certificates, for the caller to free. */
struct remote_certs *
remote_certs_create(void)
{
    struct remote_certs *certs = xzalloc(sizeof *certs);

    certs->work = seq_create();
    certs->progress = seq_create();
    certs->last_progress = seq_read(certs->progress);
    certs->retry_at = LLONG_MAX;
    ovs_mutex_init(&certs->mutex);
    sset_init(&certs->todo);
    ovs_list_init(&certs->outcomes);
    shash_init(&certs->entries);
    return certs;
}

static void
entry_destroy(struct entry *entry)
{
    remote_cert_unref(entry->cert);
    free(entry->error);
    free(entry);
}

static void
outcome_destroy(struct outcome *outcome)
{
    remote_cert_unref(outcome->cert);
    free(outcome->error);
    free(outcome->path);
    free(outcome);
}

/* Frees 'certs', which may be null, after its thread has ended: that waits for
 * a file that is being read. */
void
remote_certs_destroy(struct remote_certs *certs)
{
    struct outcome *outcome;
    struct shash_node *node;

    if (!certs) {
        return;
    }
    ovs_mutex_lock(&certs->mutex);
    certs->exiting = true;
    ovs_mutex_unlock(&certs->mutex);
    seq_change(certs->work);
    if (certs->started) {
        xpthread_join(certs->thread, NULL);
    }
    LIST_FOR_EACH_POP (outcome, node, &certs->outcomes) {
        outcome_destroy(outcome);
    }
    SHASH_FOR_EACH (node, &certs->entries) {
        entry_destroy(node->data);
    }
    shash_destroy(&certs->entries);
    sset_destroy(&certs->todo);
    ovs_mutex_destroy(&certs->mutex);
    seq_destroy(certs->work);
    seq_destroy(certs->progress);
    free(certs);
}

static void
ask(struct remote_certs *certs, const char *path, struct entry *entry)
{
    entry->asked = true;
    ovs_mutex_lock(&certs->mutex);
    sset_add(&certs->todo, path);
    ovs_mutex_unlock(&certs->mutex);
    seq_change(certs->work);
    if (!certs->started) {
        certs->started = true;
        certs->thread = ovs_thread_create("remote_certs", remote_certs_main,
                                          certs);
    }
}

/* Reads the files at 'paths', and no others, from now on. */
void
remote_certs_set(struct remote_certs *certs, const struct sset *paths)
{
    struct shash_node *node;
    const char *path;

    SHASH_FOR_EACH_SAFE (node, &certs->entries) {
        if (!sset_contains(paths, node->name)) {
            entry_destroy(node->data);
            shash_delete(&certs->entries, node);
        }
    }
    SSET_FOR_EACH (path, paths) {
        if (!shash_find(&certs->entries, path)) {
            struct entry *entry = xzalloc(sizeof *entry);

            entry->patience = time_msec() + PATIENCE;
            shash_add(&certs->entries, path, entry);
            ask(certs, path, entry);
        }
    }
}

static bool
has_changed(const struct entry *entry, const struct outcome *outcome)
{
    return (!entry->known
            || !nullable_string_is_equal(entry->error, outcome->error)
            || (outcome->cert && (!entry->cert
                                  || strcmp(entry->cert->pem,
                                            outcome->cert->pem))));
}

static void
handle_outcome(struct remote_certs *certs, struct outcome *outcome)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 60);
    struct entry *entry = shash_find_data(&certs->entries, outcome->path);

    if (!entry) {
        return;
    }
    entry->asked = false;
    if (outcome->error) {
        certs->retry_at = MIN(certs->retry_at,
                              time_msec() + RETRY_INTERVAL);
    }
    if (!has_changed(entry, outcome)) {
        return;
    }
    entry->known = true;
    certs->seqno++;
    free(entry->error);
    entry->error = nullable_xstrdup(outcome->error);
    if (outcome->error) {
        VLOG_WARN_RL(&rl, "%s", outcome->error);
    } else {
        remote_cert_unref(entry->cert);
        entry->cert = remote_cert_ref(outcome->cert);
    }
}

static void
retry(struct remote_certs *certs)
{
    struct shash_node *node;

    certs->retry_at = LLONG_MAX;
    SHASH_FOR_EACH (node, &certs->entries) {
        struct entry *entry = node->data;

        if (entry->error && !entry->asked) {
            ask(certs, node->name, entry);
        }
    }
}

/* Takes in what the thread has read. */
void
remote_certs_run(struct remote_certs *certs)
{
    struct ovs_list outcomes = OVS_LIST_INITIALIZER(&outcomes);
    struct outcome *outcome;

    certs->last_progress = seq_read(certs->progress);
    ovs_mutex_lock(&certs->mutex);
    ovs_list_push_back_all(&outcomes, &certs->outcomes);
    ovs_mutex_unlock(&certs->mutex);
    LIST_FOR_EACH_POP (outcome, node, &outcomes) {
        handle_outcome(certs, outcome);
        outcome_destroy(outcome);
    }
    if (time_msec() >= certs->retry_at) {
        retry(certs);
    }
}

/* Returns until when, in ms, there is a file to be waited for, or 0. */
static long long int
settled_at(const struct remote_certs *certs)
{
    long long int when = 0;
    struct shash_node *node;

    SHASH_FOR_EACH (node, &certs->entries) {
        const struct entry *entry = node->data;

        if (!entry->known) {
            when = MAX(when, entry->patience);
        }
    }
    return when;
}

/* Returns false while there is a file that has not been read yet, at most for
 * half a minute. */
bool
remote_certs_is_settled(const struct remote_certs *certs)
{
    return time_msec() >= settled_at(certs);
}

void
remote_certs_wait(struct remote_certs *certs)
{
    seq_wait(certs->progress, certs->last_progress);
    if (certs->retry_at != LLONG_MAX) {
        poll_timer_wait_until(certs->retry_at);
    }
    if (!remote_certs_is_settled(certs)) {
        poll_timer_wait_until(settled_at(certs));
    }
}

/* Returns the last good certificate read from 'path', or null; the reference
 * stays that of 'certs'. */
struct remote_cert *
remote_certs_get(const struct remote_certs *certs, const char *path)
{
    const struct entry *entry = shash_find_data(&certs->entries, path);

    return entry ? entry->cert : NULL;
}

/* Returns null or, in a sentence, what is wrong with the file at 'path' now.
 * It is logged when it changes.  Good until the next remote_certs_run() or
 * remote_certs_set(). */
const char *
remote_certs_get_error(const struct remote_certs *certs, const char *path)
{
    const struct entry *entry = shash_find_data(&certs->entries, path);

    return entry ? entry->error : NULL;
}

/* Returns a number that is another one each time when something has been read
 * that was not known before. */
uint64_t
remote_certs_seqno(const struct remote_certs *certs)
{
    return certs->seqno;
}
