/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Keys and certificates for unit tests; see unit-pki.h.  Written apart from
 * lib/x509, so that a fault there is not repeated here. */

#include <config.h>

#include "unit-pki.h"

#include <string.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "util.h"

static void
must(bool ok, const char *what)
{
    if (!ok) {
        ovs_fatal(0, "openssl: %s failed", what);
    }
}

/* Returns a new key: "RSA", "EC", "ED25519", "ED448", "DSA" or "X25519". */
EVP_PKEY *
pki_make_key(const char *type)
{
    EVP_PKEY *key
        = (!strcmp(type, "RSA") ? EVP_PKEY_Q_keygen(NULL, NULL, type,
                                                    (size_t) 2048)
           : !strcmp(type, "EC") ? EVP_PKEY_Q_keygen(NULL, NULL, type,
                                                     "P-256")
           : EVP_PKEY_Q_keygen(NULL, NULL, type));

    must(key != NULL, "key");
    return key;
}

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(extension && X509_add_ext(cert, extension, -1), value);
    X509_EXTENSION_free(extension);
}

static void
set_validity(X509 *cert, int from, int to)
{
    bool set = from || to;

    X509_gmtime_adj(X509_getm_notBefore(cert), set ? from * 86400L : 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), set ? to * 86400L : 86400L);
}

static const EVP_MD *
digest_for(EVP_PKEY *signer)
{
    int type = EVP_PKEY_base_id(signer);

    return (type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448
            ? NULL : EVP_sha256());
}

/* Returns a new certificate as 'spec' says. */
X509 *
pki_make_cert(const struct pki_spec *spec)
{
    EVP_PKEY *signer = spec->issuer ? spec->issuer_key : spec->key;
    X509 *cert = X509_new();
    X509 *issuer = spec->issuer ? spec->issuer : cert;
    static int serial = 1;

    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    set_validity(cert, spec->from_days, spec->to_days);
    X509_set_pubkey(cert, spec->key);
    if (spec->cn) {
        X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
                                   MBSTRING_UTF8,
                                   (const unsigned char *) spec->cn,
                                   -1, -1, 0);
    }
    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    add_extension(cert, issuer, NID_basic_constraints,
                  spec->ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (spec->san) {
        add_extension(cert, issuer, NID_subject_alt_name, spec->san);
    }
    if (spec->usage) {
        add_extension(cert, issuer, NID_key_usage, spec->usage);
    }
    must(X509_sign(cert, signer, digest_for(signer)), "sign");
    return cert;
}

static char *
take_text(BIO *bio, bool ok)
{
    char *data, *text;
    long int size = BIO_get_mem_data(bio, &data);

    must(ok, "PEM");
    text = xmemdup0(data, size);
    BIO_free(bio);
    return text;
}

char *
pki_cert_pem(X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());

    return take_text(bio, PEM_write_bio_X509(bio, cert));
}

static bool
has_traditional_format(EVP_PKEY *key)
{
    int type = EVP_PKEY_base_id(key);

    return type == EVP_PKEY_RSA || type == EVP_PKEY_EC;
}

/* As older tools write a key of this type, or in PKCS #8, encrypted, if
 * 'passphrase' is not null. */
char *
pki_key_pem(EVP_PKEY *key, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());

    return take_text(
        bio,
        (passphrase || !has_traditional_format(key)
         ? PEM_write_bio_PKCS8PrivateKey(
             bio, key, passphrase ? EVP_aes_128_cbc() : NULL, passphrase,
             passphrase ? strlen(passphrase) : 0, NULL, NULL)
         : PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0,
                                                NULL, NULL)));
}

static void
add_revoked(X509_CRL *crl, X509 *cert)
{
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);

    X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(cert));
    X509_REVOKED_set_revocationDate(revoked, now);
    must(X509_CRL_add0_revoked(crl, revoked), "revoke");
    ASN1_TIME_free(now);
}

/* A CRL of 'issuer' in which 'revoked' is, if not null, for 'days'. */
char *
pki_crl_pem(X509 *issuer, EVP_PKEY *issuer_key, X509 *revoked, int days)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
    ASN1_TIME *end = X509_gmtime_adj(NULL, days * 86400L);
    BIO *bio = BIO_new(BIO_s_mem());

    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
    X509_CRL_set1_lastUpdate(crl, now);
    X509_CRL_set1_nextUpdate(crl, end);
    if (revoked) {
        add_revoked(crl, revoked);
    }
    must(X509_CRL_sign(crl, issuer_key, digest_for(issuer_key)), "sign");
    ASN1_TIME_free(now);
    ASN1_TIME_free(end);

    char *pem = take_text(bio, PEM_write_bio_X509_CRL(bio, crl));
    X509_CRL_free(crl);
    return pem;
}
