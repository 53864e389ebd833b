/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef REMOTE_CERT_H
#define REMOTE_CERT_H 1

/* The certificates of peers, which options:remote_cert names.
 *
 * 'monitor' says which files it needs and takes what has been read; peers hold
 * references to it.  A thread reads, so nothing here blocks.  A file that is
 * missing or bad is tried again by itself, every few seconds; what was good
 * before stays meanwhile. */

#include <stdbool.h>
#include <stdint.h>

struct sset;

/* Immutable, counted by reference, for the main thread only. */
struct remote_cert {
    int ref_cnt;
    char *name;                 /* The peer's identity: the dNSName. */
    char *pem;                  /* Exactly one certificate. */
};

struct remote_cert *remote_cert_ref(struct remote_cert *);
void remote_cert_unref(struct remote_cert *);

struct remote_certs *remote_certs_create(void);
void remote_certs_destroy(struct remote_certs *);
void remote_certs_run(struct remote_certs *);
void remote_certs_wait(struct remote_certs *);

void remote_certs_set(struct remote_certs *, const struct sset *paths);
struct remote_cert *remote_certs_get(const struct remote_certs *,
                                     const char *path);
const char *remote_certs_get_error(const struct remote_certs *,
                                   const char *path);
bool remote_certs_is_settled(const struct remote_certs *);
uint64_t remote_certs_seqno(const struct remote_certs *);

#endif /* remote-cert.h */
