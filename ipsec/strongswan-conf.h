/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STRONGSWAN_CONF_H
#define STRONGSWAN_CONF_H 1

/* Peers in strongSwan's words: the trees that ike-strongswan sends over vici
 * and writes into files.  Both come from one function, so that socket and
 * file cannot disagree.  No input or output. */

#include <stdbool.h>
#include <stddef.h>

struct credentials;
struct peer;
struct remote_cert;
struct section;
struct swanctl_conf;

/* For charon over vici: a load-conn message, with certificates inline. */
struct section *strongswan_conn_for_vici(const struct peer *);

/* For swanctl.conf: connection and secret, certificates as paths in
 * 'files'. */
struct section *strongswan_conn_for_file(const struct peer *,
                                         const struct swanctl_conf *files);

/* A connection's secret has this and the connection's name as its id. */
#define STRONGSWAN_SHARED_PREFIX "ike-"
char *strongswan_shared_id(const char *conn);

/* load-shared, and load-key or load-token messages. */
struct section *strongswan_shared(const struct peer *);
struct section *strongswan_key(const struct credentials *);

/* For swanctl.conf: a key in a token. */
struct section *strongswan_token_for_file(const struct credentials *);

/* The certificates of a set of credentials, and the files they are kept in. */
enum strongswan_cert {
    STRONGSWAN_OWN,
    STRONGSWAN_CHAIN,           /* Between our own and its CA. */
    STRONGSWAN_CA,
    STRONGSWAN_N_CERTS
};

size_t strongswan_n_certs(const struct credentials *, enum strongswan_cert);
const char *strongswan_cert_pem(const struct credentials *,
                                enum strongswan_cert, size_t i);
char *strongswan_cert_file(const struct credentials *, enum strongswan_cert,
                           size_t i);
bool strongswan_file_is_ca(const char *name);
char *strongswan_crl_file(const char *pem);
char *strongswan_remote_cert_file(const struct remote_cert *);

#endif /* strongswan-conf.h */
