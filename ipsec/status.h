/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STATUS_H
#define STATUS_H 1

/* What there is to tell about this host's tunnels, at one moment.
 *
 * Reads the state of 'monitor', 'ike', 'guard' and the kernel when somebody
 * asks, and changes nothing.  status-text and status-json write it; 'control'
 * calls all three for its commands. */

#include <stdbool.h>
#include <stddef.h>

#include "openvswitch/shash.h"

#include "ike.h"
#include "monitor.h"
#include "peer.h"
#include "protection.h"
#include "tunnel-state.h"
#include "xfrm-table.h"

struct escapes;
struct guard;

/* Where the state is read from. */
struct status_source {
    const struct monitor *monitor;
    const struct ike *ike;
    const struct guard *guard;
    struct escapes *escapes;    /* Kept from one moment to the next. */
};

/* A child, whose SAs the IKE daemon and the kernel know. */
struct status_child {
    const struct child *child;
    struct ike_child_state ike;
    struct xfrm_counters out, in;       /* The kernel's, of what we send and
                                         * receive by it. */
};

/* A peer's connection. */
struct status_connection {
    const struct peer *peer;
    bool handled;               /* 'ike' is what the back end told. */
    struct ike_state ike;
    struct status_child *children;      /* As many as 'peer' has. */
};

struct status_tunnel {
    struct monitor_view view;
    const struct status_connection *connection; /* Null: none. */
    const struct status_child *children[CHILD_N_DIRS];  /* In that. */
    size_t n_children;
    struct tunnel_verdict verdict;
};

/* Strings and pointers into other modules are good until they run next. */
struct status {
    struct monitor_summary host;
    const char *ike_error;      /* As ike_get_error() and so on. */
    const char *guard_error;
    bool guard_installed;
    struct protection_state protection;
    const struct shash *in_clear;
    struct ike_counts counts;
    const struct sset *held;
    struct status_tunnel *tunnels;      /* By name. */
    size_t n_tunnels;
    struct shash connections;   /* Name -> struct status_connection. */
    struct xfrm_table kernel;
};

void status_init(struct status *, const struct status_source *);
void status_destroy(struct status *);

const char *status_database(const struct status *);
const char *status_guard(const struct status *);

#endif /* status.h */
