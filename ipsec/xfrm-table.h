/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef XFRM_TABLE_H
#define XFRM_TABLE_H 1

/* All policies and SAs of the kernel at one moment, to be looked up by the
 * address of a host at either end.  'status' reads one for each question. */

#include <netinet/in.h>
#include <stddef.h>

#include "openvswitch/hmap.h"

#include "xfrm.h"

struct xfrm_table {
    int error;                  /* Positive errno: nothing is known. */
    struct xfrm_policy *policies;
    size_t n_policies;
    struct xfrm_sa *sas;
    size_t n_sas;
    struct hmap by_host;        /* Contains "struct xfrm_table_node"s. */
    struct xfrm_table_node *nodes;
};

/* One of 'policy' and 'sa' is null. */
struct xfrm_table_node {
    struct hmap_node hmap_node;
    struct in6_addr host;
    const struct xfrm_policy *policy;
    const struct xfrm_sa *sa;
};

/* What 'counters' tells of several SAs together. */
struct xfrm_counters {
    size_t n;                   /* How many SAs there are. */
    uint64_t bytes, packets;
    long long int used_at;      /* s since the epoch: first packet of all; 0:
                                 * none. */
};

void xfrm_table_read(struct xfrm_table *);
void xfrm_table_destroy(struct xfrm_table *);

const struct xfrm_table_node *xfrm_table_first(const struct xfrm_table *,
                                               const struct in6_addr *host);
const struct xfrm_table_node *xfrm_table_next(const struct xfrm_table_node *);
void xfrm_table_count(const struct xfrm_table *, const struct in6_addr *src,
                      const struct in6_addr *dst, uint32_t reqid,
                      struct xfrm_counters *);

#define XFRM_TABLE_FOR_EACH(NODE, TABLE, HOST)              \
    for ((NODE) = xfrm_table_first(TABLE, HOST); (NODE);    \
         (NODE) = xfrm_table_next(NODE))

#endif /* xfrm-table.h */
