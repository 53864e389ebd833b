/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef CREDENTIALS_H
#define CREDENTIALS_H 1

/* By what this host proves who it is, and by what it judges others: its
 * certificate and private key, the CAs it trusts, and what these have revoked.
 *
 * 'credentials-read' makes them of files, 'monitor' hands them to peers, which
 * hold references.  Values, without input or output, for one thread at a
 * time. */

#include <stdbool.h>
#include <stddef.h>

#include "svec.h"

struct token_key;

/* Something in them that ends. */
struct credentials_end {
    char *what;                 /* What and in which file, for people. */
    long long int when;         /* s since the epoch. */
};

/* One set that belongs together.  Immutable, counted by reference. */
struct credentials {
    int ref_cnt;
    char *name;                 /* Our identity: the dNSName. */
    char *cert;                 /* PEM, exactly one certificate. */
    struct svec chain;          /* PEM, one certificate each: what else the
                                 * certificate's file has, in its order. */
    char *key;                  /* PEM, PKCS #8; wiped when freed.  Null if a
                                 * token has it. */
    struct token_key *token;    /* Where it is if 'key' is null. */
    char *key_id;               /* By what IKE daemons know the key: SHA-1 in
                                 * 40 hexadecimal digits. */
    struct svec cas;            /* PEM, one certificate each. */
    struct svec crls;           /* PEM, one CRL each. */
    struct svec revoked;        /* Sorted: serial and issuer of each. */
    const char *revocation;     /* "relaxed", "ifuri" or "strict". */
    char *digest;               /* SHA-256 of what a connection is made with,
                                 * 64 hexadecimal digits: not of 'crls', whose
                                 * dates matter to nobody who is established,
                                 * nor of where the key is, which can be one
                                 * only. */
    long long int not_after;    /* s since the epoch: the certificate's. */
    struct credentials_end *ends;
    size_t n_ends, allocated_ends;
};

struct credentials *credentials_create(void);
struct credentials *credentials_ref(struct credentials *);
void credentials_unref(struct credentials *);

void credentials_add_end(struct credentials *, char *what,
                         long long int when);
void credentials_set_digest(struct credentials *);

bool credentials_equals(const struct credentials *,
                        const struct credentials *);
bool credentials_are_strict(const struct credentials *);
bool credentials_withdraws(const struct credentials *new,
                           const struct credentials *old);
unsigned int credentials_epoch(const struct credentials *);
long long int credentials_add_expiring(const struct credentials *,
                                       long long int now,
                                       unsigned int warn_days,
                                       struct svec *warnings);

#endif /* credentials.h */
