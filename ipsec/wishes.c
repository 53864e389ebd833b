/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The tunnels that ask for encryption; see wishes.h. */

#include <config.h>

#include "wishes.h"

#include <stdlib.h>

#include "hash.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"

#include "tunnel.h"

VLOG_DEFINE_THIS_MODULE(wishes);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 60);

/* Makes 'wishes' an empty table. */
void
wishes_init(struct wishes *wishes)
{
    shash_init(&wishes->by_name);
    hmap_init(&wishes->by_address);
    ovs_list_init(&wishes->due);
    wishes->n_failed = 0;
    wishes->n_unprotected = 0;
    wishes->n_certificate = 0;
}

/* Frees what is in 'wishes'. */
void
wishes_destroy(struct wishes *wishes)
{
    struct wish_address *address;
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &wishes->by_name) {
        wishes_remove(wishes, node->data);
    }
    HMAP_FOR_EACH_POP (address, node, &wishes->by_address) {
        free(address);
    }
    shash_destroy(&wishes->by_name);
    hmap_destroy(&wishes->by_address);
}

/* Addresses. */

static struct wish_address *
get_address(struct wishes *wishes, const struct in6_addr *remote)
{
    uint32_t hash = hash_bytes(remote, sizeof *remote, 0);
    struct wish_address *address;

    HMAP_FOR_EACH_WITH_HASH (address, node, hash, &wishes->by_address) {
        if (ipv6_addr_equals(&address->remote, remote)) {
            return address;
        }
    }
    address = xmalloc(sizeof *address);
    address->remote = *remote;
    ovs_list_init(&address->due);
    ovs_list_init(&address->wishes);
    hmap_insert(&wishes->by_address, &address->node, hash);
    return address;
}

static void
set_due(struct wishes *wishes, struct wish_address *address)
{
    if (address && ovs_list_is_empty(&address->due)) {
        ovs_list_push_back(&wishes->due, &address->due);
    }
}

/* Has every address folded anew. */
void
wishes_all_due(struct wishes *wishes)
{
    struct wish_address *address;

    HMAP_FOR_EACH (address, node, &wishes->by_address) {
        set_due(wishes, address);
    }
}

/* Returns an address to fold anew, for which the caller then calls
 * wish_address_done(), or null if there is none. */
struct wish_address *
wishes_first_due(const struct wishes *wishes)
{
    return (ovs_list_is_empty(&wishes->due)
            ? NULL
            : CONTAINER_OF(ovs_list_front(&wishes->due), struct wish_address,
                           due));
}

/* 'address' has been folded.  Frees it if no tunnel has it any more. */
void
wish_address_done(struct wishes *wishes, struct wish_address *address)
{
    ovs_list_remove(&address->due);
    ovs_list_init(&address->due);
    if (ovs_list_is_empty(&address->wishes)) {
        hmap_remove(&wishes->by_address, &address->node);
        free(address);
    }
}

/* Puts 'wish' where its address is.  One that moves is a newcomer there. */
static void
update_address(struct wishes *wishes, struct wish *wish)
{
    const struct tunnel *t = wish_effective(wish);
    struct wish_address *address = t ? get_address(wishes, &t->remote) : NULL;

    set_due(wishes, wish->address);
    set_due(wishes, address);
    if (address != wish->address) {
        ovs_list_remove(&wish->node);
        ovs_list_init(&wish->node);
        if (address) {
            ovs_list_push_back(&address->wishes, &wish->node);
        }
        wish->address = address;
        wish->peer[0] = '\0';
    }
}

/* Wishes. */

/* Returns the wish of the interface called 'name', or null. */
struct wish *
wishes_find(const struct wishes *wishes, const char *name)
{
    return shash_find_data(&wishes->by_name, name);
}

/* Returns the wish of the interface called 'name'.  A new one has no tunnel
 * until wish_set() gives it one, which must come next. */
struct wish *
wishes_get(struct wishes *wishes, const char *name)
{
    struct wish *wish = wishes_find(wishes, name);

    if (!wish) {
        wish = xzalloc(sizeof *wish);
        ovs_list_init(&wish->node);
        shash_add(&wishes->by_name, name, wish);
    }
    return wish;
}

static bool
needs_certificate(const struct tunnel *t)
{
    return t && t->auth != TUNNEL_AUTH_PSK;
}

/* Takes 'wish' out of 'wishes' and frees it. */
void
wishes_remove(struct wishes *wishes, struct wish *wish)
{
    set_due(wishes, wish->address);
    ovs_list_remove(&wish->node);
    wish_set_error(wishes, wish, NULL);
    wish_set_unprotected(wishes, wish, NULL);
    wishes->n_certificate -= needs_certificate(wish->now);
    shash_find_and_delete(&wishes->by_name, wish->now->name);
    tunnel_destroy(wish->now);
    tunnel_destroy(wish->good);
    free(wish);
}

/* Returns true if 'wish' is for 't' already. */
bool
wish_is(const struct wish *wish, const struct tunnel *t)
{
    return wish->now && tunnel_equals(wish->now, t);
}

/* From now on 'wish' is for 't', which it takes.  An invalid change must not
 * take down a tunnel that works: what was valid goes on until it is mended or
 * withdrawn. */
void
wish_set(struct wishes *wishes, struct wish *wish, struct tunnel *t)
{
    struct tunnel *old = wish->now;

    if (old && !old->error && t->error) {
        wish->good = old;
        old = NULL;
    } else if (!t->error) {
        tunnel_destroy(wish->good);
        wish->good = NULL;
    }
    wishes->n_certificate += (needs_certificate(t)
                              - needs_certificate(wish->now));
    wish->now = t;
    wish->version++;
    wish_set_error(wishes, wish, t->error);
    update_address(wishes, wish);
    tunnel_destroy(old);
}

/* Notes why 'wish' has no peer, or null. */
void
wish_set_error(struct wishes *wishes, struct wish *wish, const char *error)
{
    if (error && !nullable_string_is_equal(wish->error, error)) {
        VLOG_WARN_RL(&rl, "%s: %s", wish->now->name, error);
    }
    if (error != wish->error) {
        wishes->n_failed += (error != NULL) - (wish->error != NULL);
        free(wish->error);
        wish->error = nullable_xstrdup(error);
    }
}

/* Notes why IPsec cannot help 'wish', or null. */
void
wish_set_unprotected(struct wishes *wishes, struct wish *wish,
                     const char *reason)
{
    if (nullable_string_is_equal(wish->unprotected, reason)) {
        return;
    }
    if (reason) {
        VLOG_WARN_RL(&rl, "%s: UNPROTECTED: %s", wish->now->name, reason);
    }
    wishes->n_unprotected += (reason != NULL) - (wish->unprotected != NULL);
    free(wish->unprotected);
    wish->unprotected = nullable_xstrdup(reason);
}

/* Returns what counts of 'wish': what the row says, or what it said when it
 * was valid last, or null if it never was. */
const struct tunnel *
wish_effective(const struct wish *wish)
{
    return wish->now->error ? wish->good : wish->now;
}
