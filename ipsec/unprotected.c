/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tells which tunnels are not protected; see unprotected.h. */

#include <config.h>

#include "unprotected.h"

#include <stdlib.h>

#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

#include "guard-plan.h"
#include "guard-rule.h"
#include "ipsec/ipsec-vswitch-idl.h"
#include "leaks.h"
#include "protection.h"
#include "tunnel.h"
#include "wishes.h"

VLOG_DEFINE_THIS_MODULE(unprotected);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 60);

/* The decision. */

static const char *
reason_in_clear(const struct unprotected_facts *facts)
{
    if (!facts->others_want) {
        return NULL;
    }
    return (facts->declared
            ? "its packets are in clear, as options:ipsec_guard=off declares"
            : "it asks for no encryption, unlike other tunnels on this host, "
              "so its packets are in clear: set options:remote_name, "
              "options:remote_cert or options:psk on it");
}

/* Returns why a tunnel with 'facts' is not protected and what to do about it,
 * a constant, or null if it is, or if nothing on this host is meant to be. */
const char *
unprotected_reason(const struct unprotected_facts *facts)
{
    if (!facts->wants) {
        return reason_in_clear(facts);
    }
    if (facts->userspace) {
        return ("its bridge has datapath_type=netdev, and packets of the "
                "userspace datapath do not pass the kernel's IPsec: use a "
                "bridge with datapath_type=system");
    }
    if (facts->offload) {
        return ("other_config:hw-offload=true in table Open_vSwitch lets NICs "
                "send tunnel packets past IPsec: set it to false and restart "
                "ovs-vswitchd");
    }
    if (facts->flow) {
        return ("remote_ip=flow tunnels cannot be encrypted, and get through "
                "only to addresses that another tunnel encrypts: set "
                "options:remote_ip to the peer's address");
    }
    return NULL;
}

/* The host. */

/* Bridges whose tunnels the kernel does not see. */
static void
watch_bridges(struct ovsdb_idl *idl)
{
    struct ovsdb_idl_condition condition;

    ovsdb_idl_add_table(idl, &vsrec_table_bridge);
    ovsdb_idl_track_add_column(idl, &vsrec_bridge_col_datapath_type);
    ovsdb_idl_track_add_column(idl, &vsrec_bridge_col_ports);
    ovsdb_idl_add_table(idl, &vsrec_table_port);
    ovsdb_idl_track_add_column(idl, &vsrec_port_col_interfaces);

    ovsdb_idl_condition_init(&condition);
    vsrec_bridge_add_clause_datapath_type(&condition, OVSDB_F_EQ, "netdev");
    ovsdb_idl_set_condition(idl, &vsrec_table_bridge, &condition);
    ovsdb_idl_condition_destroy(&condition);
    ovsdb_idl_condition_init(&condition);
    ovsdb_idl_set_condition(idl, &vsrec_table_port, &condition);
    ovsdb_idl_condition_destroy(&condition);
}

/* Ports are of interest only if there is such a bridge: a hypervisor has many
 * of them. */
static void
watch_ports(struct ovsdb_idl *idl)
{
    struct ovsdb_idl_condition condition;

    ovsdb_idl_condition_init(&condition);
    if (vsrec_bridge_first(idl)) {
        ovsdb_idl_condition_add_clause_true(&condition);
    }
    ovsdb_idl_set_condition(idl, &vsrec_table_port, &condition);
    ovsdb_idl_condition_destroy(&condition);
}

/* Makes 'u' know of nothing, and 'idl' hold what it needs.  'guard' must
 * outlive it. */
void
unprotected_init(struct unprotected *u, struct ovsdb_idl *idl,
                 const struct guard *guard)
{
    sset_init(&u->userspace);
    u->offload = false;
    u->leaks = leaks_create(guard);
    shash_init(&u->in_clear);
    u->n_declared = 0;
    shash_init(&u->was_in_clear);
    watch_bridges(idl);
}

/* Frees what is in 'u'. */
void
unprotected_destroy(struct unprotected *u)
{
    sset_destroy(&u->userspace);
    leaks_destroy(u->leaks);
    shash_destroy(&u->in_clear);
    shash_destroy(&u->was_in_clear);
}

/* Returns true if bridges have changed in a way that matters since the last
 * ovsdb_idl_track_clear(). */
bool
unprotected_host_changed(const struct ovsdb_idl *idl)
{
    return (vsrec_bridge_track_get_first(idl)
            || vsrec_port_track_get_first(idl));
}

/* Takes in what bridges there are, and whether flows are offloaded to NICs.
 * All wishes have to be noted after that. */
void
unprotected_note_host(struct unprotected *u, struct ovsdb_idl *idl,
                      bool offload)
{
    const struct vsrec_bridge *bridge;

    watch_ports(idl);
    u->offload = offload;
    sset_clear(&u->userspace);
    VSREC_BRIDGE_FOR_EACH (bridge, idl) {
        for (size_t i = 0; i < bridge->n_ports; i++) {
            const struct vsrec_port *port = bridge->ports[i];

            for (size_t j = 0; j < port->n_interfaces; j++) {
                sset_add(&u->userspace, port->interfaces[j]->name);
            }
        }
    }
}

/* Tunnels. */

/* Returns true if something in the kernel has changed that matters.  All
 * wishes have to be noted after that. */
bool
unprotected_kernel_changed(struct unprotected *u)
{
    return leaks_run(u->leaks, time_msec());
}

/* Wakes the poll loop when unprotected_kernel_changed() has something to look
 * at. */
void
unprotected_wait(const struct unprotected *u)
{
    leaks_wait(u->leaks);
}

/* Returns what beats the guard for 't', which the caller frees, or null. */
static char *
find_leak(const struct unprotected *u, const struct tunnel *t)
{
    struct guard_selector selectors[2];

    return (ipv6_addr_is_set(&t->remote)
            && tunnel_selectors(t, selectors) == 1
            ? leaks_find(u->leaks, &selectors[0], &t->local, &t->remote)
            : NULL);
}

/* Notes in 'wish', which is one of 'wishes', why IPsec cannot help it. */
void
unprotected_note_wish(const struct unprotected *u, struct wishes *wishes,
                      struct wish *wish)
{
    const struct unprotected_facts facts = {
        .wants = true,
        .others_want = true,
        .flow = wish->flow,
        .userspace = sset_contains(&u->userspace, wish->now->name),
        .offload = u->offload,
    };
    const char *reason = unprotected_reason(&facts);
    const struct tunnel *t = wish_effective(wish);
    char *leak = reason ? NULL : find_leak(u, t ? t : wish->now);

    wish_set_unprotected(wishes, wish, reason ? reason : leak);
    free(leak);
}

/* Begins to take in all tunnels that ask for no encryption. */
void
unprotected_begin_plain(struct unprotected *u)
{
    shash_swap(&u->in_clear, &u->was_in_clear);
    u->n_declared = 0;
}

/* Notes that the tunnel called 'name' is in clear, unless it is cut off or
 * weakens the guard, as 'state' says, which is told apart.  'declared': its
 * owner means it.  'others_want': a tunnel on this host asks for
 * encryption. */
void
unprotected_note_plain(struct unprotected *u, const char *name, bool declared,
                       bool others_want, const struct protection_state *state)
{
    const struct unprotected_facts facts = {
        .others_want = others_want,
        .declared = declared,
    };
    const char *reason = unprotected_reason(&facts);

    if (!reason || shash_find(state->cut_off, name)
        || shash_find(state->weakened, name)) {
        return;
    }
    shash_add(&u->in_clear, name, reason);
    u->n_declared += declared;
    if (shash_find_data(&u->was_in_clear, name) != reason) {
        VLOG_WARN_RL(&rl, "%s: UNPROTECTED: %s", name, reason);
    }
}

/* Ends it. */
void
unprotected_end_plain(struct unprotected *u)
{
    shash_clear(&u->was_in_clear);
}
