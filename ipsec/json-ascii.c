/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* JSON as ASCII; see json-ascii.h. */

#include <config.h>

#include "json-ascii.h"

#include <stdint.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "unicode.h"
#include "util.h"

#include "quote.h"

/* Returns a JSON string, which the caller owns, of 'text', or null if 'text'
 * is null.  What is not UTF-8, which JSON cannot hold, is escaped as
 * put_printable() does. */
struct json *
json_string_create_safe(const char *text)
{
    size_t length;
    char *error;

    if (!text) {
        return json_null_create();
    }
    error = utf8_validate(text, &length);
    if (!error) {
        return json_string_create(text);
    }
    free(error);

    struct ds ds = DS_EMPTY_INITIALIZER;
    put_printable(&ds, text);
    return json_string_create_nocopy(ds_steal_cstr(&ds));
}

/* Takes one character from the valid UTF-8 at '*textp'. */
static uint32_t
utf8_next(const unsigned char **textp)
{
    const unsigned char *text = *textp;
    size_t n = *text < 0x80 ? 1 : *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? *text : *text & (0x7f >> n);

    for (size_t i = 1; i < n; i++) {
        c = c << 6 | (text[i] & 0x3f);
    }
    *textp += n;
    return c;
}

/* Returns 'json' as ASCII, which the caller frees: RFC 8259 allows every
 * character to be written as \uHHHH (section 7), and among those outside of
 * ASCII are control characters, too. */
char *
json_to_ascii(const struct json *json)
{
    char *string = json_to_string(json, JSSF_SORT);
    const unsigned char *p = (const unsigned char *) string;
    struct ds ds = DS_EMPTY_INITIALIZER;

    while (*p) {
        uint32_t c = utf8_next(&p);

        if (c < 0x7f) {
            ds_put_char(&ds, c);
        } else if (c < 0x10000) {
            ds_put_format(&ds, "\\u%04x", c);
        } else {
            c -= 0x10000;
            ds_put_format(&ds, "\\u%04x\\u%04x", 0xd800 + (c >> 10),
                          0xdc00 + (c & 0x3ff));
        }
    }
    free(string);
    return ds_steal_cstr(&ds);
}
