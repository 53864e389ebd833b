/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* From files to credentials; see credentials-read.h. */

#include <config.h>

#include "credentials-read.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "openvswitch/dynamic-string.h"
#include "smap.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

#include "credentials.h"
#include "pem-file.h"
#include "quote.h"
#include "token-key.h"
#include "x509.h"

static const struct {
    const char *column;         /* Key in Open_vSwitch:other_config. */
    const char *what;           /* What is in the file. */
} settings[CREDENTIALS_N_SETTINGS] = {
    [CREDENTIALS_CERT] = { "certificate", "certificate" },
    [CREDENTIALS_KEY] = { "private_key", "private key" },
    [CREDENTIALS_CA] = { "ca_cert", "CA certificate" },
    [CREDENTIALS_CRL] = { "ipsec_crl", "CRL" },
    [CREDENTIALS_CRL_POLICY] = { "ipsec_crl_policy", NULL },
};

/* How long, in bytes, a CRL may be in PEM: that is what vici can send. */
#define MAX_CRL UINT16_MAX

static const char *const policies[] = { "relaxed", "ifuri", "strict" };

/* The database's part. */

/* Makes '*source' what 'other_config' says. */
void
credentials_source_init(struct credentials_source *source,
                        const struct smap *other_config)
{
    for (int i = 0; i < CREDENTIALS_N_SETTINGS; i++) {
        source->value[i] = nullable_xstrdup(
            smap_get(other_config, settings[i].column));
    }
}

/* Makes '*dst' a copy of 'src'. */
void
credentials_source_clone(struct credentials_source *dst,
                         const struct credentials_source *src)
{
    for (int i = 0; i < CREDENTIALS_N_SETTINGS; i++) {
        dst->value[i] = nullable_xstrdup(src->value[i]);
    }
}

/* Frees what is in 'source'. */
void
credentials_source_uninit(struct credentials_source *source)
{
    for (int i = 0; i < CREDENTIALS_N_SETTINGS; i++) {
        free(source->value[i]);
    }
}

/* Returns true if 'a' and 'b' say the same. */
bool
credentials_source_equals(const struct credentials_source *a,
                          const struct credentials_source *b)
{
    for (int i = 0; i < CREDENTIALS_N_SETTINGS; i++) {
        if (!nullable_string_is_equal(a->value[i], b->value[i])) {
            return false;
        }
    }
    return true;
}

/* Returns true if 'source' names no credentials. */
bool
credentials_source_is_empty(const struct credentials_source *source)
{
    return (!source->value[CREDENTIALS_CERT] && !source->value[CREDENTIALS_KEY]
            && !source->value[CREDENTIALS_CA]);
}

/* Returns the folder of the CA's file, in which CRLs are looked for where
 * nothing else is said. */
static char *
ca_folder(const struct credentials_source *source)
{
    return (source->value[CREDENTIALS_CA]
            ? dir_name(source->value[CREDENTIALS_CA]) : NULL);
}

static void
add_pin_path(const char *uri, struct svec *paths)
{
    struct token_key *key;
    char *error = token_key_parse(uri, &key);

    if (key && key->pin_file) {
        svec_add(paths, key->pin_file);
    }
    token_key_destroy(key);
    free(error);
}

/* Adds to 'paths' the files and folders that credentials_read() would
 * read. */
void
credentials_source_get_paths(const struct credentials_source *source,
                             struct svec *paths)
{
    for (int i = 0; i <= CREDENTIALS_CRL; i++) {
        if (token_key_is_uri(source->value[i])) {
            add_pin_path(source->value[i], paths);
        } else if (source->value[i]) {
            svec_add(paths, source->value[i]);
        }
    }
    if (!source->value[CREDENTIALS_CRL] && source->value[CREDENTIALS_CA]) {
        svec_add_nocopy(paths, ca_folder(source));
    }
}

/* Files. */

/* Warns if others than its owner may do with file 'path', which has a secret,
 * 'what', in it, what 'mode' lets them. */
static void
warn_of_mode(const char *path, mode_t mode, const char *what,
             struct svec *warnings)
{
    const char *who = (mode & (S_IROTH | S_IWOTH) ? "every user of this host"
                       : mode & S_IWGRP ? "the group of the file" : NULL);

    if (who) {
        svec_add_nocopy(warnings, xasprintf(
            "%s: %s can %s the %s; \"chmod 600 %s\", and consider a new %s",
            path, who, mode & S_IROTH ? "read" : "write", what, path,
            !strcmp(what, "PIN") ? "PIN" : "key"));
    }
}

/* Reads file 'path' of kind 'i' into '*file'.  Returns null or what is wrong
 * with it. */
static char *
read_file(enum credentials_setting i, const char *path, struct pem_file *file,
          struct svec *warnings)
{
    char *setting, *error;

    if (!path) {
        return xasprintf("other_config:%s in table Open_vSwitch is not set; "
                         "\"ovs-vsctl set Open_vSwitch . "
                         "other_config:%s=FILE\"", settings[i].column,
                         settings[i].column);
    }
    setting = xasprintf("other_config:%s in table Open_vSwitch",
                        settings[i].column);
    if (token_key_is_uri(path)) {
        error = xasprintf("%s is a PKCS #11 URI; only a private key can be in "
                          "a token: put the %s into a file", setting,
                          settings[i].what);
        free(setting);
        return error;
    }
    error = pem_file_read(path, settings[i].what, setting, file);
    free(setting);
    if (!error && i == CREDENTIALS_KEY) {
        warn_of_mode(path, file->mode, settings[i].what, warnings);
    }
    return error;
}

/* Certificates and key. */

/* What the files have in them. */
struct parsed {
    STACK_OF(X509) *certs;      /* Ours first. */
    EVP_PKEY *key;              /* Null if a token has it. */
    struct token_key *token;
    STACK_OF(X509) *cas;
};

static void
parsed_uninit(struct parsed *parsed)
{
    x509_free_certs(parsed->certs);
    EVP_PKEY_free(parsed->key);
    token_key_destroy(parsed->token);
    x509_free_certs(parsed->cas);
}

static char *
parse_file(enum credentials_setting i, const char *path,
           struct parsed *parsed, struct svec *warnings)
{
    struct pem_file c = { .data = NULL };
    char *error = read_file(i, path, &c, warnings);

    if (!error) {
        error = (i == CREDENTIALS_KEY
                 ? x509_read_key(path, c.data, c.size, &parsed->key)
                 : x509_read_certs(path, c.data, c.size,
                                   i == CREDENTIALS_CERT ? &parsed->certs
                                                         : &parsed->cas));
    }
    pem_file_uninit(&c);
    return error;
}

static char *
read_pin(struct token_key *key, struct svec *warnings)
{
    struct pem_file c;
    char *error = pem_file_read(key->pin_file, "PIN", "pin-source in "
                                "other_config:private_key in table "
                                "Open_vSwitch", &c);

    if (!error) {
        warn_of_mode(key->pin_file, c.mode, "PIN", warnings);
        error = token_key_set_pin(key, c.data, c.size);
    }
    pem_file_uninit(&c);
    return error;
}

static char *
parse_uri(const char *uri, struct parsed *parsed, struct svec *warnings)
{
    char *fault = token_key_parse(uri, &parsed->token);
    char *error;

    if (!fault) {
        return (parsed->token->pin_file ? read_pin(parsed->token, warnings)
                : NULL);
    }
    error = xasprintf("other_config:private_key in table Open_vSwitch: %s",
                      fault);
    free(fault);
    return error;
}

/* A host without CAs is one whose peers are known by their certificates. */
static char *
parse_files(char *const paths[], struct parsed *parsed, struct svec *warnings)
{
    char *error = NULL;

    for (int i = CREDENTIALS_CERT; i <= CREDENTIALS_CA && !error; i++) {
        if (i == CREDENTIALS_KEY && token_key_is_uri(paths[i])) {
            error = parse_uri(paths[i], parsed, warnings);
        } else if (i != CREDENTIALS_CA || paths[i]) {
            error = parse_file(i, paths[i], parsed, warnings);
        }
    }
    return error;
}

/* Checks that all belong together and stores the name they prove.  Whether the
 * key in a token belongs to the certificate shows when charon has opened
 * that. */
static char *
check_parsed(char *const paths[], const struct parsed *parsed, char **name)
{
    X509 *cert = sk_X509_value(parsed->certs, 0);
    const char *cert_path = paths[CREDENTIALS_CERT];
    const char *ca_path = paths[CREDENTIALS_CA];
    time_t now = time_wall();
    char *error = (parsed->token ? NULL
                   : x509_check_key(cert_path, parsed->certs,
                                    paths[CREDENTIALS_KEY], parsed->key));

    if (!error) {
        error = x509_check_validity(cert_path, cert, now);
    }
    if (!error) {
        error = x509_check_usage(cert_path, cert);
    }
    if (!error && ca_path) {
        error = x509_check_cas(ca_path, parsed->cas);
    }
    if (!error && ca_path) {
        error = x509_check_chain(cert_path, parsed->certs,
                                 ca_path, parsed->cas, now);
    }
    if (!error) {
        error = x509_get_name(cert_path, cert, name);
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

/* Returns 'what' of 'name', which it frees, in file 'path', in words. */
static char *
describe(const char *path, const char *what, char *name)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%s: %s ", path, what);
    put_quoted(&s, name);
    free(name);
    return ds_steal_cstr(&s);
}

static void
add_cert_ends(struct credentials *c, const char *path, const char *what,
              STACK_OF(X509) *certs)
{
    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);

        credentials_add_end(c, describe(path, what, x509_common_name(cert)),
                            x509_not_after(cert));
    }
}

/* Returns the credentials that 'parsed' is, with 'name', which it takes over,
 * still without CRLs and digest. */
static struct credentials *
make_credentials(char *const paths[], const struct parsed *parsed, char *name)
{
    X509 *cert = sk_X509_value(parsed->certs, 0);
    struct credentials *c = credentials_create();

    c->name = name;
    c->cert = x509_cert_to_pem(cert);
    c->key = parsed->key ? x509_key_to_pem(parsed->key) : NULL;
    c->token = token_key_clone(parsed->token);
    c->key_id = x509_key_id(cert);
    c->not_after = x509_not_after(cert);
    add_pems(&c->chain, parsed->certs, 1);
    add_pems(&c->cas, parsed->cas, 0);
    add_cert_ends(c, paths[CREDENTIALS_CERT], "certificate", parsed->certs);
    add_cert_ends(c, paths[CREDENTIALS_CA], "CA certificate", parsed->cas);
    return c;
}

/* CRLs. */

static bool
ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n >= m && !strcmp(name + n - m, end);
}

static int
is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int
is_crl_name(const struct dirent *entry)
{
    return (is_visible(entry) && (ends_with(entry->d_name, ".crl")
                                  || ends_with(entry->d_name, "crl.pem")));
}

/* Adds to 'files' the files of CRLs: the one that 'source' names, all in the
 * folder that it names, or those beside the CA that have the name of one. */
static char *
find_crls(const struct credentials_source *source, struct svec *files)
{
    const char *crl = source->value[CREDENTIALS_CRL];
    char *dir = crl ? xstrdup(crl) : ca_folder(source);
    struct dirent **entries;
    int n = scandir(dir, &entries, crl ? is_visible : is_crl_name, alphasort);
    char *error = NULL;

    if (n < 0 && crl && errno == ENOTDIR) {
        svec_add(files, crl);
    } else if (n < 0 && crl) {
        error = xasprintf("%s: CRLs cannot be read: %s; set "
                          "other_config:ipsec_crl in table Open_vSwitch to "
                          "where they are", dir, ovs_strerror(errno));
    }
    for (int i = 0; i < n; i++) {
        svec_add_nocopy(files, xasprintf("%s/%s", dir, entries[i]->d_name));
        free(entries[i]);
    }
    if (n >= 0) {
        free(entries);
    }
    free(dir);
    return error;
}

static char *
take_crl(const char *path, X509_CRL *crl, const char *ca_path,
         STACK_OF(X509) *cas, struct credentials *c, struct svec *warnings)
{
    bool ours;
    char *error = x509_check_crl(path, crl, ca_path, cas, &ours);
    char *what = describe(path, "CRL of", x509_crl_issuer(crl));

    if (ours) {
        char *pem = x509_crl_to_pem(crl);

        if (!error && strlen(pem) > MAX_CRL) {
            error = xasprintf("%s: it has %"PRIuSIZE" bytes in PEM, and "
                              "charon takes at most %d, so nobody whom it "
                              "revokes would be refused; have the CA leave "
                              "out what has expired, or make a new CA",
                              what, strlen(pem), MAX_CRL);
        }
        svec_add_nocopy(&c->crls, pem);
        x509_crl_add_revoked(crl, &c->revoked);
        if (x509_crl_ends(crl)) {
            credentials_add_end(c, xstrdup(what), x509_crl_ends(crl));
        }
    } else if (!error) {
        svec_add_nocopy(warnings, xasprintf(
            "%s: no CA in %s has issued it, so it is not used", what,
            ca_path));
    }
    free(what);
    return error;
}

static char *
read_crl_file(const char *path, const char *ca_path, STACK_OF(X509) *cas,
              struct credentials *c, struct svec *warnings)
{
    struct pem_file content = { .data = NULL };
    STACK_OF(X509_CRL) *crls = NULL;
    char *error = read_file(CREDENTIALS_CRL, path, &content, warnings);

    if (!error) {
        error = x509_read_crls(path, content.data, content.size, &crls);
    }
    for (int i = 0; i < sk_X509_CRL_num(crls) && !error; i++) {
        error = take_crl(path, sk_X509_CRL_value(crls, i), ca_path, cas, c,
                         warnings);
    }
    x509_free_crls(crls);
    pem_file_uninit(&content);
    return error;
}

static char *
read_crls(const struct credentials_source *source, STACK_OF(X509) *cas,
          struct credentials *c, struct svec *warnings)
{
    struct svec files = SVEC_EMPTY_INITIALIZER;
    char *error = find_crls(source, &files);
    const char *file;
    size_t i;

    SVEC_FOR_EACH (i, file, &files) {
        if (!error) {
            error = read_crl_file(file, source->value[CREDENTIALS_CA], cas, c,
                                  warnings);
        }
    }
    svec_destroy(&files);
    svec_sort_unique(&c->revoked);
    return error;
}

static char *
read_policy(const struct credentials_source *source, struct credentials *c)
{
    const char *policy = source->value[CREDENTIALS_CRL_POLICY];

    for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
        if (!strcmp(policy ? policy : "relaxed", policies[i])) {
            c->revocation = policies[i];
            return NULL;
        }
    }
    struct ds s = DS_EMPTY_INITIALIZER;
    ds_put_cstr(&s, "other_config:ipsec_crl_policy=");
    put_quoted(&s, policy);
    ds_put_cstr(&s, " in table Open_vSwitch is none of strict, ifuri and "
                "relaxed");
    return ds_steal_cstr(&s);
}

static void
warn_if_revoked(const char *path, X509 *cert, const struct credentials *c,
                struct svec *warnings)
{
    char *serial = x509_cert_serial(cert);

    if (svec_contains(&c->revoked, serial)) {
        svec_add_nocopy(warnings, xasprintf(
            "%s: the certificate has been revoked, peers that know the CRL "
            "refuse it: replace it", path));
    }
    free(serial);
}

/* Reads the credentials that 'source' names.  Returns null and stores them in
 * '*credentials', with one reference for the caller, or returns what is wrong,
 * for the caller to free.  In both cases adds to 'warnings' what is worth a
 * warning only. */
char *
credentials_read(const struct credentials_source *source,
                 struct credentials **credentials, struct svec *warnings)
{
    struct parsed parsed = { .certs = NULL };
    struct credentials *c = NULL;
    char *error = parse_files(source->value, &parsed, warnings);
    char *name;

    if (!error) {
        error = check_parsed(source->value, &parsed, &name);
    }
    if (!error) {
        c = make_credentials(source->value, &parsed, name);
        error = read_policy(source, c);
    }
    if (!error && parsed.cas) {
        error = read_crls(source, parsed.cas, c, warnings);
    }
    if (!error) {
        warn_if_revoked(source->value[CREDENTIALS_CERT],
                        sk_X509_value(parsed.certs, 0), c, warnings);
        credentials_set_digest(c);
    } else {
        credentials_unref(c);
        c = NULL;
    }
    parsed_uninit(&parsed);
    *credentials = c;
    return error;
}
