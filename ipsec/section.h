/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef SECTION_H
#define SECTION_H 1

/* A tree of sections, values and lists: strongSwan's only data structure,
 * which swanctl.conf has as text and vici as bytes.
 *
 * ike-strongswan makes and reads these trees; 'vici' and 'swanctl-conf' are
 * the two writers.  The order of items is kept.  Values are bytes, which
 * need not be text: a certificate in DER is one.  Building never fails; what
 * a writer cannot express (a name of 256 bytes, for one) is the writer's
 * error.
 *
 *     struct section *args = section_create();
 *     struct section *child = section_add(section_add(args, "ovs-1"),
 *                                         "children");
 *     section_put(child, "mode", "transport");
 *     section_put_list(child, "remote_ts", "dynamic[udp/6081]");
 */

#include <stddef.h>
#include <stdint.h>
#include "openvswitch/compiler.h"
#include "openvswitch/list.h"

enum section_item_type {
    SECTION_VALUE,              /* 'data', 'length'. */
    SECTION_LIST,               /* 'section', whose items are values without
                                 * a name. */
    SECTION_SECTION,            /* 'section'. */
};

struct section_item {
    struct ovs_list node;       /* In struct section's 'items'. */
    enum section_item_type type;
    char *name;                 /* Null in a list. */
    char *data;                 /* 'length' bytes and a null byte. */
    size_t length;
    struct section *section;
};

struct section {
    struct ovs_list items;      /* Contains "struct section_item"s. */
};

#define SECTION_FOR_EACH(ITEM, SECTION) \
    LIST_FOR_EACH (ITEM, node, &(SECTION)->items)

struct section *section_create(void);
void section_destroy(struct section *);
struct section *section_clone(const struct section *);
bool section_equals(const struct section *, const struct section *);

/* Building.  A name that is there already is put a second time. */
void section_put(struct section *, const char *name, const char *value);
void section_put_format(struct section *, const char *name,
                        const char *format, ...) OVS_PRINTF_FORMAT(3, 4);
void section_put_bytes(struct section *, const char *name,
                       const void *data, size_t length);
struct section *section_add(struct section *, const char *name);
struct section *section_add_list(struct section *, const char *name);
void section_append(struct section *list, const void *data, size_t length);
void section_put_list(struct section *, const char *name, const char *value);

/* Reading. */
const struct section_item *section_find(const struct section *,
                                        const char *name);
const char *section_get(const struct section *, const char *name);
uint64_t section_get_uint(const struct section *, const char *name);
const struct section *section_get_section(const struct section *,
                                          const char *name);

#endif /* section.h */
