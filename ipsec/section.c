/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The tree of sections, values and lists that strongSwan's configuration,
 * requests and answers are; see section.h. */

#include <config.h>

#include "section.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#include "secret.h"

/* Returns a new empty section, which the caller owns. */
struct section *
section_create(void)
{
    struct section *section = xmalloc(sizeof *section);

    ovs_list_init(&section->items);
    return section;
}

/* Frees 'section', which may be null, and all in it; its values, which may be
 * keys, are wiped. */
void
section_destroy(struct section *section)
{
    struct section_item *item;

    if (!section) {
        return;
    }
    LIST_FOR_EACH_POP (item, node, &section->items) {
        section_destroy(item->section);
        free(item->name);
        secret_free_block(item->data, item->length);
        free(item);
    }
    free(section);
}

static struct section_item *
section_add_item__(struct section *section, const char *name,
                   enum section_item_type type)
{
    struct section_item *item = xzalloc(sizeof *item);

    item->type = type;
    item->name = nullable_xstrdup(name);
    ovs_list_push_back(&section->items, &item->node);
    return item;
}

/* Returns a deep copy of 'section', which the caller owns. */
struct section *
section_clone(const struct section *section)
{
    struct section *copy = section_create();
    const struct section_item *item;

    SECTION_FOR_EACH (item, section) {
        struct section_item *new = section_add_item__(copy, item->name,
                                                      item->type);
        if (item->section) {
            new->section = section_clone(item->section);
        } else {
            new->data = xmemdup0(item->data, item->length);
            new->length = item->length;
        }
    }
    return copy;
}

static bool
section_item_equals(const struct section_item *a,
                    const struct section_item *b)
{
    if (a->type != b->type || !nullable_string_is_equal(a->name, b->name)) {
        return false;
    }
    return (a->section
            ? section_equals(a->section, b->section)
            : (a->length == b->length
               && !memcmp(a->data, b->data, a->length)));
}

/* Returns true if 'a' and 'b' have the same items in the same order. */
bool
section_equals(const struct section *a, const struct section *b)
{
    const struct ovs_list *x = a->items.next;
    const struct ovs_list *y = b->items.next;

    for (; x != &a->items && y != &b->items; x = x->next, y = y->next) {
        if (!section_item_equals(CONTAINER_OF(x, struct section_item, node),
                                 CONTAINER_OF(y, struct section_item, node))) {
            return false;
        }
    }
    return x == &a->items && y == &b->items;
}

/* Adds to 'section' the value 'name' with a copy of 'length' bytes at
 * 'data'. */
void
section_put_bytes(struct section *section, const char *name,
                  const void *data, size_t length)
{
    struct section_item *item = section_add_item__(section, name,
                                                   SECTION_VALUE);

    item->data = xmemdup0(data, length);
    item->length = length;
}

/* Adds to 'section' the value 'name' with the string 'value'. */
void
section_put(struct section *section, const char *name, const char *value)
{
    section_put_bytes(section, name, value, strlen(value));
}

/* Adds to 'section' the value 'name' with the string that 'format' makes. */
void
section_put_format(struct section *section, const char *name,
                   const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *value = xvasprintf(format, args);
    va_end(args);

    section_put(section, name, value);
    free(value);
}

/* Adds to 'section' an empty section 'name' and returns that, which remains
 * owned by 'section'. */
struct section *
section_add(struct section *section, const char *name)
{
    struct section_item *item = section_add_item__(section, name,
                                                   SECTION_SECTION);

    item->section = section_create();
    return item->section;
}

/* Adds to 'section' an empty list 'name' and returns that, which remains
 * owned by 'section', for section_append(). */
struct section *
section_add_list(struct section *section, const char *name)
{
    struct section_item *item = section_add_item__(section, name,
                                                   SECTION_LIST);

    item->section = section_create();
    return item->section;
}

/* Adds to 'list' a copy of the 'length' bytes at 'data'. */
void
section_append(struct section *list, const void *data, size_t length)
{
    section_put_bytes(list, NULL, data, length);
}

/* Adds to 'section' a list 'name' whose only element is the string
 * 'value'. */
void
section_put_list(struct section *section, const char *name,
                 const char *value)
{
    section_append(section_add_list(section, name), value, strlen(value));
}

/* Returns the first item of 'section' that is called 'name', or null.
 * 'section' may be null, which has no items. */
const struct section_item *
section_find(const struct section *section, const char *name)
{
    const struct section_item *item;

    if (section) {
        SECTION_FOR_EACH (item, section) {
            if (item->name && !strcmp(item->name, name)) {
                return item;
            }
        }
    }
    return NULL;
}

/* Returns the value 'name' of 'section' as a string, or null if there is no
 * such value.  A value with a null byte ends there. */
const char *
section_get(const struct section *section, const char *name)
{
    const struct section_item *item = section_find(section, name);

    return item && item->type == SECTION_VALUE ? item->data : NULL;
}

/* Returns the value 'name' of 'section' as a decimal number, 0 if there is
 * none or it is not a number. */
uint64_t
section_get_uint(const struct section *section, const char *name)
{
    const char *value = section_get(section, name);

    return value ? strtoull(value, NULL, 10) : 0;
}

/* Returns the section or list 'name' of 'section', or null if there is
 * none. */
const struct section *
section_get_section(const struct section *section, const char *name)
{
    const struct section_item *item = section_find(section, name);

    return item ? item->section : NULL;
}
