/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* "pkcs11:" URIs; see token-key.h.
 *
 *     pkcs11:NAME=VALUE;NAME=VALUE?NAME=VALUE&NAME=VALUE
 *
 * Values are percent-encoded.  charon finds a key by its CKA_ID, so whatever
 * else may describe one does not do, but may be there: whether it is the right
 * key shows when charon has it, because it must be the certificate's. */

#include <config.h>

#include "token-key.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

#include "quote.h"
#include "secret.h"

#define SCHEME "pkcs11:"
#define WRITE_ID "write \"" SCHEME "id=%01\" with the key's CKA_ID, which " \
    "\"pkcs11-tool --list-objects\" shows"

/* The longest value, in bytes, decoded. */
#define MAX_VALUE 255

enum attribute {
    ATTRIBUTE_ID,
    ATTRIBUTE_SLOT_ID,
    ATTRIBUTE_TYPE,
    ATTRIBUTE_PIN_SOURCE,
    ATTRIBUTE_PIN_VALUE,
    ATTRIBUTE_MODULE_NAME,
    ATTRIBUTE_MODULE_PATH,
    ATTRIBUTE_OTHER,            /* Tells more of the key, or its token. */
};

static const struct {
    const char *name;
    enum attribute attribute;
    bool in_query;
} attributes[] = {
    { "id", ATTRIBUTE_ID, false },
    { "slot-id", ATTRIBUTE_SLOT_ID, false },
    { "type", ATTRIBUTE_TYPE, false },
    { "object", ATTRIBUTE_OTHER, false },
    { "token", ATTRIBUTE_OTHER, false },
    { "serial", ATTRIBUTE_OTHER, false },
    { "manufacturer", ATTRIBUTE_OTHER, false },
    { "model", ATTRIBUTE_OTHER, false },
    { "library-description", ATTRIBUTE_OTHER, false },
    { "library-manufacturer", ATTRIBUTE_OTHER, false },
    { "library-version", ATTRIBUTE_OTHER, false },
    { "slot-description", ATTRIBUTE_OTHER, false },
    { "slot-manufacturer", ATTRIBUTE_OTHER, false },
    { "pin-source", ATTRIBUTE_PIN_SOURCE, true },
    { "pin-value", ATTRIBUTE_PIN_VALUE, true },
    { "module-name", ATTRIBUTE_MODULE_NAME, true },
    { "module-path", ATTRIBUTE_MODULE_PATH, true },
};

/* Returns true if 'text', which may be null, is a URI of this kind. */
bool
token_key_is_uri(const char *text)
{
    return text && !strncmp(text, SCHEME, strlen(SCHEME));
}

/* Frees 'key', which may be null. */
void
token_key_destroy(struct token_key *key)
{
    if (key) {
        free(key->handle);
        free(key->module);
        free(key->slot);
        secret_free(key->pin);
        free(key->pin_file);
        free(key);
    }
}

/* Returns a copy of 'key', which may be null, for the caller to free. */
struct token_key *
token_key_clone(const struct token_key *key)
{
    struct token_key *copy = key ? xmalloc(sizeof *copy) : NULL;

    if (copy) {
        *copy = (struct token_key) {
            .handle = xstrdup(key->handle),
            .module = nullable_xstrdup(key->module),
            .slot = nullable_xstrdup(key->slot),
            .pin = nullable_xstrdup(key->pin),
            .pin_file = nullable_xstrdup(key->pin_file),
        };
    }
    return copy;
}

/* Returns true if 'a' and 'b', which may be null, say the same. */
bool
token_key_equals(const struct token_key *a, const struct token_key *b)
{
    if (!a || !b) {
        return a == b;
    }
    return (!strcmp(a->handle, b->handle)
            && nullable_string_is_equal(a->module, b->module)
            && nullable_string_is_equal(a->slot, b->slot)
            && nullable_string_is_equal(a->pin, b->pin)
            && nullable_string_is_equal(a->pin_file, b->pin_file));
}

/* Parsing.  No message has a value in it: that may be the PIN. */

static char *
fault(const char *attribute, const char *what)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    put_quoted(&s, attribute);
    ds_put_format(&s, " in the PKCS #11 URI %s", what);
    return ds_steal_cstr(&s);
}

/* Decodes the 'n' characters at 'text' into 'value', which has room for
 * MAX_VALUE bytes and a null byte, and sets '*size'.  Returns null or what is
 * wrong. */
static const char *
decode(const char *text, size_t n, char *value, size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = text[i];

        if (c == '%') {
            bool ok = i + 2 < n;
            uintmax_t byte = ok ? hexits_value(&text[i + 1], 2, &ok) : 0;

            if (!ok) {
                return "has a % without two hexadecimal digits after it";
            }
            c = byte;
            i += 2;
        } else if (c <= ' ' || c > '~') {
            return "has a character that must be percent-encoded";
        }
        if (*size >= MAX_VALUE) {
            return "is too long";
        }
        value[(*size)++] = c;
    }
    value[*size] = '\0';
    return *size ? NULL : "is empty";
}

static void
set_handle(struct token_key *key, const char *value, size_t size)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < size; i++) {
        ds_put_format(&s, "%02x", (unsigned char) value[i]);
    }
    key->handle = ds_steal_cstr(&s);
}

static const char *
set_slot(struct token_key *key, const char *value)
{
    unsigned long long int slot;

    if (value[strspn(value, "0123456789")] || !str_to_ullong(value, 10, &slot)
        || slot > INT32_MAX) {
        return "is not a number that a slot can have";
    }
    key->slot = xasprintf("%llu", slot);
    return NULL;
}

static const char *
set_module(struct token_key *key, const char *value)
{
    for (const char *p = value; *p; p++) {
        if (!isalnum((unsigned char) *p) && !strchr("-_", *p)) {
            return "is not the name of a section of "
                   "charon.plugins.pkcs11.modules in strongswan.conf";
        }
    }
    key->module = xstrdup(value);
    return NULL;
}

/* A program to be run ("|COMMAND") is nothing for us, nor is a server. */
static const char *
set_pin_file(struct token_key *key, const char *value)
{
    static const char *const prefixes[] = { "file://localhost/", "file:///",
                                            "file:/", "/" };

    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        size_t n = strlen(prefixes[i]);

        if (!strncmp(value, prefixes[i], n) && value[n] != '/') {
            key->pin_file = xstrdup(value + n - 1);
            return NULL;
        }
    }
    return "is not a file; write file:/PATH";
}

static const char *
set_attribute(struct token_key *key, enum attribute attribute,
              const char *value, size_t size)
{
    if (attribute != ATTRIBUTE_ID && strlen(value) != size) {
        return "has a null byte";
    }
    switch (attribute) {
    case ATTRIBUTE_ID:
        set_handle(key, value, size);
        return NULL;
    case ATTRIBUTE_SLOT_ID:
        return set_slot(key, value);
    case ATTRIBUTE_TYPE:
        return strcmp(value, "private") ? "is not \"private\"" : NULL;
    case ATTRIBUTE_PIN_SOURCE:
        return set_pin_file(key, value);
    case ATTRIBUTE_PIN_VALUE:
        key->pin = xstrdup(value);
        return NULL;
    case ATTRIBUTE_MODULE_NAME:
        return set_module(key, value);
    case ATTRIBUTE_MODULE_PATH:
        return "cannot be used: charon loads no library that its "
               "strongswan.conf does not name; write module-name, with the "
               "name of its section in charon.plugins.pkcs11.modules";
    case ATTRIBUTE_OTHER:
    default:
        return NULL;
    }
}

/* Returns the index in 'attributes' of 'name', or -1. */
static int
find_attribute(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
        if (!strcmp(name, attributes[i].name)) {
            return i;
        }
    }
    return -1;
}

/* Takes in "NAME=VALUE", the 'n' characters at 'text'.  '*seen' has a bit for
 * each attribute that there was. */
static char *
parse_attribute(const char *text, size_t n, bool in_query,
                unsigned int *seen, struct token_key *key)
{
    const char *equals = memchr(text, '=', n);
    char *name = xmemdup0(text, equals ? equals - text : n);
    int i = find_attribute(name);
    char value[MAX_VALUE + 1];
    const char *what;
    char *error;
    size_t size;

    if (!equals) {
        what = "has no \"=\" after it";
    } else if (i < 0) {
        what = "is no attribute that there is";
    } else if (attributes[i].in_query != in_query) {
        what = (in_query ? "must stand before the \"?\""
                : "must stand after a \"?\"");
    } else if (*seen & (1u << i)) {
        what = "is there twice";
    } else {
        *seen |= 1u << i;
        what = decode(equals + 1, n - (equals + 1 - text), value, &size);
        if (!what) {
            what = set_attribute(key, attributes[i].attribute, value, size);
        }
        explicit_bzero(value, sizeof value);
    }
    error = what ? fault(name, what) : NULL;
    free(name);
    return error;
}

static char *
parse_attributes(const char *uri, struct token_key *key)
{
    const char *p = uri + strlen(SCHEME);
    unsigned int seen = 0;
    bool in_query = false;
    char *error = NULL;

    while (*p && !error) {
        size_t n = strcspn(p, in_query ? "&" : ";?");

        if (n || p[n] == ';' || p[n] == '&') {
            error = parse_attribute(p, n, in_query, &seen, key);
        }
        in_query = in_query || p[n] == '?';
        p += n + (p[n] != '\0');
    }
    return error;
}

/* Checks that 'key' is something that charon can open. */
static char *
check(const struct token_key *key)
{
    if (!key->handle) {
        return xstrdup("the PKCS #11 URI has no \"id\", and charon finds no "
                       "key without; " WRITE_ID);
    }
    if (key->module && !key->slot) {
        return xstrdup("the PKCS #11 URI has \"module-name\" and no "
                       "\"slot-id\", without which charon does not look at "
                       "it: write both, or none of them");
    }
    if (key->pin && key->pin_file) {
        return xstrdup("the PKCS #11 URI has both \"pin-value\" and "
                       "\"pin-source\"; write one of them");
    }
    return NULL;
}

/* Parses 'uri', for which token_key_is_uri() is true.  Returns null and gives
 * the caller '*key', whose PIN may still be in its 'pin_file', or returns what
 * is wrong, for the caller to free. */
char *
token_key_parse(const char *uri, struct token_key **keyp)
{
    struct token_key *key = xzalloc(sizeof *key);
    char *error = parse_attributes(uri, key);

    if (!error) {
        error = check(key);
    }
    if (error) {
        token_key_destroy(key);
        key = NULL;
    }
    *keyp = key;
    return error;
}

/* Has 'key' use the PIN in the 'size' bytes at 'data', the contents of its
 * 'pin_file', of which a newline at the end is no part.  Returns null or what
 * is wrong with it, for the caller to free. */
char *
token_key_set_pin(struct token_key *key, const char *data, size_t size)
{
    size_t n = size;

    if (n && data[n - 1] == '\n') {
        n--;
    }
    if (n && data[n - 1] == '\r') {
        n--;
    }
    if (!n) {
        return xasprintf("%s: there is no PIN in it", key->pin_file);
    }
    if (n > MAX_VALUE) {
        return xasprintf("%s: is too long for a PIN", key->pin_file);
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char) data[i] < ' ' || data[i] == 0x7f) {
            return xasprintf("%s: must have the PIN in it in one line, and "
                             "nothing else", key->pin_file);
        }
    }
    secret_free(key->pin);
    key->pin = xmemdup0(data, n);
    return NULL;
}
