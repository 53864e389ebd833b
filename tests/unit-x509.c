/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests lib/x509 with keys and certificates made on the spot. */

#include <config.h>

#include "x509.h"

#include <stdlib.h>
#include <string.h>
#include <openssl/x509v3.h>

#include "svec.h"
#include "unit.h"
#include "unit-pki.h"

static EVP_PKEY *ca_key, *other_key, *node_key;
static X509 *ca;

/* Checks that 'error', which it frees, is 'expected', or null like it. */
static void
check_error(char *error, const char *expected, const char *where)
{
    unit_check_string(error, expected, where, "error");
    unit_note(error);
    free(error);
}
#define CHECK_ERROR(ERROR, EXPECTED) \
    check_error(ERROR, EXPECTED, OVS_SOURCE_LOCATOR)

/* As check_error(), but 'expected' is only a part. */
static void
check_in(char *error, const char *expected, const char *where)
{
    bool ok = error && strstr(error, expected);

    unit_check(ok, where, expected);
    if (!ok) {
        fprintf(stderr, "  got: %s\n", error ? error : "(null)");
    }
    unit_note(error);
    free(error);
}
#define CHECK_IN(ERROR, EXPECTED) \
    check_in(ERROR, EXPECTED, OVS_SOURCE_LOCATOR)

static char *
read_certs(const char *data, int *n)
{
    STACK_OF(X509) *certs;
    char *error = x509_read_certs("C", data, strlen(data), &certs);

    *n = certs ? sk_X509_num(certs) : -1;
    x509_free_certs(certs);
    return error;
}

static void
test_read_certs(void)
{
    char *pem = pki_cert_pem(ca);
    char *key = pki_key_pem(node_key, NULL);
    char *two = xasprintf("first\n%s%s%slast\n", pem, key, pem);
    char *cut = xmemdup0(pem, strlen(pem) / 2);
    char *damaged = xasprintf("%s%s", pem, pem);
    STACK_OF(X509) *certs;
    int n;

    CHECK_ERROR(read_certs(pem, &n), NULL);
    CHECK(n == 1);
    CHECK_ERROR(read_certs(two, &n), NULL);
    CHECK(n == 2);

    memset(strstr(damaged + strlen(pem), "-----\n") + 6, 'A', 8);
    CHECK_IN(read_certs(damaged, &n), "C: certificate 2 in it is damaged (");
    CHECK(n == -1);
    CHECK_IN(read_certs(cut, &n), "C: certificate 1 in it is damaged (");
    CHECK_ERROR(read_certs("", &n), "C: the file is empty");
    CHECK_ERROR(read_certs("hello\n", &n),
                "C: has no certificate in it, neither in PEM nor in DER; "
                "\"openssl x509 -in C -noout -text\" must show one");
    CHECK_ERROR(read_certs(key, &n),
                "C: has a private key where a certificate is expected");
    CHECK_ERROR(x509_read_certs("C", "\x30\x82\0\0", 4, &certs),
                "C: looks like DER, but there is no certificate in it, or a "
                "damaged one; \"openssl x509 -inform DER -in C -noout -text\" "
                "must show it");
    CHECK(!certs);
    free(pem);
    free(key);
    free(two);
    free(cut);
    free(damaged);
}

static char *
read_key(const char *data)
{
    EVP_PKEY *key;
    char *error = x509_read_key("K", data, strlen(data), &key);

    CHECK((key != NULL) == (error == NULL));
    EVP_PKEY_free(key);
    return error;
}

/* A key of 'type' passes through reading and writing unharmed. */
static void
check_key_type(const char *type)
{
    EVP_PKEY *key = pki_make_key(type);
    EVP_PKEY *again = NULL;
    char *pem = pki_key_pem(key, NULL);
    char *encrypted = pki_key_pem(key, "secret");
    char *commented = xasprintf("Private-Key:\n%s", pem);
    char *out;

    CHECK_ERROR(x509_read_key("K", pem, strlen(pem), &again), NULL);
    CHECK(again && EVP_PKEY_eq(key, again) == 1);
    out = x509_key_to_pem(again);
    CHECK(!strncmp(out, "-----BEGIN PRIVATE KEY-----\n", 28));
    EVP_PKEY_free(again);
    CHECK_ERROR(x509_read_key("K", out, strlen(out), &again), NULL);
    CHECK(again && EVP_PKEY_eq(key, again) == 1);
    EVP_PKEY_free(again);

    CHECK_ERROR(read_key(commented), NULL);
    CHECK_ERROR(read_key(encrypted),
                "K: the private key is encrypted, and nobody is there to type "
                "its passphrase; decrypt it with \"openssl pkey -in K -out "
                "FILE\"");
    free(pem);
    free(encrypted);
    free(commented);
    free(out);
    EVP_PKEY_free(key);
}

static void
test_read_key(void)
{
    EVP_PKEY *exchange = pki_make_key("X25519");
    char *cert = pki_cert_pem(ca);
    char *unfit = pki_key_pem(exchange, NULL);

    check_key_type("RSA");
    check_key_type("EC");
    check_key_type("ED25519");
    check_key_type("ED448");
    CHECK_ERROR(read_key(unfit),
                "K: the private key is of type X25519; RSA, EC, Ed25519 and "
                "Ed448 can be used");
    CHECK_ERROR(read_key(cert),
                "K: has a certificate where a private key is expected");
    CHECK_ERROR(read_key(""), "K: the file is empty");
    CHECK_ERROR(read_key("x"),
                "K: has no private key in it, neither in PEM nor in DER; "
                "\"openssl pkey -in K -noout -text\" must show one");
    CHECK_IN(read_key("-----BEGIN PRIVATE KEY-----\nAAAA\n"
                      "-----END PRIVATE KEY-----\n"),
             "K: the private key is damaged (");
    free(cert);
    free(unfit);
    EVP_PKEY_free(exchange);
}

/* Returns what x509_get_name() says of a certificate with 'cn' and 'san',
 * both of which may be null. */
static char *
get_name(const char *cn, const char *san, char **name)
{
    X509 *cert = pki_make_cert(&(struct pki_spec) {
        .cn = cn, .san = san, .key = node_key,
    });
    char *error = x509_get_name("C", cert, name);

    CHECK((*name != NULL) == (error == NULL));
    X509_free(cert);
    return error;
}

static void
check_name(const char *cn, const char *san, const char *expected)
{
    char *name;

    CHECK_ERROR(get_name(cn, san, &name), NULL);
    CHECK_STRING(name, expected);
    free(name);
}

static void
test_name(void)
{
    char *name;

    check_name("node-1", "DNS:node-1", "node-1");
    check_name("node-1", "DNS:a,IP:10.0.0.1,DNS:node-1", "node-1");
    check_name("NODE-1", "DNS:node-1", "node-1");
    check_name(NULL, "DNS:node-1", "node-1");

    CHECK_ERROR(get_name("node-1", NULL, &name),
                "C: the certificate has no DNS name in subjectAltName, by "
                "which peers know this host; see \"openssl x509 -in C -noout "
                "-subject -ext subjectAltName\", make a new one with "
                "\"ovs-pki\"");
    CHECK_IN(get_name("node-1", "IP:10.0.0.1", &name),
             "C: the certificate has no DNS name in subjectAltName");
    CHECK_IN(get_name("n\x1b", "DNS:a,DNS:b", &name),
             "C: commonName \"n\\x1b\" is not a DNS name in subjectAltName "
             "(\"a\", \"b\"), so which one peers expect is not known");
    CHECK_IN(get_name("b", "DNS:a", &name),
             "C: commonName \"b\" is not a DNS name in subjectAltName "
             "(\"a\"), so");
    CHECK_IN(get_name(NULL, "DNS:a,DNS:b", &name),
             "C: commonName \"\" is not a DNS name in subjectAltName");
    CHECK_ERROR(get_name(NULL, "DNS:*", &name),
                "C: DNS name \"*\" in subjectAltName cannot be a chassis "
                "name: it has a character other than letters, digits, '.', "
                "'_' and '-' (byte 0x2a at 0)");
}

/* A name that ends in a null byte for some and goes on for others. */
static void
test_name_with_null(void)
{
    X509 *cert = pki_make_cert(&(struct pki_spec) { .key = node_key });
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *san = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    char *name;

    ASN1_STRING_set(text, "good\0evil", 9);
    GENERAL_NAME_set0_value(san, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, san);
    X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0);
    CHECK_IN(x509_get_name("C", cert, &name),
             "C: DNS name \"good?evil\" in subjectAltName cannot be");
    GENERAL_NAMES_free(names);
    X509_free(cert);
}

static void
test_validity(void)
{
    X509 *cert = pki_make_cert(&(struct pki_spec) {
        .cn = "n", .key = node_key, .from_days = 1, .to_days = 2,
    });
    time_t now = time(NULL);
    time_t end = x509_not_after(cert);

    CHECK(end >= now + 2 * 86400 - 5 && end <= now + 2 * 86400 + 5);
    CHECK_ERROR(x509_check_validity("C", cert, end), NULL);
    CHECK_ERROR(x509_check_validity("C", cert, end - 86400), NULL);
    CHECK_IN(x509_check_validity("C", cert, end + 1),
             "C: the certificate expired at 2");
    CHECK_IN(x509_check_validity("C", cert, end + 1),
             " UTC; replace it; see \"openssl x509 -in C -noout -dates\"");
    CHECK_IN(x509_check_validity("C", cert, end - 86401),
             "C: the certificate is not valid before 2");
    X509_free(cert);
}

/* Returns a new stack of what is not null of 'a' and 'b', which stay the
 * caller's. */
static STACK_OF(X509) *
stack(X509 *a, X509 *b)
{
    STACK_OF(X509) *certs = sk_X509_new_null();

    sk_X509_push(certs, a);
    if (b) {
        sk_X509_push(certs, b);
    }
    return certs;
}

static char *
check_key(X509 *first, X509 *second, EVP_PKEY *key)
{
    STACK_OF(X509) *certs = stack(first, second);
    char *error = x509_check_key("C", certs, "K", key);

    sk_X509_free(certs);
    return error;
}

static void
test_key(void)
{
    X509 *cert = pki_make_cert(&(struct pki_spec) { .key = node_key });

    CHECK_ERROR(check_key(cert, ca, node_key), NULL);
    CHECK_ERROR(check_key(cert, NULL, ca_key),
                "K: the private key does not belong to certificate C; "
                "\"openssl pkey -in K -pubout\" and \"openssl x509 -in C "
                "-noout -pubkey\" must show the same");
    CHECK_IN(check_key(cert, ca, other_key),
             "K: the private key does not belong to certificate C");
    CHECK_ERROR(check_key(ca, cert, node_key),
                "C: certificate 2 in it is this host's, by its key; it must "
                "be the first, and those of CAs follow; \"openssl storeutl "
                "-noout -text -certs C\" shows them");
    X509_free(cert);
}

static char *
check_usage(const char *usage)
{
    X509 *cert = pki_make_cert(&(struct pki_spec) {
        .cn = "n", .key = node_key, .usage = usage,
    });
    char *error = x509_check_usage("C", cert);

    X509_free(cert);
    return error;
}

static void
test_usage(void)
{
    CHECK_ERROR(check_usage(NULL), NULL);
    CHECK_ERROR(check_usage("digitalSignature"), NULL);
    CHECK_ERROR(check_usage("nonRepudiation,keyEncipherment"), NULL);
    CHECK_ERROR(check_usage("keyEncipherment"),
                "C: the certificate's keyUsage has no digitalSignature, so it "
                "cannot be used for IKE; see \"openssl x509 -in C -noout -ext "
                "keyUsage\", make a new one with \"ovs-pki\"");
}

static void
test_der(void)
{
    unsigned char *der = NULL;
    int size = i2d_X509(ca, &der);
    STACK_OF(X509) *certs;
    EVP_PKEY *key;

    CHECK_ERROR(x509_read_certs("C", der, size, &certs), NULL);
    CHECK(sk_X509_num(certs) == 1
          && !X509_cmp(sk_X509_value(certs, 0), ca));
    x509_free_certs(certs);
    CHECK_IN(x509_read_certs("C", der, size - 1, &certs),
             "C: looks like DER, but there is no certificate in it");
    OPENSSL_free(der);

    der = NULL;
    size = i2d_PrivateKey(node_key, &der);
    CHECK_ERROR(x509_read_key("K", der, size, &key), NULL);
    CHECK(EVP_PKEY_eq(key, node_key) == 1);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
}

static void
test_crl(void)
{
    X509 *leaf = pki_make_cert(&(struct pki_spec) {
        .cn = "n", .key = node_key, .issuer = ca, .issuer_key = ca_key,
    });
    char *crl_pem = pki_crl_pem(ca, ca_key, leaf, 2);
    char *forged_pem = pki_crl_pem(ca, other_key, NULL, 2);
    char *serial = x509_cert_serial(leaf);
    struct svec revoked = SVEC_EMPTY_INITIALIZER;
    STACK_OF(X509) *cas = stack(ca, NULL);
    STACK_OF(X509) *others = stack(leaf, NULL);
    STACK_OF(X509_CRL) *crls;
    X509_CRL *crl;
    bool ours;

    CHECK_ERROR(x509_read_crls("L", crl_pem, strlen(crl_pem), &crls), NULL);
    CHECK(sk_X509_CRL_num(crls) == 1);
    crl = sk_X509_CRL_value(crls, 0);
    CHECK_ERROR(x509_check_crl("L", crl, "CA", cas, &ours), NULL);
    CHECK(ours);
    CHECK_ERROR(x509_check_crl("L", crl, "CA", others, &ours), NULL);
    CHECK(!ours);
    CHECK(x509_crl_ends(crl) > time(NULL) + 86400);
    x509_crl_add_revoked(crl, &revoked);
    CHECK(revoked.n == 1);
    CHECK_STRING(revoked.n ? revoked.names[0] : NULL, serial);
    x509_free_crls(crls);

    CHECK_ERROR(x509_read_crls("L", forged_pem, strlen(forged_pem), &crls),
                NULL);
    CHECK_ERROR(x509_check_crl("L", sk_X509_CRL_value(crls, 0), "CA", cas,
                               &ours),
                "L: the CA of that name in CA did not sign the CRL; "
                "\"openssl crl -in L -noout -CAfile CA\" must verify it");
    CHECK(!ours);
    x509_free_crls(crls);
    CHECK_ERROR(x509_read_crls("L", "x", 1, &crls),
                "L: has no CRL in it, neither in PEM nor in DER; \"openssl "
                "crl -in L -noout -text\" must show one");

    svec_destroy(&revoked);
    sk_X509_free(cas);
    sk_X509_free(others);
    free(crl_pem);
    free(forged_pem);
    free(serial);
    X509_free(leaf);
}

static char *
check_chain(X509 *cert, X509 *intermediate, X509 *trusted, X509 *trusted2)
{
    STACK_OF(X509) *certs = stack(cert, intermediate);
    STACK_OF(X509) *cas = stack(trusted, trusted2);
    char *error = x509_check_cas("CA", cas);

    if (!error) {
        error = x509_check_chain("C", certs, "CA", cas, time(NULL));
    }
    sk_X509_free(certs);
    sk_X509_free(cas);
    return error;
}

static void
test_chain(void)
{
    X509 *sub = pki_make_cert(&(struct pki_spec) {
        .cn = "Sub", .key = other_key, .ca = true,
        .issuer = ca, .issuer_key = ca_key,
    });
    X509 *old = pki_make_cert(&(struct pki_spec) {
        .cn = "Root", .key = ca_key, .ca = true,
        .from_days = -2, .to_days = -1,
    });
    X509 *namesake = pki_make_cert(&(struct pki_spec) {
        .cn = "Root", .key = other_key, .ca = true,
    });
    X509 *stranger = pki_make_cert(&(struct pki_spec) {
        .cn = "Stranger", .key = other_key, .ca = true,
    });
    X509 *leaf = pki_make_cert(&(struct pki_spec) {
        .cn = "n", .key = node_key, .issuer = ca, .issuer_key = ca_key,
    });
    X509 *deep = pki_make_cert(&(struct pki_spec) {
        .cn = "n", .key = node_key, .issuer = sub, .issuer_key = other_key,
    });

    CHECK_ERROR(check_chain(leaf, NULL, ca, NULL), NULL);
    CHECK_ERROR(check_chain(leaf, NULL, stranger, ca), NULL);
    CHECK_ERROR(check_chain(deep, sub, ca, NULL), NULL);
    CHECK_ERROR(check_chain(deep, NULL, ca, sub), NULL);
    CHECK_ERROR(check_chain(deep, NULL, sub, NULL), NULL);

    CHECK_ERROR(check_chain(leaf, NULL, stranger, NULL),
                "C: no CA in CA has issued it; compare \"openssl x509 -in C "
                "-noout -issuer\" with \"openssl x509 -in CA -noout "
                "-subject\"");
    CHECK_IN(check_chain(deep, NULL, ca, NULL),
             "C: no CA in CA has issued it");
    CHECK_IN(check_chain(deep, sub, stranger, NULL), " (at \"Sub\", 1 above");
    CHECK_IN(check_chain(ca, NULL, stranger, NULL),
             "C: no CA in CA has issued it");
    CHECK_ERROR(check_chain(leaf, NULL, namesake, NULL),
                "C: the CA of that name in CA did not sign it: it has another "
                "key than the one that did");
    CHECK_ERROR(check_chain(leaf, NULL, old, NULL),
                "C: not accepted by the CA in CA: certificate has expired (at "
                "\"Root\", 1 above it)");
    CHECK_ERROR(check_chain(leaf, NULL, ca, leaf),
                "CA: certificate 2 in it, \"n\", is not a CA's (its "
                "basicConstraints do not say CA:TRUE)");

    X509_free(sub);
    X509_free(old);
    X509_free(namesake);
    X509_free(stranger);
    X509_free(leaf);
    X509_free(deep);
}

void
unit_x509(void)
{
    ca_key = pki_make_key("EC");
    other_key = pki_make_key("EC");
    node_key = pki_make_key("RSA");
    ca = pki_make_cert(&(struct pki_spec) {
        .cn = "Root", .key = ca_key, .ca = true,
    });
    test_read_certs();
    test_read_key();
    test_name();
    test_name_with_null();
    test_validity();
    test_key();
    test_usage();
    test_der();
    test_crl();
    test_chain();
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(other_key);
    EVP_PKEY_free(node_key);
}
