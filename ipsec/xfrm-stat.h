/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef XFRM_STAT_H
#define XFRM_STAT_H 1

/* The kernel's counters of what XFRM dropped (/proc/net/xfrm_stat), since the
 * daemon's start.
 *
 * They count for the whole network namespace: a packet may have been
 * anybody's.  Those who show state call this. */

#include <stddef.h>
#include <stdint.h>

struct ds;

#define XFRM_STAT_MAX 40

struct xfrm_stat {
    const char *name;           /* As the kernel calls it, static. */
    const char *words;          /* What was counted, for people, static. */
    uint64_t count;
};

void xfrm_stat_start(void);
size_t xfrm_stat_get(struct xfrm_stat stats[XFRM_STAT_MAX]);
void xfrm_stat_format(struct ds *);

#endif /* xfrm-stat.h */
