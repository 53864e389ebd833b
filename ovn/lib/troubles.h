/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef TROUBLES_H
#define TROUBLES_H 1

/* What keeps a daemon from its work and only the operator can mend.
 *
 * A pass over the databases finds the same fault each time it looks.  A
 * "struct troubles" makes one line in the log of that, and one more when the
 * fault is gone:
 *
 *     troubles_begin(&troubles);
 *     if (!name) {
 *         troubles_add(&troubles, VLL_WARN, "name", "no name is set; ...");
 *     }
 *     troubles_end(&troubles);
 *
 * A pass that looks only at some of the things that can be at fault has
 * troubles_begin_about() and troubles_end_about() for each of these; one that
 * looks at all of them sets 'about' to each in turn.  A look costs what is
 * wrong with that one thing.
 *
 * What lasts is logged again once a minute at most, when a pass sees it.  The
 * unixctl command "troubles" lists all that there is at the moment.
 *
 * The text may quote what another host wrote: characters that could forge a
 * line of the log or confuse a terminal are replaced. */

#include "openvswitch/list.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"

struct troubles {
    const char *about;          /* What is being looked at, or null. */
    struct ovs_list node;       /* In the list that "troubles" shows. */
    struct shash general;       /* From subjects to "struct trouble"s. */
    struct shash by_about;      /* The same of each thing looked at: contains
                                 * "struct shash"es. */
};

void troubles_init(struct troubles *);
void troubles_destroy(struct troubles *);

void troubles_begin(struct troubles *);
void troubles_begin_about(struct troubles *, const char *about);
void troubles_add(struct troubles *, enum vlog_level, const char *subject,
                  const char *format, ...) OVS_PRINTF_FORMAT(4, 5);
void troubles_end(struct troubles *);
void troubles_end_about(struct troubles *);

void troubles_unixctl_register(void);

#endif /* troubles.h */
