/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Makes foreign text fit to be printed; see quote.h. */

#include <config.h>

#include "quote.h"

#include <stdbool.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* In bytes; more says nothing more. */
#define MAX_QUOTED 80
#define MAX_PRINTABLE 512

/* Appends the first 'max' bytes of 'text' to 'ds', each that is no printable
 * ASCII character or is in 'special' as \xHH.  Returns true if that is not
 * all. */
static bool
put_escaped(struct ds *ds, const char *text, size_t max, const char *special)
{
    size_t n = strnlen(text, max);

    for (size_t i = 0; i < n; i++) {
        unsigned char c = text[i];

        if (c < 0x20 || c >= 0x7f || strchr(special, c)) {
            ds_put_format(ds, "\\x%02x", c);
        } else {
            ds_put_char(ds, c);
        }
    }
    return text[n] != '\0';
}

/* Appends 'text' to 'ds' in double quotes, in a form that stays on one line
 * and that no terminal or log takes for anything else: at most 80 bytes,
 * everything but printable ASCII escaped. */
void
put_quoted(struct ds *ds, const char *text)
{
    ds_put_char(ds, '"');
    ds_put_cstr(ds, put_escaped(ds, text, MAX_QUOTED, "\"\\")
                ? "\"..." : "\"");
}

/* Returns what put_quoted() makes of 'text', which the caller must free. */
char *
quote(const char *text)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    put_quoted(&ds, text);
    return ds_steal_cstr(&ds);
}

/* Appends 'text' to 'ds' without quotes, in a form that stays on one line and
 * has no effect on a terminal: for names and values that people know, and for
 * sentences. */
void
put_printable(struct ds *ds, const char *text)
{
    if (put_escaped(ds, text, MAX_PRINTABLE, "")) {
        ds_put_cstr(ds, "...");
    }
}
