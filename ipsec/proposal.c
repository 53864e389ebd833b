/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Translates proposals of algorithms; see proposal.h.
 *
 * The words are those of swanctl.conf(5) and of libreswan's ipsec.conf(5).
 * Which algorithms are good enough follows RFC 8221 for ESP and RFC 8247 for
 * IKE: none that they say must not or should not be used, no tag shorter than
 * 16 bytes, and no group below 2048 bits. */

#include <config.h>

#include "proposal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

#include "quote.h"

#define MAX_TEXT 1024           /* In bytes; nobody writes more. */
#define MAX_PROPOSALS 16
#define MAX_WORDS 16            /* Of one kind, in one proposal. */

/* In the order in which a proposal has them. */
enum kind { AEAD, ENCRYPTION, INTEGRITY, PRF, GROUP, SEQUENCE, N_KINDS };

static const struct word {
    const char *text;           /* As somebody may write it. */
    enum kind kind;
    const char *name;           /* As strongSwan writes it; null: alike. */
} words[] = {
    { "aes128gcm16", AEAD, NULL },
    { "aes192gcm16", AEAD, NULL },
    { "aes256gcm16", AEAD, NULL },
    { "aes128gcm128", AEAD, "aes128gcm16" },
    { "aes192gcm128", AEAD, "aes192gcm16" },
    { "aes256gcm128", AEAD, "aes256gcm16" },
    { "aes_gcm", AEAD, "aes256gcm16" },
    { "aes_gcm128", AEAD, "aes128gcm16" },
    { "aes_gcm192", AEAD, "aes192gcm16" },
    { "aes_gcm256", AEAD, "aes256gcm16" },
    { "aes_gcm_128", AEAD, "aes128gcm16" },
    { "aes_gcm_192", AEAD, "aes192gcm16" },
    { "aes_gcm_256", AEAD, "aes256gcm16" },
    { "aes128ccm16", AEAD, NULL },
    { "aes192ccm16", AEAD, NULL },
    { "aes256ccm16", AEAD, NULL },
    { "aes128ccm128", AEAD, "aes128ccm16" },
    { "aes192ccm128", AEAD, "aes192ccm16" },
    { "aes256ccm128", AEAD, "aes256ccm16" },
    { "chacha20poly1305", AEAD, NULL },
    { "chacha20_poly1305", AEAD, "chacha20poly1305" },

    { "aes128", ENCRYPTION, NULL },
    { "aes192", ENCRYPTION, NULL },
    { "aes256", ENCRYPTION, NULL },
    { "aes128ctr", ENCRYPTION, NULL },
    { "aes192ctr", ENCRYPTION, NULL },
    { "aes256ctr", ENCRYPTION, NULL },

    { "sha", INTEGRITY, "sha1" },
    { "sha1", INTEGRITY, NULL },
    { "sha256", INTEGRITY, NULL },
    { "sha384", INTEGRITY, NULL },
    { "sha512", INTEGRITY, NULL },
    { "sha2", INTEGRITY, "sha256" },
    { "sha2_256", INTEGRITY, "sha256" },
    { "sha2_384", INTEGRITY, "sha384" },
    { "sha2_512", INTEGRITY, "sha512" },

    { "prfsha1", PRF, NULL },
    { "prfsha256", PRF, NULL },
    { "prfsha384", PRF, NULL },
    { "prfsha512", PRF, NULL },

    { "modp2048", GROUP, NULL },
    { "modp3072", GROUP, NULL },
    { "modp4096", GROUP, NULL },
    { "modp6144", GROUP, NULL },
    { "modp8192", GROUP, NULL },
    { "ecp256", GROUP, NULL },
    { "ecp384", GROUP, NULL },
    { "ecp521", GROUP, NULL },
    { "x25519", GROUP, NULL },
    { "curve25519", GROUP, "x25519" },
    { "x448", GROUP, NULL },
    { "curve448", GROUP, "x448" },
    /* By their numbers (RFC 3526, 5903, 8031). */
    { "dh14", GROUP, "modp2048" },
    { "dh15", GROUP, "modp3072" },
    { "dh16", GROUP, "modp4096" },
    { "dh17", GROUP, "modp6144" },
    { "dh18", GROUP, "modp8192" },
    { "dh19", GROUP, "ecp256" },
    { "dh20", GROUP, "ecp384" },
    { "dh21", GROUP, "ecp521" },
    { "dh31", GROUP, "x25519" },

    { "esn", SEQUENCE, NULL },
    { "noesn", SEQUENCE, NULL },
};

struct proposal {
    const char *words[N_KINDS][MAX_WORDS];
    size_t n[N_KINDS];
};

static const struct word *
find_word(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!strcmp(words[i].text, text)) {
            return &words[i];
        }
    }
    return NULL;
}

/* Adds 'name' to those of 'kind', once. */
static void
add_name(struct proposal *p, enum kind kind, const char *name)
{
    for (size_t i = 0; i < p->n[kind]; i++) {
        if (!strcmp(p->words[kind][i], name)) {
            return;
        }
    }
    ovs_assert(p->n[kind] < MAX_WORDS);
    p->words[kind][p->n[kind]++] = name;
}

static char *
explain_word(const char *text)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (!*text) {
        return xstrdup("has an empty word in it");
    }
    ds_put_cstr(&ds, "has ");
    put_quoted(&ds, text);
    ds_put_cstr(&ds, " in it, which is not one of the algorithms that are "
                "strong enough");
    return ds_steal_cstr(&ds);
}

/* Splits 'text', one proposal, which it changes. */
static char *
split(char *text, struct proposal *p)
{
    while (text) {
        char *one = strsep(&text, "-+;");
        const struct word *word = find_word(one);

        if (!word) {
            return explain_word(one);
        }
        add_name(p, word->kind, word->name ? word->name : word->text);
    }
    return NULL;
}

static char *
check_ciphers(const struct proposal *p)
{
    if (p->n[AEAD] && p->n[ENCRYPTION]) {
        return xasprintf("has %s and %s in one proposal: put a comma between "
                         "ciphers that authenticate and ciphers that do not",
                         p->words[AEAD][0], p->words[ENCRYPTION][0]);
    }
    if (!p->n[AEAD] && !p->n[ENCRYPTION]) {
        return xstrdup("has a proposal without a cipher");
    }
    if (p->n[ENCRYPTION] && !p->n[INTEGRITY]) {
        return xasprintf("has %s without an integrity algorithm such as "
                         "sha256", p->words[ENCRYPTION][0]);
    }
    return NULL;
}

/* A cipher with an integrity algorithm built in needs no other one, so the
 * one that stands there is the pseudo-random function's, as charon and pluto
 * read it. */
static void
integrity_to_prf(struct proposal *p)
{
    static const char *const all[] = { "prfsha256", "prfsha384",
                                       "prfsha512", "prfsha1" };

    for (size_t i = 0; i < p->n[INTEGRITY]; i++) {
        for (size_t j = 0; j < ARRAY_SIZE(all); j++) {
            if (!strcmp(all[j] + strlen("prf"), p->words[INTEGRITY][i])) {
                add_name(p, PRF, all[j]);
            }
        }
    }
    if (!p->n[PRF]) {
        /* pluto offers all that it has when none is named. */
        add_name(p, PRF, "prfsha256");
        add_name(p, PRF, "prfsha384");
        add_name(p, PRF, "prfsha512");
    }
}

static char *
complete_ike(struct proposal *p)
{
    if (p->n[SEQUENCE]) {
        return xasprintf("has %s in it, which is for ESP",
                         p->words[SEQUENCE][0]);
    }
    if (p->n[AEAD]) {
        integrity_to_prf(p);
        p->n[INTEGRITY] = 0;
    }
    if (!p->n[GROUP]) {
        /* pluto adds its own when none is named; charon needs one. */
        add_name(p, GROUP, "modp2048");
        add_name(p, GROUP, "ecp384");
        add_name(p, GROUP, "ecp256");
        add_name(p, GROUP, "x25519");
    }
    return NULL;
}

static char *
complete_esp(struct proposal *p)
{
    if (p->n[PRF]) {
        return xasprintf("has %s in it, which is for IKE", p->words[PRF][0]);
    }
    if (p->n[AEAD]) {
        p->n[INTEGRITY] = 0;
    }
    if (!p->n[SEQUENCE]) {
        /* The peer chooses; a 32-bit number ends after 2^32 packets. */
        add_name(p, SEQUENCE, "esn");
        add_name(p, SEQUENCE, "noesn");
    }
    return NULL;
}

static void
format(const struct proposal *p, struct ds *ds)
{
    const char *separator = "";

    for (enum kind kind = 0; kind < N_KINDS; kind++) {
        for (size_t i = 0; i < p->n[kind]; i++) {
            ds_put_format(ds, "%s%s", separator, p->words[kind][i]);
            separator = "-";
        }
    }
}

static char *
strip(char *text)
{
    size_t n;

    text += strspn(text, " \t");
    n = strlen(text);
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t')) {
        text[--n] = '\0';
    }
    return text;
}

/* Appends the canonical form of 'text', one proposal, to 'ds'. */
static char *
translate(char *text, enum proposal_protocol protocol, struct ds *ds)
{
    struct proposal p = { .n = { 0 } };
    char *error = split(text, &p);

    if (!error) {
        error = check_ciphers(&p);
    }
    if (!error) {
        error = (protocol == PROPOSAL_IKE ? complete_ike(&p)
                 : complete_esp(&p));
    }
    if (!error) {
        format(&p, ds);
    }
    return error;
}

/* Takes 'text', proposals separated by commas, each algorithms separated by
 * "-", "+" or ";".  An exclamation mark at the end, by which strongSwan's
 * ipsec.conf says that nothing else is to be offered, is always meant.
 *
 * On success returns null and sets '*canonical' to the same in the words of
 * swanctl.conf(5), otherwise returns what is wrong, which follows after the
 * value in a sentence, and sets '*canonical' to null.  The caller frees
 * either. */
char *
proposals_parse(const char *text, enum proposal_protocol protocol,
                char **canonical)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    char *copy, *next;
    char *error = NULL;
    int n = 0;

    *canonical = NULL;
    if (strlen(text) > MAX_TEXT) {
        return xasprintf("is longer than %d bytes", MAX_TEXT);
    }
    copy = xstrdup(text);
    for (char *p = copy; *p; p++) {
        *p = tolower((unsigned char) *p);
    }
    next = strip(copy);
    if (*next && next[strlen(next) - 1] == '!') {
        next[strlen(next) - 1] = '\0';
    }
    while (next && !error) {
        if (n++) {
            ds_put_char(&ds, ',');
        }
        error = (n > MAX_PROPOSALS
                 ? xasprintf("has more than %d proposals", MAX_PROPOSALS)
                 : translate(strip(strsep(&next, ",")), protocol, &ds));
    }
    free(copy);
    if (error) {
        ds_destroy(&ds);
    } else {
        *canonical = ds_steal_cstr(&ds);
    }
    return error;
}
