/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef TOKEN_KEY_H
#define TOKEN_KEY_H 1

/* Where a private key is that never leaves its token (a smart card, an HSM, a
 * TPM): what a "pkcs11:" URI (RFC 7512) in the database says, in the terms in
 * which charon opens it.
 *
 * 'credentials-read' makes it, 'strongswan-conf' hands it on.  A value,
 * without input or output. */

#include <stdbool.h>
#include <stddef.h>

struct token_key {
    char *handle;               /* CKA_ID in hexadecimal digits. */
    char *slot;                 /* In decimal digits; null: any. */
    char *module;               /* What strongswan.conf calls the library that
                                 * has the slot; null: any. */
    char *pin;                  /* Null: none is needed, or it is in
                                 * 'pin_file'.  Wiped when freed. */
    char *pin_file;             /* Path, or null. */
};

bool token_key_is_uri(const char *);
char *token_key_parse(const char *uri, struct token_key **);
char *token_key_set_pin(struct token_key *, const char *data, size_t size);
struct token_key *token_key_clone(const struct token_key *);
bool token_key_equals(const struct token_key *, const struct token_key *);
void token_key_destroy(struct token_key *);

#endif /* token-key.h */
