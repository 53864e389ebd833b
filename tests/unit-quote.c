/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests quote and json-ascii: nothing that a terminal acts upon comes out, and
 * JSON says the same as before. */

#include <config.h>

#include "quote.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"

#include "json-ascii.h"
#include "unit.h"

#define MAX_PRINTABLE 512

static bool
is_plain(const char *s)
{
    for (; *s; s++) {
        if (*s < 0x20 || *s > 0x7e) {
            return false;
        }
    }
    return true;
}

static char *
printable(const char *text)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    put_printable(&ds, text);
    return ds_steal_cstr(&ds);
}

static void
check_text(const char *text, const char *expected)
{
    char *s = printable(text);

    CHECK_STRING(s, expected);
    free(s);
}

static void
test_text(void)
{
    check_text("", "");
    check_text("tun0 \"a\" {b} \\ c~", "tun0 \"a\" {b} \\ c~");
    check_text("\033[2J\r\n\tx\177", "\\x1b[2J\\x0d\\x0a\\x09x\\x7f");
    check_text("\xc2\x9b" "31m \xff", "\\xc2\\x9b31m \\xff");
}

static void
test_every_byte(void)
{
    for (int c = 1; c < 256; c++) {
        char text[2] = { c, '\0' };
        char *s = printable(text);

        CHECK(is_plain(s));
        free(s);
    }
}

static void
test_length(void)
{
    char *text = xmalloc(65537);
    char *s;

    memset(text, 'x', 65536);
    text[65536] = '\0';
    s = printable(text);
    CHECK(strlen(s) == MAX_PRINTABLE + 3);
    free(s);

    text[MAX_PRINTABLE] = '\0';
    s = printable(text);
    CHECK_STRING(s, text);
    free(s);
    free(text);
}

/* Writes 'text' as JSON and reads that back. */
static void
check_json(const char *text, const char *expected)
{
    struct json *json = json_object_create();
    json_object_put(json, "s", json_string_create_safe(text));
    char *s = json_to_ascii(json);
    struct json *back = json_from_string(s);

    CHECK(is_plain(s));
    CHECK(back->type == JSON_OBJECT);
    CHECK_STRING(json_string(shash_find_data(json_object(back), "s")),
                 expected);
    json_destroy(back);
    json_destroy(json);
    free(s);
}

static void
test_json(void)
{
    static const char *const texts[] = {
        "", "tun0", "\"\\{}", "\033[2J\r\n\177", ("\xc2\x9b" "31m"),
        "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x94\x92 \xf4\x8f\xbf\xbf",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        check_json(texts[i], texts[i]);
    }
    check_json("bad \xff utf-8", "bad \\xff utf-8");
    check_json("cut \xe2\x82", "cut \\xe2\\x82");

    struct json *json = json_string_create_safe(NULL);
    CHECK(json->type == JSON_NULL);
    json_destroy(json);
}

void
unit_quote(void)
{
    test_text();
    test_every_byte();
    test_length();
    test_json();
}
