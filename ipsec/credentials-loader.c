/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* This host's credentials, read by a thread; see credentials-loader.h.
 *
 * The main thread leaves a wish (which files), the loader's thread leaves an
 * outcome (a set of credentials or an error) that tells which wish it is for,
 * so that one that came too late is recognised. */

#include <config.h>

#include "credentials-loader.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "seq.h"
#include "smap.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

#include "credentials-read.h"
#include "credentials.h"
#include "file-watch.h"

VLOG_DEFINE_THIS_MODULE(credentials);

#define RETRY_INTERVAL 3000             /* In ms, while there is an error. */

/* How many days before they end credentials are warned about, by default. */
#define WARN_DAYS 30

/* How often, in ms, warnings are looked at, because the clock may be set. */
#define WARN_INTERVAL (60 * 60 * 1000)

struct wish {
    unsigned int number;        /* Grows with each wish; 0: none yet. */
    struct credentials_source source;
};

struct outcome {
    unsigned int number;        /* Of the wish; 0: none yet. */
    struct credentials *credentials;    /* Null on error. */
    char *error;                /* In words; null on success. */
    struct svec warnings;       /* In words. */
};

struct credentials_loader {
    pthread_t thread;
    struct seq *work;           /* Changes when the thread has to do. */
    struct seq *progress;       /* Changes when 'outcome' is new. */

    struct ovs_mutex mutex;
    struct wish wish OVS_GUARDED;
    struct outcome outcome OVS_GUARDED; /* Empty once it has been taken. */
    bool exiting OVS_GUARDED;

    /* The main thread's only, as of the last run. */
    uint64_t last_progress;
    unsigned int number;        /* Of the last wish. */
    struct credentials *good;
    char *error;
    struct svec read_warnings;  /* Of the last reading. */
    struct svec warnings;       /* These, and of what expires. */
    char *warn_days_text;       /* other_config:ipsec_expiry_warning, or
                                 * null. */
    long long int warn_at;      /* ms; when to look at 'warnings' again. */
    bool settled;
};

/* The thread. */

static void
outcome_init(struct outcome *outcome)
{
    memset(outcome, 0, sizeof *outcome);
    svec_init(&outcome->warnings);
}

static void
outcome_uninit(struct outcome *outcome)
{
    credentials_unref(outcome->credentials);
    free(outcome->error);
    svec_destroy(&outcome->warnings);
}

/* Takes the wish as it is now into '*wish'.  Returns false if it is time to
 * end. */
static bool
take_wish(struct credentials_loader *loader, struct wish *wish)
{
    ovs_mutex_lock(&loader->mutex);
    bool go_on = !loader->exiting;
    if (wish->number != loader->wish.number) {
        credentials_source_uninit(&wish->source);
        wish->number = loader->wish.number;
        credentials_source_clone(&wish->source, &loader->wish.source);
    }
    ovs_mutex_unlock(&loader->mutex);
    return go_on;
}

static void
put_outcome(struct credentials_loader *loader, struct outcome outcome)
{
    ovs_mutex_lock(&loader->mutex);
    outcome_uninit(&loader->outcome);
    loader->outcome = outcome;
    ovs_mutex_unlock(&loader->mutex);
    seq_change(loader->progress);
}

static void
watch_files(struct file_watch *watch, const struct wish *wish)
{
    struct svec paths = SVEC_EMPTY_INITIALIZER;

    if (!credentials_source_is_empty(&wish->source)) {
        credentials_source_get_paths(&wish->source, &paths);
    }
    file_watch_set(watch, &paths);
    svec_destroy(&paths);
}

/* Carries out 'wish'.  Returns when to try again, in ms. */
static long long int
load(struct credentials_loader *loader, const struct wish *wish)
{
    struct outcome outcome;
    bool failed;

    if (credentials_source_is_empty(&wish->source)) {
        return LLONG_MAX;
    }
    outcome_init(&outcome);
    outcome.number = wish->number;
    outcome.error = credentials_read(&wish->source, &outcome.credentials,
                                     &outcome.warnings);
    failed = outcome.error != NULL;
    put_outcome(loader, outcome);
    return failed ? time_msec() + RETRY_INTERVAL : LLONG_MAX;
}

static void *
credentials_main(void *loader_)
{
    struct credentials_loader *loader = loader_;
    struct file_watch *watch = file_watch_create();
    long long int retry_at = LLONG_MAX;
    struct wish wish = { .number = 0 };
    unsigned int number = 0;

    for (;;) {
        uint64_t work_seq = seq_read(loader->work);

        if (!take_wish(loader, &wish)) {
            break;
        }
        if (wish.number != number) {
            number = wish.number;
            watch_files(watch, &wish);
            retry_at = 0;
        }
        if (file_watch_run(watch) || time_msec() >= retry_at) {
            retry_at = load(loader, &wish);
        }
        file_watch_wait(watch);
        if (retry_at != LLONG_MAX) {
            poll_timer_wait_until(retry_at);
        }
        seq_wait(loader->work, work_seq);
        poll_block();
    }
    credentials_source_uninit(&wish.source);
    file_watch_destroy(watch);
    return NULL;
}

/* The main thread. */

/* Returns a new loader, for the caller to free with
 * credentials_loader_destroy().  Starts a thread, so this must come after
 * daemonize_start(). */
struct credentials_loader *
credentials_loader_create(void)
{
    struct credentials_loader *loader = xzalloc(sizeof *loader);

    loader->work = seq_create();
    loader->progress = seq_create();
    loader->last_progress = seq_read(loader->progress);
    ovs_mutex_init(&loader->mutex);
    outcome_init(&loader->outcome);
    svec_init(&loader->read_warnings);
    svec_init(&loader->warnings);
    loader->warn_at = LLONG_MAX;
    loader->thread = ovs_thread_create("credentials", credentials_main,
                                       loader);
    return loader;
}

/* Frees 'loader', which may be null, after its thread has ended: that waits
 * for a file that is being read. */
void
credentials_loader_destroy(struct credentials_loader *loader)
{
    if (!loader) {
        return;
    }
    ovs_mutex_lock(&loader->mutex);
    loader->exiting = true;
    ovs_mutex_unlock(&loader->mutex);
    seq_change(loader->work);
    xpthread_join(loader->thread, NULL);

    credentials_source_uninit(&loader->wish.source);
    outcome_uninit(&loader->outcome);
    ovs_mutex_destroy(&loader->mutex);
    seq_destroy(loader->work);
    seq_destroy(loader->progress);
    credentials_unref(loader->good);
    free(loader->error);
    svec_destroy(&loader->read_warnings);
    svec_destroy(&loader->warnings);
    free(loader->warn_days_text);
    free(loader);
}

/* Makes 'error', which it takes and which may be null, the error. */
static void
set_error(struct credentials_loader *loader, char *error)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 6);

    if (error && !nullable_string_is_equal(loader->error, error)) {
        VLOG_WARN_RL(&rl, "%s", error);
    }
    free(loader->error);
    loader->error = error;
}

/* Makes 'credentials' the good ones, if they differ from those. */
static void
accept_good(struct credentials_loader *loader, struct credentials *credentials)
{
    if (loader->good && credentials_equals(loader->good, credentials)) {
        if (loader->error) {
            VLOG_INFO("the files of this host's certificate are good again");
        }
        return;
    }
    credentials_unref(loader->good);
    loader->good = credentials_ref(credentials);

    char *until = xastrftime_msec("%Y-%m-%d %H:%M:%S UTC",
                                  credentials->not_after * 1000, true);
    VLOG_INFO("this host is \"%s\" by its certificate, which is valid until "
              "%s; %"PRIuSIZE" CA certificate(s), %"PRIuSIZE" CRL(s)",
              credentials->name, until, credentials->cas.n,
              credentials->crls.n);
    free(until);
}

/* Returns how many days ahead to warn. */
static unsigned int
warn_days(const struct credentials_loader *loader, struct svec *warnings)
{
    const char *text = loader->warn_days_text;
    unsigned int days;

    if (!text) {
        return WARN_DAYS;
    }
    if (!str_to_uint(text, 10, &days) || days > 10000) {
        svec_add_nocopy(warnings, xasprintf(
            "other_config:ipsec_expiry_warning in table Open_vSwitch is not a "
            "number of days; it is taken as %d", WARN_DAYS));
        return WARN_DAYS;
    }
    return days;
}

/* Makes 'warnings' what is to be warned of now. */
static void
update_warnings(struct credentials_loader *loader)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(20, 20);
    struct svec old = loader->warnings;
    long long int now = time_wall();
    long long int next = LLONG_MAX;
    const char *warning;
    size_t i;

    svec_clone(&loader->warnings, &loader->read_warnings);
    if (loader->good) {
        next = credentials_add_expiring(
            loader->good, now, warn_days(loader, &loader->warnings),
            &loader->warnings);
    }
    SVEC_FOR_EACH (i, warning, &loader->warnings) {
        if (!svec_contains_unsorted(&old, warning)) {
            VLOG_WARN_RL(&rl, "%s", warning);
        }
    }
    svec_destroy(&old);
    loader->warn_at = (next == LLONG_MAX ? LLONG_MAX
                       : time_msec() + MIN((next - now) * 1000,
                                           WARN_INTERVAL));
}

/* Takes in 'outcome'. */
static void
handle(struct credentials_loader *loader, struct outcome *outcome)
{
    if (outcome->number != loader->number) {
        return;
    }
    loader->settled = true;
    if (outcome->credentials) {
        accept_good(loader, outcome->credentials);
    }
    set_error(loader, outcome->error);
    outcome->error = NULL;
    svec_swap(&loader->read_warnings, &outcome->warnings);
    update_warnings(loader);
}

/* Takes in what the thread has read. */
void
credentials_loader_run(struct credentials_loader *loader)
{
    uint64_t progress = seq_read(loader->progress);
    struct outcome outcome;

    if (time_msec() >= loader->warn_at) {
        update_warnings(loader);
    }
    if (progress == loader->last_progress) {
        return;
    }
    loader->last_progress = progress;

    ovs_mutex_lock(&loader->mutex);
    outcome = loader->outcome;
    outcome_init(&loader->outcome);
    ovs_mutex_unlock(&loader->mutex);

    handle(loader, &outcome);
    outcome_uninit(&outcome);
}

/* Wakes the poll loop when there is something for
 * credentials_loader_run(). */
void
credentials_loader_wait(struct credentials_loader *loader)
{
    seq_wait(loader->progress, loader->last_progress);
    if (loader->warn_at != LLONG_MAX) {
        poll_timer_wait_until(loader->warn_at);
    }
}

/* Nobody wishes for credentials: there are none, and that is no fault. */
static void
clear(struct credentials_loader *loader)
{
    credentials_unref(loader->good);
    loader->good = NULL;
    svec_clear(&loader->read_warnings);
    free(loader->error);
    loader->error = xstrdup("this host has no certificate; set "
                            "other_config:certificate, "
                            "other_config:private_key and "
                            "other_config:ca_cert in table Open_vSwitch");
    loader->settled = true;
    update_warnings(loader);
}

static void
set_warn_days(struct credentials_loader *loader, const char *text)
{
    if (!nullable_string_is_equal(loader->warn_days_text, text)) {
        free(loader->warn_days_text);
        loader->warn_days_text = nullable_xstrdup(text);
        update_warnings(loader);
    }
}

/* From now on, 'other_config' is what table Open_vSwitch has.  A file that is
 * not named there is an error, except that without any of them there is
 * nothing to read, and credentials that were good before go.  Repeating it
 * costs nothing. */
void
credentials_loader_set(struct credentials_loader *loader,
                       const struct smap *other_config)
{
    struct credentials_source source;

    set_warn_days(loader, smap_get(other_config, "ipsec_expiry_warning"));
    credentials_source_init(&source, other_config);

    ovs_mutex_lock(&loader->mutex);
    if (loader->wish.number
        && credentials_source_equals(&loader->wish.source, &source)) {
        ovs_mutex_unlock(&loader->mutex);
        credentials_source_uninit(&source);
        return;
    }
    credentials_source_uninit(&loader->wish.source);
    loader->wish.number = ++loader->number;
    loader->wish.source = source;
    ovs_mutex_unlock(&loader->mutex);

    if (credentials_source_is_empty(&source)) {
        clear(loader);
    }
    seq_change(loader->work);
}

/* Returns the last good set, or null; the reference stays the loader's.  It
 * changes only in credentials_loader_run(), and in credentials_loader_set()
 * when no file is set any more. */
struct credentials *
credentials_loader_get(const struct credentials_loader *loader)
{
    return loader->good;
}

/* Returns null or, in a sentence, what is wrong with the files of the moment.
 * It is logged when it changes.  The string is good until the next
 * credentials_loader_run() or credentials_loader_set(). */
const char *
credentials_loader_get_error(const struct credentials_loader *loader)
{
    return loader->error;
}

/* Returns sentences about what can be used but should be seen to, for as long
 * as those of credentials_loader_get_error(). */
const struct svec *
credentials_loader_get_warnings(const struct credentials_loader *loader)
{
    return &loader->warnings;
}

/* Returns false until the files named first have been read, well or not. */
bool
credentials_loader_is_settled(const struct credentials_loader *loader)
{
    return loader->settled;
}
