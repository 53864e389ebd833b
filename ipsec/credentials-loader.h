/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef CREDENTIALS_LOADER_H
#define CREDENTIALS_LOADER_H 1

/* Keeps this host's credentials as the files are that the database names.
 *
 * 'monitor' says what the database has and takes the result.  A thread reads
 * the files, and again whenever they change, so nothing here blocks, be the
 * files on a network file system that hangs.  While new files are bad the last
 * good ones stay, and the error says what is wrong; what is missing or bad is
 * tried again by itself, every few seconds. */

#include <stdbool.h>

struct credentials;
struct credentials_loader;
struct smap;
struct svec;

struct credentials_loader *credentials_loader_create(void);
void credentials_loader_destroy(struct credentials_loader *);
void credentials_loader_run(struct credentials_loader *);
void credentials_loader_wait(struct credentials_loader *);

void credentials_loader_set(struct credentials_loader *,
                            const struct smap *other_config);
struct credentials *credentials_loader_get(const struct credentials_loader *);
const char *credentials_loader_get_error(const struct credentials_loader *);
const struct svec *credentials_loader_get_warnings(
    const struct credentials_loader *);
bool credentials_loader_is_settled(const struct credentials_loader *);

#endif /* credentials-loader.h */
