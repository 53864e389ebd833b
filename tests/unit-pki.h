/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef UNIT_PKI_H
#define UNIT_PKI_H 1

/* Keys and certificates of every kind, good and bad, for unit tests. */

#include <stdbool.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

/* What a certificate says. */
struct pki_spec {
    const char *cn;             /* Null: no commonName. */
    const char *san;            /* As in openssl.cnf ("DNS:a,DNS:b"), or
                                 * null. */
    EVP_PKEY *key;
    X509 *issuer;               /* Null: itself. */
    EVP_PKEY *issuer_key;
    bool ca;
    const char *usage;          /* keyUsage as in openssl.cnf, or null. */
    int from_days, to_days;     /* Validity, from now; 0, 0: now to 1 day. */
};

EVP_PKEY *pki_make_key(const char *type);
X509 *pki_make_cert(const struct pki_spec *);

/* PEM, for the caller to free. */
char *pki_cert_pem(X509 *);
char *pki_key_pem(EVP_PKEY *, const char *passphrase);
char *pki_crl_pem(X509 *issuer, EVP_PKEY *issuer_key, X509 *revoked, int days);

#endif /* unit-pki.h */
