/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Makes foreign text fit to be printed; see quote.h. */

#include <config.h>

#include "quote.h"

#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

#define MAX_QUOTED 80           /* In bytes; more says nothing more. */

/* Appends 'text' to 'ds' in double quotes, in a form that stays on one line
 * and that no terminal or log takes for anything else: at most 80 bytes,
 * everything but printable ASCII escaped. */
void
put_quoted(struct ds *ds, const char *text)
{
    size_t n = strnlen(text, MAX_QUOTED);

    ds_put_char(ds, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = text[i];

        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            ds_put_format(ds, "\\x%02x", c);
        } else {
            ds_put_char(ds, c);
        }
    }
    ds_put_cstr(ds, text[n] ? "\"..." : "\"");
}
