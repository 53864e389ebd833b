/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* This host's credentials as a value; see credentials.h. */

#include <config.h>

#include "credentials.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

#include "openvswitch/dynamic-string.h"
#include "hash.h"
#include "util.h"

#include "secret.h"
#include "token-key.h"

#define DAY (24 * 60 * 60)              /* In s. */

/* Returns empty credentials with one reference, for the caller to fill in. */
struct credentials *
credentials_create(void)
{
    struct credentials *c = xzalloc(sizeof *c);

    c->ref_cnt = 1;
    svec_init(&c->chain);
    svec_init(&c->cas);
    svec_init(&c->crls);
    svec_init(&c->revoked);
    return c;
}

/* Returns a new reference to 'credentials', which may be null. */
struct credentials *
credentials_ref(struct credentials *credentials)
{
    if (credentials) {
        credentials->ref_cnt++;
    }
    return credentials;
}

/* Gives up a reference to 'c', which may be null. */
void
credentials_unref(struct credentials *c)
{
    if (!c || --c->ref_cnt) {
        return;
    }
    secret_free(c->key);
    token_key_destroy(c->token);
    free(c->name);
    free(c->cert);
    free(c->key_id);
    svec_destroy(&c->chain);
    svec_destroy(&c->cas);
    svec_destroy(&c->crls);
    svec_destroy(&c->revoked);
    free(c->digest);
    for (size_t i = 0; i < c->n_ends; i++) {
        free(c->ends[i].what);
    }
    free(c->ends);
    free(c);
}

/* Notes that 'what', which it takes, ends at 'when', in s since the epoch. */
void
credentials_add_end(struct credentials *c, char *what, long long int when)
{
    if (c->n_ends >= c->allocated_ends) {
        c->ends = x2nrealloc(c->ends, &c->allocated_ends, sizeof *c->ends);
    }
    c->ends[c->n_ends++] = (struct credentials_end) {
        .what = what, .when = when,
    };
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

/* Computes the digest of 'c', all else in which is there. */
void
credentials_set_digest(struct credentials *c)
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
    digest_add(ctx, c->key_id);
    digest_add_all(ctx, &c->cas);
    digest_add_all(ctx, &c->revoked);
    digest_add(ctx, c->revocation);
    EVP_DigestFinal_ex(ctx, digest, &size);
    EVP_MD_CTX_free(ctx);

    for (unsigned int i = 0; i < size; i++) {
        ds_put_format(&s, "%02x", digest[i]);
    }
    free(c->digest);
    c->digest = ds_steal_cstr(&s);
}

/* Returns true if 'a' and 'b' are the same, CRLs and the place of the key with
 * them. */
bool
credentials_equals(const struct credentials *a, const struct credentials *b)
{
    return (!strcmp(a->digest, b->digest) && svec_equal(&a->crls, &b->crls)
            && token_key_equals(a->token, b->token));
}

/* 'contains' is svec_contains() where 'set' is sorted, which it is where it
 * may be large. */
static bool
has_all(const struct svec *set, const struct svec *subset,
        bool (*contains)(const struct svec *, const char *))
{
    const char *element;
    size_t i;

    SVEC_FOR_EACH (i, element, subset) {
        if (!contains(set, element)) {
            return false;
        }
    }
    return true;
}

/* Without a CRL at hand, "ifuri" refuses those that name one, "strict"
 * all. */
static int
strictness(const struct credentials *c)
{
    return (nullable_string_is_equal(c->revocation, "strict") ? 2
            : nullable_string_is_equal(c->revocation, "ifuri") ? 1 : 0);
}

/* Returns true if 'c' may refuse a peer because there is no CRL. */
bool
credentials_are_strict(const struct credentials *c)
{
    return strictness(c) > 0;
}

/* Returns true if somebody whom 'old' trusted may not be trusted by 'new': a
 * CA is gone, a certificate has been revoked, or the policy is stricter. */
bool
credentials_withdraws(const struct credentials *new,
                      const struct credentials *old)
{
    return (new != old
            && (!has_all(&new->cas, &old->cas, svec_contains_unsorted)
                || !has_all(&old->revoked, &new->revoked, svec_contains)
                || strictness(new) > strictness(old)));
}

/* Returns 0 if nothing is revoked in 'c', otherwise a number up to 500 that
 * is another one, as good as always, when something else is. */
unsigned int
credentials_epoch(const struct credentials *c)
{
    uint32_t hash = 0;
    const char *serial;
    size_t i;

    SVEC_FOR_EACH (i, serial, &c->revoked) {
        hash = hash_string(serial, hash);
    }
    return c->revoked.n ? 1 + hash % 500 : 0;
}

static char *
explain_end(const struct credentials_end *end, long long int now)
{
    char *when = xastrftime_msec("%Y-%m-%d %H:%M:%S UTC", end->when * 1000,
                                 true);
    long long int days = (end->when - now) / DAY;
    char *s;

    if (now > end->when) {
        s = xasprintf("%s expired at %s: replace it", end->what, when);
    } else {
        s = xasprintf("%s expires at %s, in %lld day%s: replace it",
                      end->what, when, days, days == 1 ? "" : "s");
    }
    free(when);
    return s;
}

/* Adds to 'warnings' a sentence for whatever in 'c' has expired at 'now', or
 * will in the 'warn_days' after it.  Returns when there will be another one,
 * LLONG_MAX if never.  All times are in s since the epoch. */
long long int
credentials_add_expiring(const struct credentials *c, long long int now,
                         unsigned int warn_days, struct svec *warnings)
{
    long long int next = LLONG_MAX;

    for (size_t i = 0; i < c->n_ends; i++) {
        const struct credentials_end *end = &c->ends[i];
        long long int warn_at = end->when - (long long int) warn_days * DAY;

        if (now >= warn_at) {
            svec_add_nocopy(warnings, explain_end(end, now));
        }
        if (now < warn_at) {
            next = MIN(next, warn_at);
        } else if (now <= end->when) {
            next = MIN(next, end->when + 1);
        }
    }
    return next;
}
