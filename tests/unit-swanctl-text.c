/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/swanctl-text. */

#include <config.h>

#include "swanctl-text.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "section.h"
#include "unit.h"

static void
test_text(void)
{
    struct section *top = section_create();
    struct section *conn = section_add(section_add(top, "connections"),
                                       "ovs-1");
    struct section *ts;
    struct ds ds = DS_EMPTY_INITIALIZER;

    section_put(conn, "version", "2");
    section_put_list(conn, "remote_addrs", "fd00::1");
    section_put(section_add(conn, "local"), "id", "a \"b\" \\ #{}=\n\r\t'");
    section_put(section_add(conn, "remote"), "id", "");
    ts = section_add_list(section_add(section_add(conn, "children"), "c"),
                          "remote_ts");
    section_append(ts, "dynamic[udp/6081]", 17);
    section_append(ts, "10.0.0.0/8", 10);
    section_add_list(section_add(top, "empty"), "list");

    ds_put_cstr(&ds, "# Head\n");
    CHECK_STRING(section_format_conf(top, &ds), NULL);
    CHECK_STRING(ds_cstr(&ds),
                 "# Head\n"
                 "connections {\n"
                 "    ovs-1 {\n"
                 "        version = 2\n"
                 "        remote_addrs = fd00::1\n"
                 "        local {\n"
                 "            id = \"a \\\"b\\\" \\\\ #{}=\\n\\r\\t'\"\n"
                 "        }\n"
                 "        remote {\n"
                 "            id = \"\"\n"
                 "        }\n"
                 "        children {\n"
                 "            c {\n"
                 "                remote_ts = \"dynamic[udp/6081],10.0.0.0/8\""
                 "\n"
                 "            }\n"
                 "        }\n"
                 "    }\n"
                 "}\n"
                 "empty {\n"
                 "    list = \"\"\n"
                 "}\n");
    ds_destroy(&ds);
    section_destroy(top);
}

/* Checks that 'top', which this frees, cannot be written because of
 * 'expected', and that nothing of it is. */
static void
check_error(struct section *top, const char *expected, const char *where)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&ds, "before");
    char *error = section_format_conf(top, &ds);
    unit_check_string(error, expected, where, "error");
    unit_check_string(ds_cstr(&ds), expected ? "before" : ds_cstr(&ds), where,
                      "text");
    ds_destroy(&ds);
    section_destroy(top);
    free(error);
}
#define CHECK_ERROR(TOP, EXPECTED) \
    check_error(TOP, EXPECTED, OVS_SOURCE_LOCATOR)

static struct section *
with_value(const char *name, const void *value, size_t length)
{
    struct section *top = section_create();

    section_put_bytes(section_add(top, "s"), name, value, length);
    return top;
}

static struct section *
with_element(const char *element)
{
    struct section *top = section_create();

    section_put_list(section_add(top, "s"), "l", element);
    return top;
}

/* A section called 'name', right below the outermost one, or in one there. */
static struct section *
with_section(const char *name, bool deep)
{
    struct section *top = section_create();
    struct section *s = section_add(top, "connections");

    section_add(deep ? section_add(s, "ovs-1") : s, name);
    return top;
}

static void
test_names(void)
{
    static const char *const bad[] = {
        "a.b", "a b", "a%sb", "a:b", "a,b", "a=b", "a#b", "a{", "a}", "a\"",
        "a\\", "a\nb", "include", "a\xc3\xa4",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char *expected = xasprintf(
            "s: \"%s\" cannot be written as a name (only letters, digits, '_' "
            "and '-' can)", bad[i]);
        CHECK_ERROR(with_value(bad[i], "x", 1), expected);
        free(expected);
    }
    CHECK_ERROR(with_value("", "x", 1), "s: \"\" cannot be written as a name "
                "(only letters, digits, '_' and '-' can)");
    CHECK_ERROR(with_value("includes", "x", 1), NULL);

    struct section *top = with_value("a", "x", 1);
    section_append(top, "x", 1);
    CHECK_ERROR(top, ": \"\" cannot be written as a name (only letters, "
                "digits, '_' and '-' can)");

    top = with_value("a", "x", 1);
    section_add(section_find(top, "s")->section, "a");
    CHECK_ERROR(top, "s.a: is there twice");
}

static void
test_values(void)
{
    CHECK_ERROR(with_value("k", "a\0b", 3),
                "s.k: a value with a null byte cannot be written");

    CHECK_ERROR(with_element("a\tb c"), NULL);
    CHECK_ERROR(with_element("a,b"),
                "s.l: \"a,b\" cannot be written as an element of a list");
    CHECK_ERROR(with_element(" a"),
                "s.l: \" a\" cannot be written as an element of a list");
    CHECK_ERROR(with_element("a "),
                "s.l: \"a \" cannot be written as an element of a list");
    CHECK_ERROR(with_element(""),
                "s.l: \"\" cannot be written as an element of a list");

    struct section *top = with_element("a");
    section_append(section_find(section_find(top, "s")->section,
                                "l")->section, "a\0b", 3);
    CHECK_ERROR(top, "s.l: a value with a null byte cannot be written");

    top = with_element("a");
    section_add(section_find(section_find(top, "s")->section, "l")->section,
                "b");
    CHECK_ERROR(top, "s.l: a list can only have values in it");
}

static void
test_lengths(void)
{
    char name[257], *expected;

    memset(name, 'x', sizeof name);
    name[127 - strlen("connections.")] = '\0';
    CHECK_ERROR(with_section(name, false), NULL);
    name[strlen(name)] = 'x';
    name[128 - strlen("connections.")] = '\0';
    expected = xasprintf("connections.%s: the path has more than the 127 "
                         "bytes that swanctl takes", name);
    CHECK_ERROR(with_section(name, false), expected);
    free(expected);

    memset(name, 'x', sizeof name);
    name[255 - strlen("connections.ovs-1.")] = '\0';
    CHECK_ERROR(with_section(name, true), NULL);
    name[strlen(name)] = 'x';
    name[256 - strlen("connections.ovs-1.")] = '\0';
    expected = xasprintf("connections.ovs-1.%s: the path has more "
                         "than the 255 bytes that swanctl takes", name);
    CHECK_ERROR(with_section(name, true), expected);
    free(expected);
}

void
unit_swanctl_text(void)
{
    test_text();
    test_names();
    test_values();
    test_lengths();
}
