/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef MONITOR_H
#define MONITOR_H 1

/* Reads tunnels from the local database, decides what has to be guarded and
 * encrypted, and tells 'guard' and 'ike'.  The main program makes one. */

#include <stdbool.h>

struct ds;
struct guard;
struct ike;
struct monitor;

struct monitor *monitor_create(const char *database, struct ike *,
                               struct guard *);
void monitor_destroy(struct monitor *);
void monitor_run(struct monitor *);
void monitor_wait(struct monitor *);

void monitor_refresh(struct monitor *);
void monitor_stop(struct monitor *);
void monitor_show(const struct monitor *, struct ds *);

#endif /* monitor.h */
