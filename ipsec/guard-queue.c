/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* A bounded queue of acquires; see guard-queue.h. */

#include <config.h>

#include "guard-queue.h"

#include <stdlib.h>

#include "coverage.h"
#include "hash.h"
#include "packets.h"
#include "util.h"

#include "guard.h"

COVERAGE_DEFINE(guard_acquire);
COVERAGE_DEFINE(guard_acquire_dropped);

#define MAX_ACQUIRES 1024

struct guard_wish {
    struct hmap_node hmap_node; /* In struct guard_queue's 'wishes'. */
    struct ovs_list list_node;  /* In struct guard_queue's 'order'. */
    struct guard_acquire acquire;
};

void
guard_queue_init(struct guard_queue *queue)
{
    hmap_init(&queue->wishes);
    ovs_list_init(&queue->order);
}

void
guard_queue_destroy(struct guard_queue *queue)
{
    struct guard_acquire acquire;

    while (guard_queue_pop(queue, &acquire)) {
        /* Only free it. */
    }
    hmap_destroy(&queue->wishes);
}

bool
guard_queue_is_empty(const struct guard_queue *queue)
{
    return hmap_is_empty(&queue->wishes);
}

static uint32_t
hash_acquire(const struct guard_acquire *a)
{
    uint32_t hash = hash_bytes(&a->remote, sizeof a->remote, a->selector.port);

    return hash_bytes(&a->local, sizeof a->local,
                      hash_2words(hash, a->selector.proto));
}

static bool
acquire_equals(const struct guard_acquire *a, const struct guard_acquire *b)
{
    return (!guard_selector_compare(&a->selector, &b->selector)
            && ipv6_addr_equals(&a->local, &b->local)
            && ipv6_addr_equals(&a->remote, &b->remote));
}

static bool
guard_queue_contains(const struct guard_queue *queue,
                     const struct guard_acquire *acquire, uint32_t hash)
{
    const struct guard_wish *wish;

    HMAP_FOR_EACH_WITH_HASH (wish, hmap_node, hash, &queue->wishes) {
        if (acquire_equals(&wish->acquire, acquire)) {
            return true;
        }
    }
    return false;
}

/* Appends 'acquire', unless it is there already.  Returns false if the queue
 * is full. */
bool
guard_queue_push(struct guard_queue *queue,
                 const struct guard_acquire *acquire)
{
    uint32_t hash = hash_acquire(acquire);

    if (guard_queue_contains(queue, acquire, hash)) {
        return true;
    }
    if (hmap_count(&queue->wishes) >= MAX_ACQUIRES) {
        COVERAGE_INC(guard_acquire_dropped);
        return false;
    }

    struct guard_wish *wish = xmalloc(sizeof *wish);
    wish->acquire = *acquire;
    hmap_insert(&queue->wishes, &wish->hmap_node, hash);
    ovs_list_push_back(&queue->order, &wish->list_node);
    COVERAGE_INC(guard_acquire);
    return true;
}

/* Takes the oldest one into '*acquire'.  Returns false if there is none. */
bool
guard_queue_pop(struct guard_queue *queue, struct guard_acquire *acquire)
{
    struct guard_wish *wish;

    if (guard_queue_is_empty(queue)) {
        return false;
    }
    wish = CONTAINER_OF(ovs_list_pop_front(&queue->order),
                        struct guard_wish, list_node);
    hmap_remove(&queue->wishes, &wish->hmap_node);
    *acquire = wish->acquire;
    free(wish);
    return true;
}
