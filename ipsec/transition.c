/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* From clear to encrypted; see transition.h. */

#include <config.h>

#include "transition.h"

#include <stdlib.h>

#include "sset.h"
#include "util.h"

#include "guard.h"

/* 'guard', which may be null, must outlive 'tr'. */
void
transition_init(struct transition *tr, const struct guard *guard)
{
    tr->guard = guard;
    hmap_init(&tr->selectors);
}

static void
transition_remove(struct transition *tr, struct transition_selector *ts)
{
    hmap_remove(&tr->selectors, &ts->node);
    sset_destroy(&ts->down);
    free(ts);
}

/* Frees what is in 'tr'. */
void
transition_destroy(struct transition *tr)
{
    struct transition_selector *ts;

    HMAP_FOR_EACH_SAFE (ts, node, &tr->selectors) {
        transition_remove(tr, ts);
    }
    hmap_destroy(&tr->selectors);
}

static struct transition_selector *
transition_find(const struct transition *tr, const struct guard_selector *s)
{
    uint32_t hash = guard_selector_hash(s);
    struct transition_selector *ts;

    HMAP_FOR_EACH_WITH_HASH (ts, node, hash, &tr->selectors) {
        if (!guard_selector_compare(&ts->selector, s)) {
            return ts;
        }
    }
    return NULL;
}

static struct transition_selector *
transition_add(struct transition *tr, const struct guard_selector *s)
{
    struct transition_selector *ts = xzalloc(sizeof *ts);

    ts->selector = *s;
    sset_init(&ts->down);
    hmap_insert(&tr->selectors, &ts->node, guard_selector_hash(s));
    return ts;
}

/* Begins a pass, which names all selectors to protect. */
void
transition_begin(struct transition *tr)
{
    struct transition_selector *ts;

    TRANSITION_FOR_EACH (ts, tr) {
        ts->seen = false;
    }
}

/* Returns true if 's' is not to be protected yet.  If it is new and may be
 * deferred, as its tunnels' 'seamless' says, that is until 'deadline' (ms) at
 * most.  Withdrawing 'seamless' ends it at once. */
bool
transition_defers(struct transition *tr, const struct guard_selector *s,
                  bool seamless, long long int deadline)
{
    struct transition_selector *ts = transition_find(tr, s);

    if (!ts) {
        ts = transition_add(tr, s);
        ts->deferred = !tr->guard || !guard_was_guarded(tr->guard, s);
        ts->deadline = deadline;
    }
    ts->seen = true;
    ts->deferred &= seamless;
    return ts->deferred;
}

/* Ends a pass: what has no tunnels any more may be deferred again if it ever
 * comes back. */
void
transition_end(struct transition *tr)
{
    struct transition_selector *ts;

    HMAP_FOR_EACH_SAFE (ts, node, &tr->selectors) {
        if (!ts->seen) {
            transition_remove(tr, ts);
        }
    }
}

/* Returns true if a selector is deferred. */
bool
transition_is_under_way(const struct transition *tr)
{
    const struct transition_selector *ts;

    TRANSITION_FOR_EACH (ts, tr) {
        if (ts->deferred) {
            return true;
        }
    }
    return false;
}

/* Returns true if 's' is deferred, as the last pass left it. */
bool
transition_has_deferred(const struct transition *tr,
                        const struct guard_selector *s)
{
    const struct transition_selector *ts = transition_find(tr, s);

    return ts && ts->deferred;
}

/* The tunnel called 'name', of 's', has no SAs yet. */
void
transition_note_down(struct transition *tr, const struct guard_selector *s,
                     const char *name)
{
    struct transition_selector *ts = transition_find(tr, s);

    if (ts && ts->deferred && ts->n_down++ < TRANSITION_MAX_NAMES) {
        sset_add(&ts->down, name);
    }
}

/* Makes 'ts' ready for another check. */
void
transition_selector_clear_down(struct transition_selector *ts)
{
    ts->n_down = 0;
    sset_clear(&ts->down);
}
