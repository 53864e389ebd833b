/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Certificates and private keys by OpenSSL; see x509.h.  ipsec/credentials
 * calls this. */

#include <config.h>

#include "x509.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "chassis-name.h"
#include "openvswitch/dynamic-string.h"
#include "quote.h"
#include "svec.h"
#include "util.h"

/* Reading. */

static bool
has_text(const void *data, size_t size, const char *text)
{
    return memmem(data, size, text, strlen(text)) != NULL;
}

/* Returns true if 'data' begins as everything in DER does, with a SEQUENCE,
 * and is not PEM. */
static bool
is_der(const void *data, size_t size)
{
    return (size > 1 && *(const uint8_t *) data == 0x30
            && !has_text(data, size, "-----BEGIN "));
}

/* Returns a sentence for a file in which no 'what' (a certificate, a private
 * key) was found.  'command' is openssl's for a 'what'. */
static char *
explain_nothing(const char *path, const void *data, size_t size,
                const char *what, const char *command)
{
    if (!size) {
        return xasprintf("%s: the file is empty", path);
    }
    if (is_der(data, size)) {
        return xasprintf("%s: looks like DER, but there is no %s in it, or a "
                         "damaged one; \"openssl %s -inform DER -in %s -noout "
                         "-text\" must show it",
                         path, strchr(what, ' ') + 1, command, path);
    }
    if (has_text(data, size, "-----BEGIN CERTIFICATE-----")) {
        return xasprintf("%s: has a certificate where %s is expected",
                         path, what);
    }
    if (has_text(data, size, "PRIVATE KEY-----")) {
        return xasprintf("%s: has a private key where %s is expected",
                         path, what);
    }
    return xasprintf("%s: has no %s in it, neither in PEM nor in DER; "
                     "\"openssl %s -in %s -noout -text\" must show one",
                     path, strchr(what, ' ') + 1, command, path);
}

/* Returns OpenSSL's reason for the last failure, or a stopgap, and forgets
 * it. */
static const char *
openssl_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return reason ? reason : "no reason given";
}

/* Returns true if PEM_read_bio_*() failed because nothing more is there. */
static bool
is_end_of_pem(void)
{
    unsigned long int e = ERR_peek_last_error();

    return (ERR_GET_LIB(e) == ERR_LIB_PEM
            && ERR_GET_REASON(e) == PEM_R_NO_START_LINE);
}

static BIO *
open_bytes(const void *data, size_t size)
{
    BIO *bio = BIO_new_mem_buf(data, MIN(size, INT_MAX));

    if (!bio) {
        out_of_memory();
    }
    ERR_clear_error();
    return bio;
}

/* Reads the certificate in the 'size' bytes of DER, or all of PEM, at 'data'
 * into a new stack '*certs', in their order, null on error.  Other things
 * between them are skipped. */
char *
x509_read_certs(const char *path, const void *data, size_t size,
                STACK_OF(X509) **certs)
{
    BIO *bio = open_bytes(data, size);
    char *error = NULL;
    X509 *cert;

    *certs = sk_X509_new_null();
    if (is_der(data, size) && (cert = d2i_X509_bio(bio, NULL))) {
        sk_X509_push(*certs, cert);
    }
    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        sk_X509_push(*certs, cert);
    }
    if (!is_end_of_pem()) {
        error = xasprintf("%s: certificate %d in it is damaged (%s); write "
                          "the file anew", path, sk_X509_num(*certs) + 1,
                          openssl_reason());
    } else if (!sk_X509_num(*certs)) {
        error = explain_nothing(path, data, size, "a certificate", "x509");
    }
    if (error) {
        x509_free_certs(*certs);
        *certs = NULL;
    }
    ERR_clear_error();
    BIO_free(bio);
    return error;
}

/* Frees 'certs', which may be null, and all in it. */
void
x509_free_certs(STACK_OF(X509) *certs)
{
    sk_X509_pop_free(certs, X509_free);
}

/* Asked for the passphrase of a key: there is none, but now we know. */
static int
note_encrypted(char *buffer OVS_UNUSED, int size OVS_UNUSED,
               int writing OVS_UNUSED, void *encrypted)
{
    *(bool *) encrypted = true;
    return -1;
}

static bool
is_key_type_known(const EVP_PKEY *key)
{
    int type = EVP_PKEY_base_id(key);

    return (type == EVP_PKEY_RSA || type == EVP_PKEY_EC
            || type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448);
}

static char *
explain_no_key(const char *path, const void *data, size_t size,
               bool encrypted)
{
    if (encrypted) {
        return xasprintf("%s: the private key is encrypted, and nobody is "
                         "there to type its passphrase; decrypt it with "
                         "\"openssl pkey -in %s -out FILE\"", path, path);
    }
    return (has_text(data, size, "PRIVATE KEY-----")
            ? xasprintf("%s: the private key is damaged (%s); write the file "
                        "anew", path, openssl_reason())
            : explain_nothing(path, data, size, "a private key", "pkey"));
}

/* Reads the private key in the 'size' bytes of DER, or the first one of PEM,
 * at 'data' into a new '*key', null on error. */
char *
x509_read_key(const char *path, const void *data, size_t size,
              EVP_PKEY **key)
{
    BIO *bio = open_bytes(data, size);
    bool encrypted = false;
    char *error = NULL;

    *key = (is_der(data, size)
            ? d2i_PrivateKey_bio(bio, NULL)
            : PEM_read_bio_PrivateKey(bio, NULL, note_encrypted, &encrypted));
    if (!*key) {
        error = explain_no_key(path, data, size, encrypted);
    } else if (!is_key_type_known(*key)) {
        error = xasprintf("%s: the private key is of type %s; RSA, EC, "
                          "Ed25519 and Ed448 can be used",
                          path, OBJ_nid2sn(EVP_PKEY_base_id(*key)));
        EVP_PKEY_free(*key);
        *key = NULL;
    }
    ERR_clear_error();
    BIO_free(bio);
    return error;
}

/* Reads the CRL in the 'size' bytes of DER, or all of PEM, at 'data' into a
 * new stack '*crls', null on error. */
char *
x509_read_crls(const char *path, const void *data, size_t size,
               STACK_OF(X509_CRL) **crls)
{
    BIO *bio = open_bytes(data, size);
    char *error = NULL;
    X509_CRL *crl;

    *crls = sk_X509_CRL_new_null();
    if (is_der(data, size) && (crl = d2i_X509_CRL_bio(bio, NULL))) {
        sk_X509_CRL_push(*crls, crl);
    }
    while ((crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
        sk_X509_CRL_push(*crls, crl);
    }
    if (!is_end_of_pem()) {
        error = xasprintf("%s: CRL %d in it is damaged (%s); write the file "
                          "anew", path, sk_X509_CRL_num(*crls) + 1,
                          openssl_reason());
    } else if (!sk_X509_CRL_num(*crls)) {
        error = explain_nothing(path, data, size, "a CRL", "crl");
    }
    if (error) {
        x509_free_crls(*crls);
        *crls = NULL;
    }
    ERR_clear_error();
    BIO_free(bio);
    return error;
}

/* Frees 'crls', which may be null, and all in it. */
void
x509_free_crls(STACK_OF(X509_CRL) *crls)
{
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
}

/* Names. */

/* Returns the 'length' bytes at 'data' as a string that the caller must free.
 * A null byte, which some would take for its end, reads as "?", which no
 * chassis name has. */
static char *
dup_text(const unsigned char *data, size_t length)
{
    char *text = xmemdup0((const char *) data, length);

    for (size_t i = 0; i < length; i++) {
        text[i] = text[i] ? text[i] : '?';
    }
    return text;
}

static char *
common_name_of(const X509_NAME *subject)
{
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *utf8;
    int length;
    char *name;

    if (index < 0) {
        return xstrdup("");
    }
    length = ASN1_STRING_to_UTF8(
        &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
    if (length < 0) {
        ERR_clear_error();
        return xstrdup("?");
    }
    name = dup_text(utf8, length);
    OPENSSL_free(utf8);
    return name;
}

/* Returns the subject's commonName, or the empty string, as UTF-8 that the
 * caller must free. */
char *
x509_common_name(X509 *cert)
{
    return common_name_of(X509_get_subject_name(cert));
}

/* Returns the commonName of the CA that has issued 'crl', likewise. */
char *
x509_crl_issuer(X509_CRL *crl)
{
    return common_name_of(X509_CRL_get_issuer(crl));
}

/* Adds the dNSNames of subjectAltName to 'names'. */
static void
get_dns_names(X509 *cert, struct svec *names)
{
    GENERAL_NAMES *sans
        = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        const GENERAL_NAME *san = sk_GENERAL_NAME_value(sans, i);

        if (san->type == GEN_DNS) {
            const ASN1_STRING *name = san->d.dNSName;

            svec_add_nocopy(names, dup_text(ASN1_STRING_get0_data(name),
                                            ASN1_STRING_length(name)));
        }
    }
    GENERAL_NAMES_free(sans);
    ERR_clear_error();
}

/* Returns which of 'names' the commonName 'cn' means, or null.  Without a
 * commonName a single one is meant. */
static const char *
choose_name(const struct svec *names, const char *cn)
{
    for (size_t i = 0; i < names->n; i++) {
        if (!strcasecmp(names->names[i], cn)) {
            return names->names[i];
        }
    }
    return !cn[0] && names->n == 1 ? names->names[0] : NULL;
}

static char *
explain_no_name(const char *path, const struct svec *names, const char *cn)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%s: ", path);
    if (!names->n) {
        ds_put_format(&s, "the certificate has no DNS name in "
                      "subjectAltName, by which peers know this host");
    } else {
        ds_put_cstr(&s, "commonName ");
        put_quoted(&s, cn);
        ds_put_cstr(&s, " is not a DNS name in subjectAltName (");
        for (size_t i = 0; i < names->n; i++) {
            ds_put_cstr(&s, i ? ", " : "");
            put_quoted(&s, names->names[i]);
        }
        ds_put_cstr(&s, "), so which one peers expect is not known");
    }
    ds_put_format(&s, "; see \"openssl x509 -in %s -noout -subject -ext "
                  "subjectAltName\", make a new one with \"ovs-pki\"", path);
    return ds_steal_cstr(&s);
}

static char *
check_name(const char *path, const char *name)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    char *reason = chassis_name_check(name);

    if (reason) {
        ds_put_format(&s, "%s: DNS name ", path);
        put_quoted(&s, name);
        ds_put_format(&s, " in subjectAltName cannot be a chassis name: it "
                      "%s", reason);
        free(reason);
        return ds_steal_cstr(&s);
    }
    return NULL;
}

/* Stores in '*name', for the caller to free, the identity that 'cert' proves:
 * the dNSName of its subjectAltName that is also its commonName, if it has
 * one.  Peers that run strongSwan or Libreswan look at subjectAltName, Open
 * vSwitch's older ovs-monitor-ipsec took the commonName for it, so that a
 * certificate in which they differ works with one of them only.  '*name' is
 * null on error. */
char *
x509_get_name(const char *path, X509 *cert, char **name)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;
    char *cn = x509_common_name(cert);
    const char *choice;
    char *error;

    get_dns_names(cert, &names);
    choice = choose_name(&names, cn);
    error = (choice ? check_name(path, choice)
             : explain_no_name(path, &names, cn));
    *name = error ? NULL : xstrdup(choice);

    svec_destroy(&names);
    free(cn);
    return error;
}

/* Checks. */

static long long int
asn1_time(const ASN1_TIME *time)
{
    struct tm tm;

    return ASN1_TIME_to_tm(time, &tm) ? timegm(&tm) : 0;
}

static void
put_time(struct ds *s, long long int when)
{
    ds_put_strftime_msec(s, "%Y-%m-%d %H:%M:%S UTC", when * 1000, true);
}

/* Returns when 'cert' expires, in s since the epoch. */
long long int
x509_not_after(X509 *cert)
{
    return asn1_time(X509_get0_notAfter(cert));
}

/* Checks that 'cert' is valid at 'now', in s since the epoch. */
char *
x509_check_validity(const char *path, X509 *cert, time_t now)
{
    long long int not_before = asn1_time(X509_get0_notBefore(cert));
    long long int not_after = x509_not_after(cert);
    struct ds s = DS_EMPTY_INITIALIZER;

    if (now > not_after) {
        ds_put_format(&s, "%s: the certificate expired at ", path);
        put_time(&s, not_after);
        ds_put_format(&s, "; replace it; see \"openssl x509 -in %s -noout "
                      "-dates\"", path);
    } else if (now < not_before) {
        ds_put_format(&s, "%s: the certificate is not valid before ", path);
        put_time(&s, not_before);
        ds_put_format(&s, "; is the clock of this host right?  See \"date "
                      "-u\" and \"openssl x509 -in %s -noout -dates\"",
                      path);
    } else {
        return NULL;
    }
    return ds_steal_cstr(&s);
}

/* Returns which of 'certs' has the public half of 'key', or -1. */
static int
find_cert_of(STACK_OF(X509) *certs, EVP_PKEY *key)
{
    for (int i = 0; i < sk_X509_num(certs); i++) {
        bool ok = X509_check_private_key(sk_X509_value(certs, i), key) == 1;

        ERR_clear_error();
        if (ok) {
            return i;
        }
    }
    return -1;
}

/* Checks that 'key' is the private half of the key in the first of
 * 'certs'. */
char *
x509_check_key(const char *cert_path, STACK_OF(X509) *certs,
               const char *key_path, EVP_PKEY *key)
{
    int i = find_cert_of(certs, key);

    if (!i) {
        return NULL;
    }
    return (i > 0
            ? xasprintf("%s: certificate %d in it is this host's, by its "
                        "key; it must be the first, and those of CAs follow; "
                        "\"openssl storeutl -noout -text -certs %s\" shows "
                        "them", cert_path, i + 1, cert_path)
            : xasprintf("%s: the private key does not belong to certificate "
                        "%s; \"openssl pkey -in %s -pubout\" and \"openssl "
                        "x509 -in %s -noout -pubkey\" must show the same",
                        key_path, cert_path, key_path, cert_path));
}

/* Checks that 'cert' may be used to sign, as IKE does (RFC 4945, 5.1.3.2). */
char *
x509_check_usage(const char *path, X509 *cert)
{
    return (X509_get_key_usage(cert) & (X509v3_KU_DIGITAL_SIGNATURE
                                        | X509v3_KU_NON_REPUDIATION)
            ? NULL
            : xasprintf("%s: the certificate's keyUsage has no "
                        "digitalSignature, so it cannot be used for IKE; see "
                        "\"openssl x509 -in %s -noout -ext keyUsage\", make a "
                        "new one with \"ovs-pki\"", path, path));
}

/* Checks that each of 'cas' is a CA's certificate, because IKE daemons take no
 * other as one (RFC 5280, 4.2.1.9). */
char *
x509_check_cas(const char *path, STACK_OF(X509) *cas)
{
    for (int i = 0; i < sk_X509_num(cas); i++) {
        X509 *ca = sk_X509_value(cas, i);

        if (X509_check_ca(ca) != 1) {
            struct ds s = DS_EMPTY_INITIALIZER;
            char *cn = x509_common_name(ca);

            ds_put_format(&s, "%s: certificate %d in it, ", path, i + 1);
            put_quoted(&s, cn);
            ds_put_cstr(&s, ", is not a CA's (its basicConstraints do not "
                        "say CA:TRUE)");
            free(cn);
            return ds_steal_cstr(&s);
        }
    }
    return NULL;
}

/* Returns a sentence for the verification of the certificate in 'cert_path'
 * that ended in 'code' at 'culprit', 'depth' steps above it. */
static char *
explain_chain(const char *cert_path, const char *ca_path, int code,
              int depth, X509 *culprit)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    char *cn = culprit ? x509_common_name(culprit) : xstrdup("?");

    switch (code) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        ds_put_format(&s, "%s: no CA in %s has issued it; compare \"openssl "
                      "x509 -in %s -noout -issuer\" with \"openssl x509 -in "
                      "%s -noout -subject\"", cert_path, ca_path, cert_path,
                      ca_path);
        break;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        ds_put_format(&s, "%s: the CA of that name in %s did not sign it: it "
                      "has another key than the one that did", cert_path,
                      ca_path);
        break;
    default:
        ds_put_format(&s, "%s: not accepted by the CA in %s: %s", cert_path,
                      ca_path, X509_verify_cert_error_string(code));
        break;
    }
    if (depth) {
        ds_put_cstr(&s, " (at ");
        put_quoted(&s, cn);
        ds_put_format(&s, ", %d above it)", depth);
    }
    free(cn);
    return ds_steal_cstr(&s);
}

/* Checks that the first of 'certs' was issued, at 'now', by one of 'cas',
 * directly or by way of the others of 'certs'. */
char *
x509_check_chain(const char *cert_path, STACK_OF(X509) *certs,
                 const char *ca_path, STACK_OF(X509) *cas, time_t now)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE *store = X509_STORE_new();
    char *error = NULL;

    if (!ctx || !store
        || !X509_STORE_CTX_init(ctx, store, sk_X509_value(certs, 0), certs)) {
        out_of_memory();
    }
    /* A CA that is not the root is enough, as it is for IKE daemons. */
    X509_STORE_CTX_set0_trusted_stack(ctx, cas);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_CTX_set_time(ctx, 0, now);
    if (X509_verify_cert(ctx) != 1) {
        error = explain_chain(cert_path, ca_path,
                              X509_STORE_CTX_get_error(ctx),
                              X509_STORE_CTX_get_error_depth(ctx),
                              X509_STORE_CTX_get_current_cert(ctx));
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return error;
}

/* CRLs. */

/* Returns when there should be a successor of 'crl', in s since the epoch, or
 * 0 if it does not say. */
long long int
x509_crl_ends(X509_CRL *crl)
{
    const ASN1_TIME *time = X509_CRL_get0_nextUpdate(crl);

    return time ? asn1_time(time) : 0;
}

/* Checks the signature of 'crl'.  '*ours' becomes true if one of 'cas' is its
 * issuer; the CRL of another CA is no fault, and says nothing. */
char *
x509_check_crl(const char *path, X509_CRL *crl,
               const char *ca_path, STACK_OF(X509) *cas, bool *ours)
{
    bool named = false;

    *ours = false;
    for (int i = 0; i < sk_X509_num(cas) && !*ours; i++) {
        X509 *ca = sk_X509_value(cas, i);

        if (!X509_NAME_cmp(X509_get_subject_name(ca),
                           X509_CRL_get_issuer(crl))) {
            named = true;
            *ours = X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1;
            ERR_clear_error();
        }
    }
    return (named && !*ours
            ? xasprintf("%s: the CA of that name in %s did not sign the CRL; "
                        "\"openssl crl -in %s -noout -CAfile %s\" must verify "
                        "it", path, ca_path, path, ca_path)
            : NULL);
}

static char *
serial_string(const X509_NAME *issuer, const ASN1_INTEGER *serial)
{
    BIGNUM *bn = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = bn ? BN_bn2hex(bn) : NULL;
    char *name = X509_NAME_oneline(issuer, NULL, 0);
    char *s;

    if (!hex || !name) {
        out_of_memory();
    }
    s = xasprintf("%s %s", hex, name);
    OPENSSL_free(hex);
    OPENSSL_free(name);
    BN_free(bn);
    return s;
}

/* Returns serial number and issuer of 'cert', as x509_crl_add_revoked() gives
 * them.  The caller frees it. */
char *
x509_cert_serial(X509 *cert)
{
    return serial_string(X509_get_issuer_name(cert),
                         X509_get0_serialNumber(cert));
}

/* Adds serial number and issuer of each certificate that 'crl' has revoked to
 * 'serials'. */
void
x509_crl_add_revoked(X509_CRL *crl, struct svec *serials)
{
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);

    for (int i = 0; i < sk_X509_REVOKED_num(revoked); i++) {
        svec_add_nocopy(serials, serial_string(
            X509_CRL_get_issuer(crl),
            X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(revoked,
                                                                 i))));
    }
}

/* Writing. */

/* Returns what was written to 'bio' as a string that the caller must free, and
 * frees 'bio', which wipes its own copy. */
static char *
steal_text(BIO *bio, int ok)
{
    char *data;
    long int size = BIO_get_mem_data(bio, &data);
    char *text;

    ovs_assert(ok);
    text = xmemdup0(data, size);
    BIO_free(bio);
    return text;
}

static BIO *
open_memory(void)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (!bio) {
        out_of_memory();
    }
    return bio;
}

/* Returns 'cert' in PEM, with nothing else, for the caller to free. */
char *
x509_cert_to_pem(X509 *cert)
{
    BIO *bio = open_memory();

    return steal_text(bio, PEM_write_bio_X509(bio, cert));
}

/* Returns 'key' in PEM, as PKCS #8 (RFC 5208), unencrypted, whatever it was
 * read from.  The caller must wipe and free it. */
char *
x509_key_to_pem(EVP_PKEY *key)
{
    BIO *bio = open_memory();

    return steal_text(bio, PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL,
                                                         0, NULL, NULL));
}

/* Returns 'crl' in PEM, for the caller to free. */
char *
x509_crl_to_pem(X509_CRL *crl)
{
    BIO *bio = open_memory();

    return steal_text(bio, PEM_write_bio_X509_CRL(bio, crl));
}

/* Returns the SHA-1 digest of the public key in 'cert' (RFC 5280, 4.2.1.2), by
 * which IKE daemons know keys: 40 hexadecimal digits for the caller to
 * free. */
char *
x509_key_id(X509 *cert)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    struct ds s = DS_EMPTY_INITIALIZER;
    unsigned int size;

    if (!X509_pubkey_digest(cert, EVP_sha1(), digest, &size)) {
        out_of_memory();
    }
    for (unsigned int i = 0; i < size; i++) {
        ds_put_format(&s, "%02x", digest[i]);
    }
    return ds_steal_cstr(&s);
}
