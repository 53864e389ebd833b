/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The options of interface rows; see interface-options.h.
 *
 * The IDL has each string of them twice, as it came and as an smap, and
 * although it counts references to the former, has them once per row.  The
 * options of a hypervisor's tunnels have the same names, and most have the
 * same values, so each row takes from the row before what is equal there, and
 * the smap is made only when somebody wants to read it.  That is 1.0 of the
 * 2.0 KiB that a row takes otherwise (measured, four options). */

#include <config.h>

#include "interface-options.h"

#include <string.h>

#include "openvswitch/json.h"
#include "ovsdb-data.h"
#include "ovsdb-idl-provider.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "util.h"

#include "ipsec/ipsec-vswitch-idl.h"

static const struct ovsdb_datum *
get_datum(const struct vsrec_interface *row)
{
    return &row->header_.old_datum[VSREC_INTERFACE_COL_OPTIONS];
}

/* Makes '*options' a copy of the options of 'row', which the caller
 * destroys. */
void
interface_options_get(const struct vsrec_interface *row, struct smap *options)
{
    const struct ovsdb_datum *datum = get_datum(row);

    smap_init(options);
    for (size_t i = 0; i < datum->n; i++) {
        smap_add(options, json_string(datum->keys[i].s),
                 json_string(datum->values[i].s));
    }
}

/* Has '*a' be '*b' if they are equal. */
static void
share_string(struct json **a, struct json *b)
{
    if (*a != b && !strcmp(json_string(*a), json_string(b))) {
        json_destroy(*a);
        *a = json_clone(b);
    }
}

/* Keys are sorted. */
static void
share_strings(const struct ovsdb_datum *a, const struct ovsdb_datum *b)
{
    size_t i = 0, j = 0;

    while (i < a->n && j < b->n) {
        int cmp = strcmp(json_string(a->keys[i].s), json_string(b->keys[j].s));

        if (!cmp) {
            share_string(&a->keys[i].s, b->keys[j].s);
            share_string(&a->values[i].s, b->values[j].s);
        }
        i += cmp <= 0;
        j += cmp >= 0;
    }
}

/* Has the options of all rows of 'idl' need less memory.  Nobody may have a
 * transaction under way.  Takes time for each row. */
void
interface_options_compact(struct ovsdb_idl *idl)
{
    const struct vsrec_interface *row, *last = NULL;

    VSREC_INTERFACE_FOR_EACH (row, idl) {
        struct smap *copy = &CONST_CAST(struct vsrec_interface *,
                                        row)->options;

        smap_destroy(copy);
        smap_init(copy);
        if (last) {
            share_strings(get_datum(row), get_datum(last));
        }
        last = row;
    }
}
