/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* This host's credentials, read by a thread; see credentials.h.
 *
 * The main thread leaves a wish (which files), the loader's thread leaves an
 * outcome (a set of credentials or an error) that tells which wish it is for,
 * so that one that came too late is recognised. */

#include <config.h>

#include "credentials.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/evp.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "seq.h"
#include "timeval.h"
#include "util.h"

#include "secret.h"
#include "x509.h"

#include "pem-file.h"

VLOG_DEFINE_THIS_MODULE(credentials);

#define RETRY_INTERVAL 3000             /* In ms, while there is an error. */

/* The files, in the order in which they are looked at. */
enum { CERT, KEY, CA, N_FILES };

static const struct {
    const char *column;         /* Key in Open_vSwitch:other_config. */
    const char *what;
} files[N_FILES] = {
    [CERT] = { "certificate", "certificate" },
    [KEY] = { "private_key", "private key" },
    [CA] = { "ca_cert", "CA certificate" },
};

struct wish {
    unsigned int number;        /* Grows with each wish; 0: none yet. */
    char *paths[N_FILES];       /* Each may be null. */
};

struct outcome {
    unsigned int number;        /* Of the wish; 0: none yet. */
    struct credentials *credentials;    /* Null on error. */
    char *error;                /* In words; null on success. */
    char *warning;              /* In words, or null. */
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
    char *warning;
    bool settled;
};

/* Credentials. */

/* Returns a new reference to 'credentials', which may be null. */
struct credentials *
credentials_ref(struct credentials *credentials)
{
    if (credentials) {
        credentials->ref_cnt++;
    }
    return credentials;
}

/* Gives up a reference to 'credentials', which may be null. */
void
credentials_unref(struct credentials *credentials)
{
    if (!credentials || --credentials->ref_cnt) {
        return;
    }
    secret_free(credentials->key);
    free(credentials->name);
    free(credentials->cert);
    svec_destroy(&credentials->chain);
    svec_destroy(&credentials->cas);
    free(credentials->digest);
    free(credentials);
}

/* The thread: files. */

/* Reads the file of kind 'file' into '*content'.  Returns null or what is
 * wrong with it.  A host without CAs is one whose peers are known by their
 * certificates. */
static char *
read_file(int file, const char *path, struct pem_file *content,
          char **warning)
{
    char *setting, *error;

    if (!path && file == CA) {
        return NULL;
    }
    if (!path) {
        return xasprintf("other_config:%s in table Open_vSwitch is not set; "
                         "\"ovs-vsctl set Open_vSwitch . "
                         "other_config:%s=FILE\"", files[file].column,
                         files[file].column);
    }
    setting = xasprintf("other_config:%s in table Open_vSwitch",
                        files[file].column);
    error = pem_file_read(path, files[file].what, setting, content);
    free(setting);
    if (!error && file == KEY && content->mode & S_IROTH) {
        *warning = xasprintf("%s: every user of this host can read the "
                             "private key; \"chmod 600 %s\", and consider a "
                             "new key", path, path);
    }
    return error;
}

/* The thread: from contents to credentials. */

/* What the files have in them. */
struct parsed {
    STACK_OF(X509) *certs;      /* Ours first. */
    EVP_PKEY *key;
    STACK_OF(X509) *cas;
};

static void
parsed_uninit(struct parsed *parsed)
{
    x509_free_certs(parsed->certs);
    EVP_PKEY_free(parsed->key);
    x509_free_certs(parsed->cas);
}

static char *
parse_files(char *const paths[], const struct pem_file contents[],
            struct parsed *parsed)
{
    char *error = x509_read_certs(paths[CERT], contents[CERT].data,
                                  contents[CERT].size, &parsed->certs);
    if (!error) {
        error = x509_read_key(paths[KEY], contents[KEY].data,
                              contents[KEY].size, &parsed->key);
    }
    if (!error && paths[CA]) {
        error = x509_read_certs(paths[CA], contents[CA].data,
                                contents[CA].size, &parsed->cas);
    }
    return error;
}

/* Checks that all belong together and stores the name they prove. */
static char *
check_parsed(char *const paths[], const struct parsed *parsed, char **name)
{
    X509 *cert = sk_X509_value(parsed->certs, 0);
    time_t now = time_wall();
    char *error = x509_check_key(paths[CERT], cert, paths[KEY], parsed->key);

    if (!error) {
        error = x509_check_validity(paths[CERT], cert, now);
    }
    if (!error && paths[CA]) {
        error = x509_check_cas(paths[CA], parsed->cas);
    }
    if (!error && paths[CA]) {
        error = x509_check_chain(paths[CERT], parsed->certs,
                                 paths[CA], parsed->cas, now);
    }
    if (!error) {
        error = x509_get_name(paths[CERT], cert, name);
    }
    return error;
}

/* Appends 'certs', from the one at index 'first' on, to 'pems', each once. */
static void
add_pems(struct svec *pems, STACK_OF(X509) *certs, int first)
{
    for (int i = first; i < sk_X509_num(certs); i++) {
        char *pem = x509_cert_to_pem(sk_X509_value(certs, i));

        if (svec_contains_unsorted(pems, pem)) {
            free(pem);
        } else {
            svec_add_nocopy(pems, pem);
        }
    }
}

static void
digest_add(EVP_MD_CTX *ctx, const char *s)
{
    EVP_DigestUpdate(ctx, s, strlen(s) + 1);
}

static void
digest_add_all(EVP_MD_CTX *ctx, const struct svec *strings)
{
    for (size_t i = 0; i < strings->n; i++) {
        digest_add(ctx, strings->names[i]);
    }
    digest_add(ctx, "");
}

/* Returns the digest of everything in 'c', which the caller must free. */
static char *
make_digest(const struct credentials *c)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t digest[EVP_MAX_MD_SIZE];
    struct ds s = DS_EMPTY_INITIALIZER;
    unsigned int size;

    if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)) {
        out_of_memory();
    }
    digest_add(ctx, c->cert);
    digest_add_all(ctx, &c->chain);
    digest_add(ctx, c->key);
    digest_add_all(ctx, &c->cas);
    EVP_DigestFinal_ex(ctx, digest, &size);
    EVP_MD_CTX_free(ctx);

    for (unsigned int i = 0; i < size; i++) {
        ds_put_format(&s, "%02x", digest[i]);
    }
    return ds_steal_cstr(&s);
}

/* Returns the credentials that 'parsed' is, with 'name', which it takes
 * over. */
static struct credentials *
make_credentials(const struct parsed *parsed, char *name)
{
    X509 *cert = sk_X509_value(parsed->certs, 0);
    struct credentials *c = xmalloc(sizeof *c);

    *c = (struct credentials) {
        .ref_cnt = 1,
        .name = name,
        .cert = x509_cert_to_pem(cert),
        .chain = SVEC_EMPTY_INITIALIZER,
        .key = x509_key_to_pem(parsed->key),
        .cas = SVEC_EMPTY_INITIALIZER,
        .not_after = x509_not_after(cert),
    };
    add_pems(&c->chain, parsed->certs, 1);
    add_pems(&c->cas, parsed->cas, 0);
    c->digest = make_digest(c);
    return c;
}

/* Carries out 'wish'. */
static struct outcome
load(const struct wish *wish)
{
    struct outcome outcome = { .number = wish->number };
    struct pem_file contents[N_FILES] = { { .data = NULL } };
    struct parsed parsed = { .certs = NULL };
    char *error = NULL;
    char *name;

    for (int i = 0; i < N_FILES && !error; i++) {
        error = read_file(i, wish->paths[i], &contents[i], &outcome.warning);
    }
    if (!error) {
        error = parse_files(wish->paths, contents, &parsed);
    }
    if (!error) {
        error = check_parsed(wish->paths, &parsed, &name);
    }
    if (!error) {
        outcome.credentials = make_credentials(&parsed, name);
    }
    outcome.error = error;

    parsed_uninit(&parsed);
    for (int i = 0; i < N_FILES; i++) {
        pem_file_uninit(&contents[i]);
    }
    return outcome;
}

/* The thread: what is to be done. */

static void
outcome_uninit(struct outcome *outcome)
{
    credentials_unref(outcome->credentials);
    free(outcome->error);
    free(outcome->warning);
    *outcome = (struct outcome) { .number = 0 };
}

static void
wish_uninit(struct wish *wish)
{
    for (int i = 0; i < N_FILES; i++) {
        free(wish->paths[i]);
    }
}

static bool
wish_is_empty(const struct wish *wish)
{
    for (int i = 0; i < N_FILES; i++) {
        if (wish->paths[i]) {
            return false;
        }
    }
    return true;
}

static struct wish
wish_clone(const struct wish *wish)
{
    struct wish copy = { .number = wish->number };

    for (int i = 0; i < N_FILES; i++) {
        copy.paths[i] = nullable_xstrdup(wish->paths[i]);
    }
    return copy;
}

/* Takes the wish as it is now into '*wish'.  Returns false if it is time to
 * end. */
static bool
take_wish(struct credentials_loader *loader, struct wish *wish)
{
    ovs_mutex_lock(&loader->mutex);
    bool go_on = !loader->exiting;
    *wish = wish_clone(&loader->wish);
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

static void *
credentials_main(void *loader_)
{
    struct credentials_loader *loader = loader_;
    struct wish wish;

    for (;;) {
        uint64_t work_seq = seq_read(loader->work);

        if (!take_wish(loader, &wish)) {
            break;
        }
        if (!wish_is_empty(&wish)) {
            struct outcome outcome = load(&wish);

            if (outcome.error) {
                poll_timer_wait(RETRY_INTERVAL);
            }
            put_outcome(loader, outcome);
        }
        wish_uninit(&wish);
        seq_wait(loader->work, work_seq);
        poll_block();
    }
    wish_uninit(&wish);
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

    wish_uninit(&loader->wish);
    outcome_uninit(&loader->outcome);
    ovs_mutex_destroy(&loader->mutex);
    seq_destroy(loader->work);
    seq_destroy(loader->progress);
    credentials_unref(loader->good);
    free(loader->error);
    free(loader->warning);
    free(loader);
}

/* Makes '*new' the value of '*old', and returns true if that differs and is
 * not null. */
static bool
replace_text(char **old, char **new)
{
    bool worth_telling = *new && !nullable_string_is_equal(*old, *new);

    free(*old);
    *old = *new;
    *new = NULL;
    return worth_telling;
}

/* Makes 'credentials' the good ones, if they differ from those. */
static void
credentials_loader_accept(struct credentials_loader *loader,
                          struct credentials *credentials)
{
    if (loader->good && !strcmp(loader->good->digest, credentials->digest)) {
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
              "%s; %"PRIuSIZE" CA certificate(s)",
              credentials->name, until, credentials->cas.n);
    free(until);
}

/* Takes in 'outcome'. */
static void
credentials_loader_handle(struct credentials_loader *loader,
                          struct outcome *outcome)
{
    static struct vlog_rate_limit warning_rl = VLOG_RATE_LIMIT_INIT(6, 6);
    static struct vlog_rate_limit error_rl = VLOG_RATE_LIMIT_INIT(6, 6);

    if (outcome->number != loader->number) {
        return;
    }
    loader->settled = true;
    if (replace_text(&loader->warning, &outcome->warning)) {
        VLOG_WARN_RL(&warning_rl, "%s", loader->warning);
    }
    if (outcome->credentials) {
        credentials_loader_accept(loader, outcome->credentials);
    }
    if (replace_text(&loader->error, &outcome->error)) {
        VLOG_WARN_RL(&error_rl, "%s", loader->error);
    }
}

/* Takes in what the thread has read. */
void
credentials_loader_run(struct credentials_loader *loader)
{
    uint64_t progress = seq_read(loader->progress);
    struct outcome outcome;

    if (progress == loader->last_progress) {
        return;
    }
    loader->last_progress = progress;

    ovs_mutex_lock(&loader->mutex);
    outcome = loader->outcome;
    loader->outcome = (struct outcome) { .number = 0 };
    ovs_mutex_unlock(&loader->mutex);

    credentials_loader_handle(loader, &outcome);
    outcome_uninit(&outcome);
}

void
credentials_loader_wait(struct credentials_loader *loader)
{
    seq_wait(loader->progress, loader->last_progress);
}

/* Nobody wishes for credentials: there are none, and that is no fault. */
static void
credentials_loader_clear(struct credentials_loader *loader)
{
    credentials_unref(loader->good);
    loader->good = NULL;
    free(loader->warning);
    loader->warning = NULL;
    free(loader->error);
    loader->error = xstrdup("this host has no certificate; set "
                            "other_config:certificate, "
                            "other_config:private_key and "
                            "other_config:ca_cert in table Open_vSwitch");
    loader->settled = true;
}

static bool
wish_equals(const struct wish *wish, const char *const paths[])
{
    for (int i = 0; i < N_FILES; i++) {
        if (!nullable_string_is_equal(wish->paths[i], paths[i])) {
            return false;
        }
    }
    return true;
}

/* Reads files 'cert', 'key' and 'ca' from now on.  Each may be null for "not
 * set", which is an error for 'cert' and 'key', except that without any of
 * them there is nothing to read, and credentials that were good before go.  Repeating a wish costs
 * nothing. */
void
credentials_loader_set(struct credentials_loader *loader,
                       const char *cert, const char *key, const char *ca)
{
    const char *const paths[N_FILES] = {
        [CERT] = cert, [KEY] = key, [CA] = ca,
    };

    ovs_mutex_lock(&loader->mutex);
    if (loader->wish.number && wish_equals(&loader->wish, paths)) {
        ovs_mutex_unlock(&loader->mutex);
        return;
    }
    wish_uninit(&loader->wish);
    loader->wish.number = ++loader->number;
    for (int i = 0; i < N_FILES; i++) {
        loader->wish.paths[i] = nullable_xstrdup(paths[i]);
    }
    bool empty = wish_is_empty(&loader->wish);
    ovs_mutex_unlock(&loader->mutex);

    if (empty) {
        credentials_loader_clear(loader);
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

/* Returns false until the files named first have been read, well or not. */
bool
credentials_loader_is_settled(const struct credentials_loader *loader)
{
    return loader->settled;
}
