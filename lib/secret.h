/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef SECRET_H
#define SECRET_H 1

/* Freeing memory that holds keys, so that nothing of them is left in what the
 * process uses next, in swap or in a core file.  memset() will not do: a
 * compiler leaves it out where nobody reads the memory again. */

#include <stddef.h>

struct ofpbuf;

void secret_free(char *);
void secret_free_block(void *, size_t);
void secret_wipe_ofpbuf(struct ofpbuf *);

#endif /* secret.h */
