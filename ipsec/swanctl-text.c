/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Sections as swanctl.conf text; see swanctl-text.h. */

#include <config.h>

#include "swanctl-text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "section.h"
#include "sset.h"
#include "util.h"

/* swanctl looks sections up by their path, "connections.NAME", which it cuts
 * off after so many bytes: for what is right below the outermost sections, and
 * for what is deeper. */
#define MAX_PATH_SHALLOW 127
#define MAX_PATH_DEEP 255

struct formatter {
    struct ds *ds;
    unsigned int depth;
    char *error;                /* The first, or null. */
};

static void format_items(struct formatter *, const struct section *,
                         const char *path);

static void OVS_PRINTF_FORMAT(2, 3)
format_fail(struct formatter *f, const char *format, ...)
{
    va_list args;

    if (!f->error) {
        va_start(args, format);
        f->error = xvasprintf(format, args);
        va_end(args);
    }
}

/* What the parser takes is more, but swanctl then splits names at '.',
 * expands '%', and some versions give ':' and ',' a meaning. */
static bool
is_conf_name(const char *name)
{
    return (*name && strcmp(name, "include")
            && name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0');
}

/* Returns true if 'value' means itself without quotes. */
static bool
is_plain_value(const char *value)
{
    return (*value
            && value[strspn(value, "abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:%")]
               == '\0');
}

/* Appends 'value' in quotes, so that strongSwan's parser gives it back:
 * inside quotes it knows \n, \r, \t, takes any other character behind a
 * backslash as itself, and drops a bare carriage return. */
static void
format_quoted(struct ds *ds, const char *value)
{
    ds_put_char(ds, '"');
    for (; *value; value++) {
        switch (*value) {
        case '\n':
            ds_put_cstr(ds, "\\n");
            break;
        case '\r':
            ds_put_cstr(ds, "\\r");
            break;
        case '\t':
            ds_put_cstr(ds, "\\t");
            break;
        case '"':
        case '\\':
            ds_put_char(ds, '\\');
            /* Fall through. */
        default:
            ds_put_char(ds, *value);
            break;
        }
    }
    ds_put_char(ds, '"');
}

/* Appends the line for the setting 'name'. */
static void
format_setting(struct formatter *f, const char *name, const char *value)
{
    ds_put_char_multiple(f->ds, ' ', 4 * f->depth);
    ds_put_format(f->ds, "%s = ", name);
    if (is_plain_value(value)) {
        ds_put_cstr(f->ds, value);
    } else {
        format_quoted(f->ds, value);
    }
    ds_put_char(f->ds, '\n');
}

static bool
check_value(struct formatter *f, const char *path,
            const struct section_item *item)
{
    if (memchr(item->data, '\0', item->length)) {
        format_fail(f, "%s: a value with a null byte cannot be written", path);
    }
    return !f->error;
}

/* Appends 'list'.  swanctl makes a list of what stands between the commas,
 * without the spaces around, so an element must look like that. */
static void
format_list(struct formatter *f, const struct section_item *list,
            const char *path)
{
    const struct section_item *item;
    struct ds value = DS_EMPTY_INITIALIZER;

    SECTION_FOR_EACH (item, list->section) {
        if (item->type != SECTION_VALUE) {
            format_fail(f, "%s: a list can only have values in it", path);
        } else if (check_value(f, path, item)) {
            const char *data = item->data;

            if (!item->length || strchr(data, ',') || data[0] == ' '
                || data[item->length - 1] == ' ') {
                format_fail(f, "%s: \"%s\" cannot be written as an element of "
                            "a list", path, data);
            }
            ds_put_format(&value, "%s%s", value.length ? "," : "", data);
        }
    }
    if (!f->error) {
        format_setting(f, list->name, ds_cstr(&value));
    }
    ds_destroy(&value);
}

static void
format_section(struct formatter *f, const struct section_item *item,
               const char *path)
{
    size_t max = f->depth < 2 ? MAX_PATH_SHALLOW : MAX_PATH_DEEP;

    if (strlen(path) > max) {
        format_fail(f, "%s: the path has more than the %"PRIuSIZE" bytes that "
                    "swanctl takes", path, max);
        return;
    }
    ds_put_char_multiple(f->ds, ' ', 4 * f->depth);
    ds_put_format(f->ds, "%s {\n", item->name);
    f->depth++;
    format_items(f, item->section, path);
    f->depth--;
    ds_put_char_multiple(f->ds, ' ', 4 * f->depth);
    ds_put_cstr(f->ds, "}\n");
}

static void
format_item(struct formatter *f, const struct section_item *item,
            const char *path)
{
    if (item->type == SECTION_SECTION) {
        format_section(f, item, path);
    } else if (item->type == SECTION_LIST) {
        format_list(f, item, path);
    } else if (check_value(f, path, item)) {
        format_setting(f, item->name, item->data);
    }
}

/* Appends the items of 'section', which is at 'path'. */
static void
format_items(struct formatter *f, const struct section *section,
             const char *path)
{
    struct sset names = SSET_INITIALIZER(&names);
    const struct section_item *item;

    SECTION_FOR_EACH (item, section) {
        const char *name = item->name ? item->name : "";
        char *item_path = xasprintf("%s%s%s", path, *path ? "." : "", name);

        if (!is_conf_name(name)) {
            format_fail(f, "%s: \"%s\" cannot be written as a name (only "
                        "letters, digits, '_' and '-' can)", path, name);
        } else if (!sset_add(&names, name)) {
            format_fail(f, "%s: is there twice", item_path);
        }
        if (!f->error) {
            format_item(f, item, item_path);
        }
        free(item_path);
    }
    sset_destroy(&names);
}

/* Appends 'section' to 'ds' as swanctl.conf text, which swanctl reads back as
 * the same section (lists as lists, in settings that are such).  Returns null,
 * or why a name or value cannot be written, which the caller frees; then 'ds'
 * is as before. */
char *
section_format_conf(const struct section *section, struct ds *ds)
{
    struct formatter f = { .ds = ds };
    size_t length = ds->length;

    format_items(&f, section, "");
    if (f.error) {
        ds_truncate(ds, length);
    }
    return f.error;
}
