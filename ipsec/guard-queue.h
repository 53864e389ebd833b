/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef GUARD_QUEUE_H
#define GUARD_QUEUE_H 1

/* Acquires on their way from the kernel to 'monitor', each once, and no more
 * than a fixed number: a local user can make the kernel raise one for any
 * address there is.  'guard' has one of these. */

#include <stdbool.h>

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"

struct guard_acquire;

struct guard_queue {
    struct hmap wishes;         /* Contains "struct guard_wish"es. */
    struct ovs_list order;      /* The same, oldest first. */
};

void guard_queue_init(struct guard_queue *);
void guard_queue_destroy(struct guard_queue *);
bool guard_queue_is_empty(const struct guard_queue *);
bool guard_queue_push(struct guard_queue *, const struct guard_acquire *);
bool guard_queue_pop(struct guard_queue *, struct guard_acquire *);

#endif /* guard-queue.h */
