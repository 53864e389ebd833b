/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* From encrypted to clear; see drain.h. */

#include <config.h>

#include "drain.h"

#include <limits.h>
#include <stdlib.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"

#include "ike.h"
#include "peer.h"

VLOG_DEFINE_THIS_MODULE(drain);

struct drain_peer {
    struct peer *peer;
    long long int deadline;     /* In ms. */
};

/* 'ike' must outlive 'd'. */
void
drain_init(struct drain *d, struct ike *ike)
{
    d->ike = ike;
    shash_init(&d->peers);
}

static void
drain_remove(struct drain *d, struct shash_node *node)
{
    struct drain_peer *dp = node->data;

    peer_unref(dp->peer);
    free(dp);
    shash_delete(&d->peers, node);
}

/* What drains is not withdrawn. */
void
drain_destroy(struct drain *d)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &d->peers) {
        drain_remove(d, node);
    }
    shash_destroy(&d->peers);
}

/* Returns true if each direction of 'peer' still has its SAs. */
static bool
is_installed(const struct drain *d, const struct peer *peer)
{
    for (size_t i = 0; i < peer->n_children; i++) {
        struct ike_child_state state;

        if (ike_get_child(d->ike, peer->name, peer->children[i].name, &state)
            || !state.installed) {
            return false;
        }
    }
    return true;
}

/* Keeps 'peer', which nobody wishes for any more, until 'deadline' (ms) at
 * most.  Returns false if it has nothing worth to be kept; then the caller
 * withdraws it. */
bool
drain_add(struct drain *d, const struct peer *peer, long long int deadline)
{
    struct drain_peer *dp;

    if (!is_installed(d, peer)) {
        return false;
    }
    if (shash_find(&d->peers, peer->name)) {
        return true;
    }
    dp = xmalloc(sizeof *dp);
    dp->peer = peer_ref(peer);
    dp->deadline = deadline;
    shash_add(&d->peers, peer->name, dp);
    return true;
}

/* The peer called 'name' is wished for again, so it does not drain. */
void
drain_forget(struct drain *d, const char *name)
{
    struct shash_node *node = shash_find(&d->peers, name);

    if (node) {
        drain_remove(d, node);
    }
}

/* Returns the draining peer with this pair of addresses, or null. */
const struct peer *
drain_find_address(const struct drain *d, const struct in6_addr *local,
                    const struct in6_addr *remote)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &d->peers) {
        const struct drain_peer *dp = node->data;

        if (ipv6_addr_equals(&dp->peer->local, local)
            && ipv6_addr_equals(&dp->peer->remote, remote)) {
            return dp->peer;
        }
    }
    return NULL;
}

/* Withdraws all. */
void
drain_stop(struct drain *d)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &d->peers) {
        ike_set(d->ike, node->name, NULL);
        drain_remove(d, node);
    }
}

/* Withdraws those whose time is over or whose other end has changed too, and
 * returns true if there were any. */
bool
drain_run(struct drain *d, long long int now)
{
    struct shash_node *node;
    bool changed = false;

    SHASH_FOR_EACH_SAFE (node, &d->peers) {
        struct drain_peer *dp = node->data;

        if (now < dp->deadline && is_installed(d, dp->peer)) {
            continue;
        }
        VLOG_INFO("%s: from now on in clear%s", dp->peer->tunnel,
                  now < dp->deadline ? ", as the other end" : "");
        ike_set(d->ike, node->name, NULL);
        drain_remove(d, node);
        changed = true;
    }
    if (changed) {
        ike_commit(d->ike);
    }
    return changed;
}

/* Wakes the poll loop when it is time for drain_run(). */
void
drain_wait(const struct drain *d)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &d->peers) {
        const struct drain_peer *dp = node->data;

        poll_timer_wait_until(dp->deadline);
    }
}
