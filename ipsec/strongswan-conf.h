/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STRONGSWAN_CONF_H
#define STRONGSWAN_CONF_H 1

/* Peers in strongSwan's words: the trees that ike-strongswan sends over vici
 * and writes into files.  Both come from one function, so that socket and
 * file cannot disagree.  No input or output. */

#include <stddef.h>

struct peer;
struct section;
struct swanctl_conf;

/* For charon over vici: a load-conn message, with certificates inline. */
struct section *strongswan_conn_for_vici(const struct peer *);

/* For swanctl.conf: connection and secret, certificates as paths in
 * 'files'. */
struct section *strongswan_conn_for_file(const struct peer *,
                                         const struct swanctl_conf *files);

/* load-shared and load-key messages. */
struct section *strongswan_shared(const struct peer *);
struct section *strongswan_key(const struct peer *);

/* Names of the files of a peer's credentials. */
char *strongswan_cert_file(const struct peer *);
char *strongswan_ca_file(const struct peer *, size_t i);

#endif /* strongswan-conf.h */
