/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Freeing memory that holds keys; see secret.h. */

#include <config.h>

#include "secret.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/ofpbuf.h"

/* Wipes and frees 'secret', a string, which may be null. */
void
secret_free(char *secret)
{
    if (secret) {
        secret_free_block(secret, strlen(secret));
    }
}

/* Wipes the 'size' bytes of 'secret', which may be null, and frees it. */
void
secret_free_block(void *secret, size_t size)
{
    if (secret) {
        explicit_bzero(secret, size);
        free(secret);
    }
}

/* Wipes all of the memory of 'buf', which may be null, and empties it. */
void
secret_wipe_ofpbuf(struct ofpbuf *buf)
{
    if (buf) {
        if (buf->base) {
            explicit_bzero(buf->base, buf->allocated);
        }
        ofpbuf_clear(buf);
    }
}
