/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The kernel's policies and SAs by host; see xfrm-table.h. */

#include <config.h>

#include "xfrm-table.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

static uint32_t
hash_host(const struct in6_addr *host)
{
    return hash_bytes(host, sizeof *host, 0);
}

/* Adds '*nodep', a copy of 'node' for 'host', and moves it on. */
static void
add_node(struct xfrm_table *table, struct xfrm_table_node **nodep,
         const struct xfrm_table_node *node, const struct in6_addr *host)
{
    **nodep = *node;
    (*nodep)->host = *host;
    hmap_insert(&table->by_host, &(*nodep)->hmap_node, hash_host(host));
    ++*nodep;
}

static bool
is_host(int family, uint8_t plen)
{
    return plen == (family == AF_INET ? 32 : 128);
}

/* From the last to the first: what was inserted last is found first. */
static void
index_hosts(struct xfrm_table *table)
{
    size_t n_nodes = 2 * (table->n_policies + table->n_sas);
    struct xfrm_table_node *next;

    table->nodes = next = xcalloc(n_nodes, sizeof *next);
    hmap_reserve(&table->by_host, n_nodes);
    for (size_t i = table->n_policies; i-- > 0; ) {
        const struct xfrm_policy *policy = &table->policies[i];
        const struct xfrm_table_node node = { .policy = policy };

        if (is_host(policy->ts.family, policy->ts.src_plen)) {
            add_node(table, &next, &node, &policy->ts.src);
        }
        if (is_host(policy->ts.family, policy->ts.dst_plen)) {
            add_node(table, &next, &node, &policy->ts.dst);
        }
    }
    for (size_t i = table->n_sas; i-- > 0; ) {
        const struct xfrm_sa *sa = &table->sas[i];
        const struct xfrm_table_node node = { .sa = sa };

        add_node(table, &next, &node, &sa->src);
        add_node(table, &next, &node, &sa->dst);
    }
}

/* Makes 'table' what the kernel holds now.  If that cannot be told, it is
 * empty, with the reason in 'error'.  To be destroyed in either case. */
void
xfrm_table_read(struct xfrm_table *table)
{
    memset(table, 0, sizeof *table);
    hmap_init(&table->by_host);
    table->error = xfrm_policy_dump(&table->policies, &table->n_policies);
    if (!table->error) {
        table->error = xfrm_sa_dump(&table->sas, &table->n_sas);
    }
    if (!table->error) {
        index_hosts(table);
    }
}

/* Frees what is in 'table'. */
void
xfrm_table_destroy(struct xfrm_table *table)
{
    hmap_destroy(&table->by_host);
    free(table->nodes);
    free(table->policies);
    free(table->sas);
}

static const struct xfrm_table_node *
node_with_host(struct hmap_node *hmap_node, const struct in6_addr *host)
{
    while (hmap_node) {
        const struct xfrm_table_node *node
            = CONTAINER_OF(hmap_node, struct xfrm_table_node, hmap_node);

        if (ipv6_addr_equals(&node->host, host)) {
            return node;
        }
        hmap_node = hmap_next_with_hash(hmap_node);
    }
    return NULL;
}

/* Returns the first of what has 'host' at one end, or null. */
const struct xfrm_table_node *
xfrm_table_first(const struct xfrm_table *table, const struct in6_addr *host)
{
    return node_with_host(hmap_first_with_hash(&table->by_host,
                                               hash_host(host)), host);
}

/* Returns what comes after 'node' for the same host, or null. */
const struct xfrm_table_node *
xfrm_table_next(const struct xfrm_table_node *node)
{
    return node_with_host(hmap_next_with_hash(&node->hmap_node), &node->host);
}

/* Sets '*counters' to those of all SAs from 'src' to 'dst' with 'reqid'
 * together: while one takes another's place, both are there. */
void
xfrm_table_count(const struct xfrm_table *table, const struct in6_addr *src,
                 const struct in6_addr *dst, uint32_t reqid,
                 struct xfrm_counters *counters)
{
    const struct xfrm_table_node *node;

    memset(counters, 0, sizeof *counters);
    XFRM_TABLE_FOR_EACH (node, table, dst) {
        const struct xfrm_sa *sa = node->sa;

        if (!sa || sa->larval || sa->proto != IPPROTO_ESP
            || sa->reqid != reqid || !ipv6_addr_equals(&sa->src, src)
            || !ipv6_addr_equals(&sa->dst, dst)) {
            continue;
        }
        counters->n++;
        counters->bytes += sa->bytes;
        counters->packets += sa->packets;
        if (sa->used_at && (!counters->used_at
                            || sa->used_at < counters->used_at)) {
            counters->used_at = sa->used_at;
        }
    }
}
