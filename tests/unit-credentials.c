/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/credentials with files in the working folder. */

#include <config.h>

#include "credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "unit.h"
#include "unit-pki.h"

static EVP_PKEY *ca_key, *rsa, *ec, *ed25519;
static X509 *ca, *old_ca;

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
    if (!ok) {
        fprintf(stderr, "  got: %s\n", error ? error : "(null)");
    }
}
#define AWAIT_ERROR(LOADER, EXPECTED) \
    await_error(LOADER, EXPECTED, OVS_SOURCE_LOCATOR)

static struct credentials_loader *
start(const char *cert, const char *key, const char *ca_file)
{
    struct credentials_loader *loader = credentials_loader_create();

    CHECK(!credentials_loader_is_settled(loader));
    CHECK(!credentials_loader_get(loader));
    CHECK_STRING(credentials_loader_get_error(loader), NULL);
    credentials_loader_set(loader, cert, key, ca_file);
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

    credentials_loader_set(loader, "./rsa-cert", "rsa-key", "ca");
    AWAIT_ERROR(loader, NULL);
    credentials_loader_set(loader, "missing", "rsa-key", "ca");
    AWAIT_ERROR(loader, "missing: ");
    credentials_loader_set(loader, "rsa-cert", "rsa-key", "ca");
    AWAIT_ERROR(loader, NULL);
    CHECK(credentials_loader_get(loader) == first);

    write_cert("cas", ca, old_ca);
    credentials_loader_set(loader, "rsa-cert", "rsa-key", "cas");
    credentials_loader_set(loader, "missing", "rsa-key", "ca");
    AWAIT_ERROR(loader, "missing: ");
    credentials_loader_set(loader, "rsa-cert", "rsa-key", "cas");
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

    credentials_loader_set(loader, "rsa-cert", "/dev/null", "ca");
    AWAIT_ERROR(loader, "/dev/null: is a device, not the file of a private "
                "key");
    credentials_loader_set(loader, "rsa-cert", "rsa-key", ".");
    AWAIT_ERROR(loader, ".: is a folder, not the file of a CA certificate");
    credentials_loader_set(loader, "rsa-cert/x", "rsa-key", "ca");
    AWAIT_ERROR(loader, "rsa-cert/x: the certificate cannot be read: Not a "
                "directory");

    CHECK(!mkfifo("fifo", 0600));
    credentials_loader_set(loader, "fifo", "rsa-key", "ca");
    AWAIT_ERROR(loader, "fifo: is a device, not the file of a certificate");

    memset(big, 'x', 1024 * 1024 + 1);
    big[1024 * 1024 + 1] = '\0';
    write_file("big", big, NULL);
    free(big);
    credentials_loader_set(loader, "big", "rsa-key", "ca");
    AWAIT_ERROR(loader, "big: has 1048577 bytes, more than a certificate can "
                "have (1048576)");
    write_file("empty", "", NULL);
    credentials_loader_set(loader, "empty", "rsa-key", "ca");
    AWAIT_ERROR(loader, "empty: the file is empty");

    credentials_loader_set(loader, "rsa-cert", NULL, "ca");
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
    X509 *nameless = pki_make_cert(&(struct pki_spec) {
        .cn = "x", .key = rsa, .issuer = ca, .issuer_key = ca_key,
    });
    struct credentials_loader *loader = start("rsa-cert", "ec-key", "ca");

    AWAIT_ERROR(loader, "ec-key: the private key does not belong to "
                "certificate rsa-cert");
    write_cert("foreign-ca", old_ca, NULL);
    credentials_loader_set(loader, "rsa-cert", "rsa-key", "foreign-ca");
    AWAIT_ERROR(loader, "rsa-cert: no CA in foreign-ca has issued it");
    credentials_loader_set(loader, "rsa-cert", "rsa-key", "rsa-cert");
    AWAIT_ERROR(loader, "rsa-cert: certificate 1 in it, \"rsa\", is not a "
                "CA's");
    write_cert("expired", expired, NULL);
    credentials_loader_set(loader, "expired", "rsa-key", "ca");
    AWAIT_ERROR(loader, "expired: the certificate expired at ");
    write_cert("nameless", nameless, NULL);
    credentials_loader_set(loader, "nameless", "rsa-key", "ca");
    AWAIT_ERROR(loader, "nameless: the certificate has no DNS name");
    credentials_loader_set(loader, "rsa-key", "rsa-key", "ca");
    AWAIT_ERROR(loader, "rsa-key: has a private key where a certificate is "
                "expected");
    credentials_loader_set(loader, "rsa-cert", "rsa-key", "rsa-key");
    AWAIT_ERROR(loader, "rsa-key: has a private key where a certificate is "
                "expected");
    CHECK(!credentials_loader_get(loader));
    credentials_loader_destroy(loader);
    X509_free(expired);
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

    credentials_loader_set(loader, "rsa-cert", "rsa-key", "ca");
    AWAIT_ERROR(loader, NULL);
    credentials_loader_set(loader, "late-cert", "late-key", "ca");
    AWAIT_ERROR(loader, "late-cert: there is no such file");
    c = credentials_loader_get(loader);
    CHECK_STRING(c ? c->name : NULL, "rsa");

    write_pair("late", ec, NULL);
    AWAIT_ERROR(loader, NULL);
    c = credentials_loader_get(loader);
    CHECK_STRING(c ? c->name : NULL, "late");

    credentials_loader_set(loader, NULL, NULL, NULL);
    CHECK(!credentials_loader_get(loader));
    AWAIT_ERROR(loader, "this host has no certificate");

    /* Peers whose certificates are known need no CA. */
    credentials_loader_set(loader, "rsa-cert", "rsa-key", NULL);
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
    credentials_loader_set(loader, "nowhere", "rsa-key", "ca");
    credentials_loader_run(loader);
    CHECK(!credentials_loader_get(loader));
    AWAIT_ERROR(loader, "nowhere: there is no such file");
    CHECK(!credentials_loader_get(loader));
    credentials_loader_destroy(loader);
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
    test_bundles();
    test_digest();
    test_bad_files();
    test_bad_contents();
    test_recovery();
    test_overtaken();
    test_open_key();

    X509_free(ca);
    X509_free(old_ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ed25519);
}
