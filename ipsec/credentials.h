/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef CREDENTIALS_H
#define CREDENTIALS_H 1

/* This host's certificate, private key and CAs, read from files and checked.
 *
 * 'monitor' names the files and takes the result; peers hold references to
 * it.  A thread reads, so nothing here blocks, be the files on a network file
 * system that hangs.  While new files are bad the last good ones stay, and
 * the error says what is wrong; a file that is missing or bad is tried again
 * by itself, every few seconds. */

#include <stdbool.h>

#include "svec.h"

struct credentials_loader;

/* One set that belongs together.  Immutable, counted by reference, for the
 * main thread only. */
struct credentials {
    int ref_cnt;
    char *name;                 /* Our identity: the dNSName. */
    char *cert;                 /* PEM, exactly one certificate. */
    struct svec chain;          /* PEM, one certificate each: what else the
                                 * certificate's file has, in its order. */
    char *key;                  /* PEM, PKCS #8; wiped when freed. */
    struct svec cas;            /* PEM, one certificate each. */
    char *digest;               /* SHA-256 of it all, 64 hexadecimal digits. */
    long long int not_after;    /* s since the epoch: the certificate's. */
};

struct credentials *credentials_ref(struct credentials *);
void credentials_unref(struct credentials *);

struct credentials_loader *credentials_loader_create(void);
void credentials_loader_destroy(struct credentials_loader *);
void credentials_loader_run(struct credentials_loader *);
void credentials_loader_wait(struct credentials_loader *);

void credentials_loader_set(struct credentials_loader *, const char *cert,
                            const char *key, const char *ca);
struct credentials *credentials_loader_get(const struct credentials_loader *);
const char *credentials_loader_get_error(const struct credentials_loader *);
bool credentials_loader_is_settled(const struct credentials_loader *);

#endif /* credentials.h */
