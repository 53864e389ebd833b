/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef X509_H
#define X509_H 1

/* Certificates, private keys and CRLs: read from PEM or DER and checked, with
 * each fault in words.
 *
 * Contents come as bytes; a path is used in messages only.  Every function
 * that returns "char *" returns null if all is well and otherwise one
 * sentence, for the caller to free, that names the file, what is wrong with
 * it and, where one exists, the command that shows or mends it.
 *
 * Nothing here logs or keeps state, so any thread may call it. */

#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

struct svec;

char *x509_read_certs(const char *path, const void *data, size_t size,
                      STACK_OF(X509) **certs);
char *x509_read_key(const char *path, const void *data, size_t size,
                    EVP_PKEY **key);
char *x509_read_crls(const char *path, const void *data, size_t size,
                     STACK_OF(X509_CRL) **crls);

char *x509_get_name(const char *path, X509 *cert, char **name);
char *x509_check_validity(const char *path, X509 *cert, time_t now);
char *x509_check_usage(const char *path, X509 *cert);
char *x509_check_key(const char *cert_path, STACK_OF(X509) *certs,
                     const char *key_path, EVP_PKEY *key);
char *x509_check_cas(const char *path, STACK_OF(X509) *cas);
char *x509_check_chain(const char *cert_path, STACK_OF(X509) *certs,
                       const char *ca_path, STACK_OF(X509) *cas, time_t now);

char *x509_check_crl(const char *path, X509_CRL *crl,
                     const char *ca_path, STACK_OF(X509) *cas, bool *ours);

long long int x509_not_after(X509 *cert);
long long int x509_crl_ends(X509_CRL *crl);
char *x509_common_name(X509 *cert);
char *x509_crl_issuer(X509_CRL *crl);
char *x509_key_id(X509 *cert);
void x509_crl_add_revoked(X509_CRL *crl, struct svec *);
char *x509_cert_serial(X509 *cert);
char *x509_cert_to_pem(X509 *cert);
char *x509_key_to_pem(EVP_PKEY *key);
char *x509_crl_to_pem(X509_CRL *crl);

void x509_free_certs(STACK_OF(X509) *certs);
void x509_free_crls(STACK_OF(X509_CRL) *crls);

#endif /* x509.h */
