/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STRONGSWAN_FILES_H
#define STRONGSWAN_FILES_H 1

/* Which files ike-strongswan keeps for a peer.  The input and output is
 * swanctl-conf's. */

#include <stdbool.h>

struct credentials;
struct peer;
struct sset;
struct swanctl_conf;

void strongswan_files_write_credentials(struct swanctl_conf *,
                                        const struct credentials *);
void strongswan_files_remove_key(struct swanctl_conf *, const char *id);
void strongswan_files_write(struct swanctl_conf *, const struct peer *);
void strongswan_files_remove(struct swanctl_conf *, const char *conn);
bool strongswan_files_are_written(const struct swanctl_conf *,
                                  const char *conn);

void strongswan_files_note_certs(const struct credentials *,
                                 struct sset *names);

#endif /* strongswan-files.h */
