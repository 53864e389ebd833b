/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/credentials with files in the working folder. */

#include <config.h>

#include "credentials-loader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "credentials.h"
#include "smap.h"
#include "svec.h"
#include "timeval.h"
#include "token-key.h"
#include "unit.h"
#include "unit-pki.h"

static EVP_PKEY *ca_key, *rsa, *ec, *ed25519;
static X509 *ca, *old_ca;

/* Runs 'command' in a shell. */
static void
run(const char *command)
{
    if (system(command)) {
        ovs_fatal(0, "%s: failed", command);
    }
}

/* Writes 'text' and 'more', which may be null, to file 'name'. */
static void
write_file(const char *name, const char *text, const char *more)
{
    FILE *file = fopen(name, "w");

    if (!file || fchmod(fileno(file), 0600)
        || fprintf(file, "%s%s", text, more ? more : "") < 0
        || fclose(file)) {
        ovs_fatal(errno, "%s", name);
    }
}

static void
write_cert(const char *name, X509 *cert, X509 *more)
{
    char *pem = pki_cert_pem(cert);
    char *more_pem = more ? pki_cert_pem(more) : NULL;

    write_file(name, pem, more_pem);
    free(pem);
    free(more_pem);
}

/* Writes NAME-cert and NAME-key for 'key' with DNS name 'name'. */
static void
write_pair(const char *name, EVP_PKEY *key, X509 *more)
{
    char *san = xasprintf("DNS:%s", name);
    char *cert_file = xasprintf("%s-cert", name);
    char *key_file = xasprintf("%s-key", name);
    char *key_pem = pki_key_pem(key, NULL);
    X509 *cert = pki_make_cert(&(struct pki_spec) {
        .cn = name, .san = san, .key = key,
        .issuer = ca, .issuer_key = ca_key,
    });

    write_cert(cert_file, cert, more);
    write_file(key_file, key_pem, NULL);
    X509_free(cert);
    free(san);
    free(cert_file);
    free(key_file);
    free(key_pem);
}

/* Runs 'loader' until its error is 'expected', which is null or a part of
 * it, and 'loader' is settled. */
static void
await_error(struct credentials_loader *loader, const char *expected,
            const char *where)
{
    long long int deadline = time_msec() + 10000;
    const char *error;
    bool ok;

    for (;;) {
        credentials_loader_run(loader);
        error = credentials_loader_get_error(loader);
        ok = (credentials_loader_is_settled(loader)
              && (expected ? error && strstr(error, expected) : !error));
        if (ok || time_msec() >= deadline) {
            break;
        }
        credentials_loader_wait(loader);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    unit_check(ok, where, expected ? expected : "no error");
    unit_note(error);
    if (!ok) {
        fprintf(stderr, "  got: %s\n", error ? error : "(null)");
    }
}
#define AWAIT_ERROR(LOADER, EXPECTED) \
    await_error(LOADER, EXPECTED, OVS_SOURCE_LOCATOR)

/* Has 'loader' read these files; each may be null. */
static void
set(struct credentials_loader *loader, const char *cert, const char *key,
    const char *ca_file)
{
    struct smap config = SMAP_INITIALIZER(&config);

    if (cert) {
        smap_add(&config, "certificate", cert);
    }
    if (key) {
        smap_add(&config, "private_key", key);
    }
    if (ca_file) {
        smap_add(&config, "ca_cert", ca_file);
    }
    /* They live for a day. */
    smap_add(&config, "ipsec_expiry_warning", "0");
    credentials_loader_set(loader, &config);
    smap_destroy(&config);
}

static struct credentials_loader *
start(const char *cert, const char *key, const char *ca_file)
{
    struct credentials_loader *loader = credentials_loader_create();

    CHECK(!credentials_loader_is_settled(loader));
    CHECK(!credentials_loader_get(loader));
    CHECK_STRING(credentials_loader_get_error(loader), NULL);
    set(loader, cert, key, ca_file);
    return loader;
}

/* Credentials of each type of key, and that they outlive their loader. */
static void
test_good(void)
{
    static const char *const names[] = { "rsa", "ec", "ed25519" };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char *cert = xasprintf("%s-cert", names[i]);
        char *key = xasprintf("%s-key", names[i]);
        struct credentials_loader *loader = start(cert, key, "ca");
        struct credentials *c;

        AWAIT_ERROR(loader, NULL);
        c = credentials_ref(credentials_loader_get(loader));
        credentials_loader_destroy(loader);
        CHECK(c != NULL);
        if (c) {
            CHECK_STRING(c->name, names[i]);
            CHECK(strlen(c->digest) == 64);
            CHECK(!strncmp(c->cert, "-----BEGIN CERTIFICATE-----\n", 28));
            CHECK(!strncmp(c->key, "-----BEGIN PRIVATE KEY-----\n", 28));
            CHECK(c->cas.n == 1 && c->chain.n == 0);
            CHECK(c->not_after > time(NULL) + 86000);
            CHECK(c->not_after <= time(NULL) + 86400);
        }
        credentials_unref(c);
        free(cert);
        free(key);
    }
}

/* DER files do as PEM ones do. */
static void
test_der(void)
{
    struct credentials_loader *loader;

    run("openssl x509 -in rsa-cert -outform DER -out der-cert && "
        "openssl pkey -in rsa-key -outform DER -out der-key && "
        "openssl x509 -in ca -outform DER -out der-ca && chmod 600 der-key");
    loader = start("der-cert", "der-key", "der-ca");
    AWAIT_ERROR(loader, NULL);
    CHECK_STRING(credentials_loader_get(loader)
                 ? credentials_loader_get(loader)->name : NULL, "rsa");
    run("head -c 300 der-cert >cut && cat cut >der-cert");
    AWAIT_ERROR(loader, "der-cert: looks like DER, but there is no "
                "certificate in it, or a damaged one");
    credentials_loader_destroy(loader);
}

/* Bundles: of CAs, one of them twice, and of a certificate with its chain. */
static void
test_bundles(void)
{
    struct credentials_loader *loader;
    char *first = pki_cert_pem(ca);
    char *second = pki_cert_pem(old_ca);
    char *both = xasprintf("%s%s", first, second);
    struct credentials *c;

    write_file("bundle", both, second);
    write_pair("chained", ec, ca);
    loader = start("chained-cert", "chained-key", "bundle");
    AWAIT_ERROR(loader, NULL);
    c = credentials_loader_get(loader);
    if (c) {
        CHECK(c->cas.n == 2);
        CHECK_STRING(c->cas.names[0], first);
        CHECK_STRING(c->cas.names[1], second);
        CHECK(c->chain.n == 1);
        CHECK_STRING(c->chain.names[0], first);
        CHECK(!strstr(c->cert, first));
    }
    CHECK(c != NULL);
    credentials_loader_destroy(loader);
    free(first);
    free(second);
    free(both);
}

/* Any other content makes another digest, and the same content the same. */
static void
test_digest(void)
{
    struct credentials_loader *loader = start("rsa-cert", "rsa-key", "ca");
    struct credentials *first, *second, *third;

    AWAIT_ERROR(loader, NULL);
    first = credentials_ref(credentials_loader_get(loader));

    set(loader, "./rsa-cert", "rsa-key", "ca");
    AWAIT_ERROR(loader, NULL);
    set(loader, "missing", "rsa-key", "ca");
    AWAIT_ERROR(loader, "missing: ");
    set(loader, "rsa-cert", "rsa-key", "ca");
    AWAIT_ERROR(loader, NULL);
    CHECK(credentials_loader_get(loader) == first);

    write_cert("cas", ca, old_ca);
    set(loader, "rsa-cert", "rsa-key", "cas");
    set(loader, "missing", "rsa-key", "ca");
    AWAIT_ERROR(loader, "missing: ");
    set(loader, "rsa-cert", "rsa-key", "cas");
    AWAIT_ERROR(loader, NULL);
    second = credentials_ref(credentials_loader_get(loader));
    CHECK(first && second && strcmp(first->digest, second->digest));

    credentials_loader_destroy(loader);
    loader = start("rsa-cert", "rsa-key", "ca");
    AWAIT_ERROR(loader, NULL);
    third = credentials_loader_get(loader);
    CHECK_STRING(third ? third->digest : NULL, first ? first->digest : "");
    credentials_loader_destroy(loader);
    credentials_unref(first);
    credentials_unref(second);
}

/* What is wrong with files, as such. */
static void
test_bad_files(void)
{
    struct credentials_loader *loader = start("nowhere", "rsa-key", "ca");
    char *big = xmalloc(1024 * 1024 + 2);

    AWAIT_ERROR(loader, "nowhere: there is no such file; put the certificate "
                "there, or set other_config:certificate in table Open_vSwitch "
                "to where it is");
    CHECK(!credentials_loader_get(loader));

    set(loader, "rsa-cert", "/dev/null", "ca");
    AWAIT_ERROR(loader, "/dev/null: is a device, not the file of a private "
                "key");
    set(loader, "rsa-cert", "rsa-key", ".");
    AWAIT_ERROR(loader, ".: is a folder, not the file of a CA certificate");
    set(loader, "rsa-cert/x", "rsa-key", "ca");
    AWAIT_ERROR(loader, "rsa-cert/x: the certificate cannot be read: Not a "
                "directory");

    /* Whoever may read all, as root, is not told. */
    write_file("secret", "", NULL);
    CHECK(!chmod("secret", 0));
    set(loader, "rsa-cert", "secret", "ca");
    AWAIT_ERROR(loader, access("secret", R_OK)
                ? "secret: the private key cannot be read: Permission denied; "
                  "see \"namei -l secret\""
                : "secret: the file is empty");

    CHECK(!mkfifo("fifo", 0600));
    set(loader, "fifo", "rsa-key", "ca");
    AWAIT_ERROR(loader, "fifo: is a device, not the file of a certificate");

    memset(big, 'x', 1024 * 1024 + 1);
    big[1024 * 1024 + 1] = '\0';
    write_file("big", big, NULL);
    free(big);
    set(loader, "big", "rsa-key", "ca");
    AWAIT_ERROR(loader, "big: has 1048577 bytes, more than a certificate can "
                "have (1048576)");
    CHECK(!truncate("big", 10 * 1024 * 1024));
    AWAIT_ERROR(loader, "big: has 10485760 bytes");
    write_file("garbage", "\x7f\x45\x4c\x46\x02\xff\xfe", NULL);
    set(loader, "garbage", "rsa-key", "ca");
    AWAIT_ERROR(loader, "garbage: has no certificate in it, neither in PEM "
                "nor in DER");
    write_file("empty", "", NULL);
    set(loader, "empty", "rsa-key", "ca");
    AWAIT_ERROR(loader, "empty: the file is empty");

    set(loader, "rsa-cert", NULL, "ca");
    AWAIT_ERROR(loader, "other_config:private_key in table Open_vSwitch is "
                "not set; \"ovs-vsctl set Open_vSwitch . "
                "other_config:private_key=FILE\"");
    credentials_loader_destroy(loader);
}

/* What is wrong with what is in them. */
static void
test_bad_contents(void)
{
    X509 *expired = pki_make_cert(&(struct pki_spec) {
        .cn = "x", .san = "DNS:x", .key = rsa,
        .issuer = ca, .issuer_key = ca_key, .from_days = -2, .to_days = -1,
    });
    X509 *early = pki_make_cert(&(struct pki_spec) {
        .cn = "x", .san = "DNS:x", .key = rsa,
        .issuer = ca, .issuer_key = ca_key, .from_days = 1, .to_days = 2,
    });
    X509 *unsigning = pki_make_cert(&(struct pki_spec) {
        .cn = "x", .san = "DNS:x", .key = rsa, .usage = "keyEncipherment",
        .issuer = ca, .issuer_key = ca_key,
    });
    X509 *other = pki_make_cert(&(struct pki_spec) {
        .cn = "x", .san = "DNS:y", .key = rsa,
        .issuer = ca, .issuer_key = ca_key,
    });
    X509 *nameless = pki_make_cert(&(struct pki_spec) {
        .cn = "x", .key = rsa, .issuer = ca, .issuer_key = ca_key,
    });
    struct credentials_loader *loader = start("rsa-cert", "ec-key", "ca");

    AWAIT_ERROR(loader, "ec-key: the private key does not belong to "
                "certificate rsa-cert");
    write_cert("foreign-ca", old_ca, NULL);
    set(loader, "rsa-cert", "rsa-key", "foreign-ca");
    AWAIT_ERROR(loader, "rsa-cert: no CA in foreign-ca has issued it");
    set(loader, "rsa-cert", "rsa-key", "rsa-cert");
    AWAIT_ERROR(loader, "rsa-cert: certificate 1 in it, \"rsa\", is not a "
                "CA's");
    write_cert("expired", expired, NULL);
    set(loader, "expired", "rsa-key", "ca");
    AWAIT_ERROR(loader, "expired: the certificate expired at ");
    write_cert("early", early, NULL);
    set(loader, "early", "rsa-key", "ca");
    AWAIT_ERROR(loader, "early: the certificate is not valid before ");
    write_cert("unsigning", unsigning, NULL);
    set(loader, "unsigning", "rsa-key", "ca");
    AWAIT_ERROR(loader, "unsigning: the certificate's keyUsage has no "
                "digitalSignature");
    write_cert("other", other, NULL);
    set(loader, "other", "rsa-key", "ca");
    AWAIT_ERROR(loader, "other: commonName \"x\" is not a DNS name in "
                "subjectAltName (\"y\")");
    write_cert("disordered", ca, other);
    set(loader, "disordered", "rsa-key", "ca");
    AWAIT_ERROR(loader, "disordered: certificate 2 in it is this host's, by "
                "its key; it must be the first");
    write_cert("nameless", nameless, NULL);
    set(loader, "nameless", "rsa-key", "ca");
    AWAIT_ERROR(loader, "nameless: the certificate has no DNS name");
    set(loader, "rsa-key", "rsa-key", "ca");
    AWAIT_ERROR(loader, "rsa-key: has a private key where a certificate is "
                "expected");
    set(loader, "rsa-cert", "rsa-key", "rsa-key");
    AWAIT_ERROR(loader, "rsa-key: has a private key where a certificate is "
                "expected");
    CHECK(!credentials_loader_get(loader));
    credentials_loader_destroy(loader);
    X509_free(expired);
    X509_free(early);
    X509_free(unsigning);
    X509_free(other);
    X509_free(nameless);
}

/* The last good ones stay while the new ones are bad, a file that comes is
 * found without being asked for, and no wish at all is no fault of a file. */
static void
test_recovery(void)
{
    struct credentials_loader *loader = start(NULL, NULL, NULL);
    struct credentials *c;

    CHECK(credentials_loader_is_settled(loader));
    AWAIT_ERROR(loader, "this host has no certificate; set "
                "other_config:certificate, other_config:private_key and "
                "other_config:ca_cert in table Open_vSwitch");

    set(loader, "rsa-cert", "rsa-key", "ca");
    AWAIT_ERROR(loader, NULL);
    set(loader, "late-cert", "late-key", "ca");
    AWAIT_ERROR(loader, "late-cert: there is no such file");
    c = credentials_loader_get(loader);
    CHECK_STRING(c ? c->name : NULL, "rsa");

    write_pair("late", ec, NULL);
    AWAIT_ERROR(loader, NULL);
    c = credentials_loader_get(loader);
    CHECK_STRING(c ? c->name : NULL, "late");

    set(loader, NULL, NULL, NULL);
    CHECK(!credentials_loader_get(loader));
    AWAIT_ERROR(loader, "this host has no certificate");

    /* Peers whose certificates are known need no CA. */
    set(loader, "rsa-cert", "rsa-key", NULL);
    AWAIT_ERROR(loader, NULL);
    c = credentials_loader_get(loader);
    CHECK(c && !c->cas.n);
    credentials_loader_destroy(loader);
}

/* What was read for an earlier wish is not taken for the last one's. */
static void
test_overtaken(void)
{
    struct credentials_loader *loader = start("rsa-cert", "rsa-key", "ca");

    /* The first time may be for what was waited for before. */
    for (int i = 0; i < 2; i++) {
        credentials_loader_wait(loader);
        poll_block();
    }
    set(loader, "nowhere", "rsa-key", "ca");
    credentials_loader_run(loader);
    CHECK(!credentials_loader_get(loader));
    AWAIT_ERROR(loader, "nowhere: there is no such file");
    CHECK(!credentials_loader_get(loader));
    credentials_loader_destroy(loader);
}

static const char *
name_of(const struct credentials_loader *loader)
{
    const struct credentials *c = credentials_loader_get(loader);

    return c ? c->name : NULL;
}

/* Runs 'loader' until its credentials are those of 'name', without errors on
 * the way. */
static void
await_name(struct credentials_loader *loader, const char *name,
           const char *where)
{
    long long int deadline = time_msec() + 10000;

    for (;;) {
        credentials_loader_run(loader);
        unit_check(!credentials_loader_get_error(loader), where, "no error");
        if (nullable_string_is_equal(name_of(loader), name)
            || time_msec() >= deadline) {
            break;
        }
        credentials_loader_wait(loader);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    unit_check_string(name_of(loader), name, where, "name");
}
#define AWAIT_NAME(LOADER, NAME) \
    await_name(LOADER, NAME, OVS_SOURCE_LOCATOR)

/* Files replaced in each of the ways in which that is done.  Certificate and
 * key come one after the other, and are not tried before both are there. */
static void
test_watch(void)
{
    struct credentials_loader *loader;

    run("mkdir w && cp rsa-cert w/cert && cp rsa-key w/key && cp ca w/ca");
    loader = start("w/cert", "w/key", "w/ca");
    AWAIT_ERROR(loader, NULL);
    CHECK_STRING(name_of(loader), "rsa");

    run("cat ec-cert >w/cert && cat ec-key >w/key");
    AWAIT_NAME(loader, "ec");
    run("cp ed25519-cert w/c && cp ed25519-key w/k && mv w/k w/key "
        "&& mv w/c w/cert");
    AWAIT_NAME(loader, "ed25519");
    run("mkdir v && cp rsa-cert v/cert && cp rsa-key v/key && cp ca v/ca "
        "&& mv w w.old && mv v w");
    AWAIT_NAME(loader, "rsa");
    run("rm w/cert");
    AWAIT_ERROR(loader, "w/cert: there is no such file");
    CHECK_STRING(name_of(loader), "rsa");
    run("cp rsa-cert w/cert");
    AWAIT_ERROR(loader, NULL);
    run("rm -r w && ln -s w.old w");
    AWAIT_NAME(loader, "ed25519");
    credentials_loader_destroy(loader);
}

/* As Kubernetes mounts a secret: a link that is exchanged by rename. */
static void
test_links(void)
{
    struct credentials_loader *loader;

    run("mkdir -p k/..1 k/..2 && for f in cert key; do "
        "cp rsa-$f k/..1/$f && cp ec-$f k/..2/$f || exit 1; done && "
        "cp ca k/..1 && cp ca k/..2 && ln -s ..1 k/..data && "
        "for f in cert key ca; do ln -s ..data/$f k/$f || exit 1; done");
    loader = start("k/cert", "k/key", "k/ca");
    AWAIT_ERROR(loader, NULL);
    CHECK_STRING(name_of(loader), "rsa");
    run("ln -s ..2 k/..tmp && mv -T k/..tmp k/..data && rm -r k/..1");
    AWAIT_NAME(loader, "ec");
    run("ln -sfn nowhere k/..data");
    AWAIT_ERROR(loader, "k/cert: there is no such file");
    CHECK_STRING(name_of(loader), "ec");
    run("ln -sfn ..2 k/..data");
    AWAIT_ERROR(loader, NULL);
    credentials_loader_destroy(loader);
}

/* Returns the warnings of 'loader', one a line.  The caller frees it. */
static char *
warnings_of(const struct credentials_loader *loader)
{
    struct svec warnings;
    char *text;

    svec_clone(&warnings, credentials_loader_get_warnings(loader));
    text = svec_join(&warnings, "\n", "");
    svec_destroy(&warnings);
    return text;
}

static void
check_warnings(const struct credentials_loader *loader, const char *expected,
               const char *where)
{
    char *text = warnings_of(loader);
    bool ok = *expected ? strstr(text, expected) != NULL : !*text;

    unit_check(ok, where, expected);
    if (!ok) {
        fprintf(stderr, "  got: %s\n", text);
    }
    unit_note(text);
    free(text);
}
#define CHECK_WARNINGS(LOADER, EXPECTED) \
    check_warnings(LOADER, EXPECTED, OVS_SOURCE_LOCATOR)

/* Has 'loader' read the credentials of "rsa" with 'key' = 'value'. */
static void
set_more(struct credentials_loader *loader, const char *key,
         const char *value)
{
    struct smap config = SMAP_INITIALIZER(&config);

    smap_add(&config, "certificate", "rsa-cert");
    smap_add(&config, "private_key", "rsa-key");
    smap_add(&config, "ca_cert", "ca");
    smap_add(&config, key, value);
    credentials_loader_set(loader, &config);
    smap_destroy(&config);
}

static void
test_expiry(void)
{
    struct credentials_loader *loader = start("rsa-cert", "rsa-key", "ca");
    struct svec warnings = SVEC_EMPTY_INITIALIZER;
    struct credentials *c;
    long long int next;

    AWAIT_ERROR(loader, NULL);
    CHECK_WARNINGS(loader, "");
    set_more(loader, "ipsec_expiry_warning", "2");
    CHECK_WARNINGS(loader, "rsa-cert: certificate \"rsa\" expires at 2");
    CHECK_WARNINGS(loader, "ca: CA certificate \"Root\" expires at 2");
    set_more(loader, "ipsec_expiry_warning", "soon");
    CHECK_WARNINGS(loader, "other_config:ipsec_expiry_warning in table "
                   "Open_vSwitch is not a number of days; it is taken as 30");
    CHECK_WARNINGS(loader, "rsa-cert: certificate \"rsa\" expires at 2");

    c = credentials_loader_get(loader);
    /* The CA may have been made in the second before. */
    next = credentials_add_expiring(c, c->not_after - 3 * 86400, 2, &warnings);
    CHECK(next == c->not_after - 2 * 86400
          || next == c->not_after - 2 * 86400 - 1);
    CHECK(!warnings.n);
    CHECK(credentials_add_expiring(c, c->not_after - 86400, 2, &warnings)
          >= c->not_after - 1);
    CHECK(warnings.n == 2 && strstr(warnings.names[0], ", in 1 day: "));
    svec_clear(&warnings);
    credentials_add_expiring(c, c->not_after + 1, 0, &warnings);
    CHECK(warnings.n && strstr(warnings.names[0],
                               "rsa-cert: certificate \"rsa\" expired at 2"));
    svec_destroy(&warnings);
    credentials_loader_destroy(loader);
}

/* Returns "rsa" with the CRLs in 'crls'.  The error on the way tells the
 * answer from the one before. */
static struct credentials *
read_with(struct credentials_loader *loader, const char *crls)
{
    set_more(loader, "ipsec_crl", "missing");
    AWAIT_ERROR(loader, "missing: ");
    set_more(loader, "ipsec_crl", crls);
    AWAIT_ERROR(loader, NULL);
    return credentials_ref(credentials_loader_get(loader));
}

static void
test_crls(void)
{
    X509 *gone = pki_make_cert(&(struct pki_spec) {
        .cn = "gone", .san = "DNS:gone", .key = ec,
        .issuer = ca, .issuer_key = ca_key,
    });
    char *none = pki_crl_pem(ca, ca_key, NULL, 60);
    char *later = pki_crl_pem(ca, ca_key, NULL, 61);
    char *one = pki_crl_pem(ca, ca_key, gone, 60);
    char *foreign = pki_crl_pem(old_ca, ec, NULL, 60);
    struct credentials_loader *loader = start("rsa-cert", "rsa-key", "ca");
    struct credentials *first, *second, *third;

    AWAIT_ERROR(loader, NULL);
    run("mkdir crls");
    write_file("crls/a", none, NULL);
    first = read_with(loader, "crls");
    CHECK(first->crls.n == 1 && !first->revoked.n);
    CHECK(!credentials_epoch(first));

    /* Another date is no reason to authenticate anew, a serial number is. */
    write_file("crl2", later, NULL);
    second = read_with(loader, "crl2");
    CHECK_STRING(second->digest, first->digest);
    CHECK(!credentials_equals(first, second));
    write_file("crl3.pem", one, NULL);
    third = read_with(loader, "crl3.pem");
    CHECK(strcmp(third->digest, first->digest));
    CHECK(third->revoked.n == 1 && credentials_epoch(third));
    CHECK(credentials_withdraws(third, first));
    CHECK(!credentials_withdraws(first, third));

    write_file("crls/b", foreign, NULL);
    credentials_unref(read_with(loader, "crls"));
    CHECK_WARNINGS(loader, "crls/b: CRL of \"Old root\": no CA in ca has "
                   "issued it, so it is not used");
    write_file("crls/b", "x", NULL);
    AWAIT_ERROR(loader, "crls/b: has no CRL in it, neither in PEM nor in DER");
    set_more(loader, "ipsec_crl", "nowhere");
    AWAIT_ERROR(loader, "nowhere: CRLs cannot be read: No such file");
    set_more(loader, "ipsec_crl_policy", "harsh");
    AWAIT_ERROR(loader, "other_config:ipsec_crl_policy=\"harsh\" in table "
                "Open_vSwitch is none of strict, ifuri and relaxed");

    /* Beside the CA, by their names. */
    CHECK(!rename("crl3.pem", "my-crl.pem"));
    set_more(loader, "ipsec_crl_policy", "strict");
    AWAIT_ERROR(loader, NULL);
    CHECK(credentials_loader_get(loader)->revoked.n == 1);
    CHECK_STRING(credentials_loader_get(loader)->revocation, "strict");
    CHECK(credentials_withdraws(credentials_loader_get(loader), third));
    CHECK(!remove("my-crl.pem"));

    credentials_unref(first);
    credentials_unref(second);
    credentials_unref(third);
    credentials_loader_destroy(loader);
    X509_free(gone);
    free(none);
    free(later);
    free(one);
    free(foreign);
}

/* A key in a token: where it is, and its PIN, which is watched.  Whether it is
 * the certificate's, charon tells. */
static void
test_token(void)
{
    struct credentials_loader *loader = start("rsa-cert", "rsa-key", "ca");
    struct credentials *file, *c;

    AWAIT_ERROR(loader, NULL);
    file = credentials_ref(credentials_loader_get(loader));
    CHECK(!file->token);

    set(loader, "rsa-cert", "pkcs11:token=t", "ca");
    AWAIT_ERROR(loader, "other_config:private_key in table Open_vSwitch: the "
                "PKCS #11 URI has no \"id\", and charon finds no key without");
    set(loader, "pkcs11:id=%01", "rsa-key", "ca");
    AWAIT_ERROR(loader, "other_config:certificate in table Open_vSwitch is a "
                "PKCS #11 URI; only a private key can be in a token: put the "
                "certificate into a file");
    CHECK(credentials_loader_get(loader) == file);

    char *uri = xasprintf("pkcs11:id=%%01?pin-source=file:%s/pin",
                          getenv("PWD"));
    set(loader, "rsa-cert", uri, "ca");
    AWAIT_ERROR(loader, "/pin: there is no such file; put the PIN there, or "
                "set pin-source in other_config:private_key in table "
                "Open_vSwitch to where it is");
    write_file("pin", "1\n2", NULL);
    AWAIT_ERROR(loader, "/pin: must have the PIN in it in one line");
    write_file("pin", "1234\n", NULL);
    AWAIT_ERROR(loader, NULL);
    c = credentials_ref(credentials_loader_get(loader));
    CHECK(!c->key && c->token);
    CHECK_STRING(c->token ? c->token->handle : NULL, "01");
    CHECK_STRING(c->token ? c->token->pin : NULL, "1234");

    /* That is the same key, so nobody need be authenticated anew. */
    CHECK_STRING(c->digest, file->digest);
    CHECK_STRING(c->key_id, file->key_id);
    CHECK(!credentials_equals(c, file));
    credentials_unref(c);

    write_file("pin", "", NULL);
    AWAIT_ERROR(loader, "/pin: there is no PIN in it");
    write_file("pin", "5678", NULL);
    CHECK(!chmod("pin", 0644));
    AWAIT_ERROR(loader, NULL);
    c = credentials_loader_get(loader);
    CHECK_STRING(c && c->token ? c->token->pin : NULL, "5678");
    CHECK_WARNINGS(loader, "/pin: every user of this host can read the PIN; "
                   "\"chmod 600 ");
    credentials_loader_destroy(loader);
    credentials_unref(file);
    free(uri);
}

/* A key that everybody can read is warned about and used. */
static void
test_open_key(void)
{
    struct credentials_loader *loader;

    vlog_set_log_file("credentials.log");
    CHECK(!chmod("ec-key", 0644));
    loader = start("ec-cert", "ec-key", "ca");
    AWAIT_ERROR(loader, NULL);
    CHECK(credentials_loader_get(loader) != NULL);
    credentials_loader_destroy(loader);
    CHECK(!chmod("ec-key", 0640));
    loader = start("ec-cert", "ec-key", "ca");
    AWAIT_ERROR(loader, NULL);
    credentials_loader_destroy(loader);
    CHECK(!system("test \"`grep -c 'WARN.ec-key: every user of this host can "
                  "read the private key; \"chmod 600 ec-key\"' "
                  "credentials.log`\" = 1"));
}

void
unit_credentials(void)
{
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    ca_key = pki_make_key("EC");
    rsa = pki_make_key("RSA");
    ec = pki_make_key("EC");
    ed25519 = pki_make_key("ED25519");
    ca = pki_make_cert(&(struct pki_spec) {
        .cn = "Root", .key = ca_key, .ca = true,
    });
    old_ca = pki_make_cert(&(struct pki_spec) {
        .cn = "Old root", .key = ec, .ca = true,
    });
    write_cert("ca", ca, NULL);
    write_pair("rsa", rsa, NULL);
    write_pair("ec", ec, NULL);
    write_pair("ed25519", ed25519, NULL);

    test_good();
    test_der();
    test_bundles();
    test_digest();
    test_bad_files();
    test_bad_contents();
    test_recovery();
    test_overtaken();
    test_watch();
    test_links();
    test_expiry();
    test_crls();
    test_token();
    test_open_key();

    X509_free(ca);
    X509_free(old_ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ed25519);
}
