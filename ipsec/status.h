/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STATUS_H
#define STATUS_H 1

/* What there is to tell about this host's tunnels.
 *
 * Reads the state of 'monitor', 'ike' and 'guard' when somebody asks, and
 * changes nothing.  The main program calls it for its unixctl commands. */

struct ds;
struct guard;
struct ike;
struct monitor;

/* Where the state is read from. */
struct status_source {
    const struct monitor *monitor;
    const struct ike *ike;
    const struct guard *guard;
};

void status_show(const struct status_source *, struct ds *);

#endif /* status.h */
