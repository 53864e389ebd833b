/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef CREDENTIALS_READ_H
#define CREDENTIALS_READ_H 1

/* Reads this host's credentials from the files that the database names, and
 * checks that they can be used and belong together, with each fault in words.
 *
 * 'credentials-loader' calls this in a thread of its own, because it blocks
 * for as long as the file systems do.  No state, no log. */

#include <stdbool.h>

struct credentials;
struct smap;
struct svec;

/* What the database says about credentials, each a key in other_config of
 * table Open_vSwitch. */
enum credentials_setting {
    CREDENTIALS_CERT,
    CREDENTIALS_KEY,
    CREDENTIALS_CA,
    CREDENTIALS_CRL,
    CREDENTIALS_CRL_POLICY,
    CREDENTIALS_N_SETTINGS
};

struct credentials_source {
    char *value[CREDENTIALS_N_SETTINGS];        /* Each may be null. */
};

void credentials_source_init(struct credentials_source *,
                             const struct smap *other_config);
void credentials_source_clone(struct credentials_source *,
                              const struct credentials_source *);
void credentials_source_uninit(struct credentials_source *);
bool credentials_source_equals(const struct credentials_source *,
                               const struct credentials_source *);
bool credentials_source_is_empty(const struct credentials_source *);
void credentials_source_get_paths(const struct credentials_source *,
                                  struct svec *paths);

char *credentials_read(const struct credentials_source *,
                       struct credentials **, struct svec *warnings);

#endif /* credentials-read.h */
