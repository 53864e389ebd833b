/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef X509_H
#define X509_H 1

/* Certificates and private keys: read from PEM and checked, with each fault
 * in words.
 *
 * Contents come as bytes; a path is used in messages only.  Every function
 * that returns "char *" returns null if all is well and otherwise one
 * sentence, for the caller to free, that names the file, what is wrong with
 * it and, where one exists, the command that shows or mends it.
 *
 * Nothing here logs or keeps state, so any thread may call it. */

#include <stddef.h>
#include <time.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

char *x509_read_certs(const char *path, const void *data, size_t size,
                      STACK_OF(X509) **certs);
char *x509_read_key(const char *path, const void *data, size_t size,
                    EVP_PKEY **key);

char *x509_get_name(const char *path, X509 *cert, char **name);
char *x509_check_validity(const char *path, X509 *cert, time_t now);
char *x509_check_key(const char *cert_path, X509 *cert,
                     const char *key_path, EVP_PKEY *key);
char *x509_check_cas(const char *path, STACK_OF(X509) *cas);
char *x509_check_chain(const char *cert_path, STACK_OF(X509) *certs,
                       const char *ca_path, STACK_OF(X509) *cas, time_t now);

long long int x509_not_after(X509 *cert);
char *x509_cert_to_pem(X509 *cert);
char *x509_key_to_pem(EVP_PKEY *key);

void x509_free_certs(STACK_OF(X509) *certs);

#endif /* x509.h */
