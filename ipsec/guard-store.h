/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef GUARD_STORE_H
#define GUARD_STORE_H 1

/* What the guard protects, remembered in a small file, so that a host that
 * boots is protected before its database, its IKE daemon or its first tunnel
 * is there.
 *
 * 'guard' has the file written before a policy goes in, and taken away after
 * the last one is gone; `ovs-monitor-ipsec --restore-guard` reads it.  A
 * thread writes, so that the main loop never waits for the disk. */

#include <stdbool.h>
#include <stddef.h>

struct guard_rule;
struct guard_store;

struct guard_store *guard_store_open(const char *path);
void guard_store_close(struct guard_store *);
void guard_store_run(struct guard_store *);
void guard_store_wait(struct guard_store *);

void guard_store_set(struct guard_store *, const struct guard_rule *,
                     size_t n);
bool guard_store_is_settled(const struct guard_store *);
const char *guard_store_get_error(const struct guard_store *);

char *guard_store_read(const char *path, struct guard_rule **, size_t *n);

#endif /* guard-store.h */
