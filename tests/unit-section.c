/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/section. */

#include <config.h>

#include "section.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* A section with each kind of item in it. */
static struct section *
make_sample(void)
{
    struct section *top = section_create();
    struct section *conn = section_add(top, "conn");
    struct section *addrs = section_add_list(conn, "addrs");

    section_append(addrs, "10.0.0.1", 8);
    section_append(addrs, "10.0.0.2", 8);
    section_put(conn, "version", "2");
    section_put_format(conn, "rekey", "%d", 14400);
    section_put_bytes(conn, "der", "\x30\0\x01", 3);
    section_add(conn, "children");
    section_put_list(conn, "ts", "dynamic");
    return top;
}

static struct section *
conn_of(struct section *top)
{
    return section_find(top, "conn")->section;
}

static void
test_read(void)
{
    struct section *top = make_sample();
    const struct section *conn = section_get_section(top, "conn");

    CHECK_STRING(section_get(conn, "version"), "2");
    CHECK(section_get_uint(conn, "rekey") == 14400);
    CHECK(section_find(conn, "der")->length == 3);
    CHECK(!memcmp(section_find(conn, "der")->data, "\x30\0\x01", 3));
    CHECK(section_find(conn, "addrs")->type == SECTION_LIST);
    CHECK(section_find(conn, "children")->type == SECTION_SECTION);

    CHECK_STRING(section_get(conn, "addrs"), NULL);
    CHECK_STRING(section_get(conn, "nothing"), NULL);
    CHECK(section_get_uint(conn, "nothing") == 0);
    CHECK(!section_get_section(conn, "version"));
    CHECK(!section_get_section(NULL, "version"));
    CHECK_STRING(section_get(NULL, "version"), NULL);
    section_destroy(top);
    section_destroy(NULL);
}

/* Each way in which two sections can differ. */

static struct section_item *
item_of(struct section *top, const char *name)
{
    return CONST_CAST(struct section_item *,
                      section_find(conn_of(top), name));
}

static void
change_start(struct section *top)
{
    section_put(top, "another", "2");
}

static void
change_byte(struct section *top)
{
    item_of(top, "der")->data[2] = 2;
}

static void
change_length(struct section *top)
{
    item_of(top, "der")->length = 2;
}

static void
change_name(struct section *top)
{
    item_of(top, "version")->name[0] = 'V';
}

static void
change_type(struct section *top)
{
    item_of(top, "addrs")->type = SECTION_SECTION;
}

static void
change_depth(struct section *top)
{
    section_put(item_of(top, "children")->section, "a", "b");
}

static void
change_list(struct section *top)
{
    section_append(item_of(top, "addrs")->section, "x", 1);
}

static void
change_order(struct section *top)
{
    struct ovs_list *items = &conn_of(top)->items;

    ovs_list_push_back(items, ovs_list_pop_front(items));
}

static void
change_end(struct section *top)
{
    struct section_item *last = CONTAINER_OF(
        ovs_list_pop_back(&conn_of(top)->items), struct section_item, node);

    section_destroy(last->section);
    free(last->name);
    free(last);
}

static void
test_equals(void)
{
    void (*const changes[])(struct section *) = {
        change_start, change_byte, change_length, change_name, change_type,
        change_depth, change_list, change_order, change_end,
    };
    struct section *a = make_sample();
    struct section *b = section_clone(a);

    CHECK(section_equals(a, b));
    section_destroy(b);
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        b = section_clone(a);
        changes[i](b);
        CHECK(!section_equals(a, b));
        CHECK(!section_equals(b, a));
        section_destroy(b);
    }
    section_destroy(a);
}

void
unit_section(void)
{
    test_read();
    test_equals();
}
