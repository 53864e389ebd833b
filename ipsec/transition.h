/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef TRANSITION_H
#define TRANSITION_H 1

/* From clear to encrypted without losing packets (ipsec_transition=seamless):
 * which selectors have no guard yet, because their SAs are not all there.
 *
 * Only a selector that nobody protected before can be deferred, once, until a
 * deadline.  From then on it is protected for as long as it has tunnels.
 * 'guard-plan' asks which ones are deferred, 'monitor' ends that.  No input or
 * output, no clock: times are the caller's. */

#include <stdbool.h>

#include "openvswitch/hmap.h"

#include "guard-rule.h"
#include "sset.h"

struct guard;

struct transition_selector {
    struct hmap_node node;      /* In struct transition's 'selectors'. */
    struct guard_selector selector;
    bool deferred;
    long long int deadline;     /* In ms, if 'deferred'. */
    bool seen;                  /* In the pass that is under way. */

    /* In the check that is under way: how many tunnels have no SAs yet, and
     * the names of some of them. */
    size_t n_down;
    struct sset down;
};

/* How many of these names are kept. */
#define TRANSITION_MAX_NAMES 20

struct transition {
    const struct guard *guard;  /* Knows what was protected before. */
    struct hmap selectors;      /* Contains "struct transition_selector"s. */
};

#define TRANSITION_FOR_EACH(TS, TRANSITION) \
    HMAP_FOR_EACH (TS, node, &(TRANSITION)->selectors)

void transition_init(struct transition *, const struct guard *);
void transition_destroy(struct transition *);

void transition_begin(struct transition *);
bool transition_defers(struct transition *, const struct guard_selector *,
                       bool seamless, long long int deadline);
void transition_end(struct transition *);

bool transition_is_under_way(const struct transition *);
bool transition_has_deferred(const struct transition *,
                             const struct guard_selector *);
void transition_note_down(struct transition *, const struct guard_selector *,
                          const char *name);
void transition_selector_clear_down(struct transition_selector *);

#endif /* transition.h */
