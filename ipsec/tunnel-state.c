/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Judges one tunnel; see tunnel-state.h. */

#include <config.h>

#include "tunnel-state.h"

#include "util.h"

/* How long, in s, a tunnel may send without an answer.  Longer than a round
 * trip, with room for the kernel's clock, which counts whole seconds. */
#define PATIENCE 2

/* Returns true if each child that 'sends' ('receives') is installed, and
 * there is one. */
static bool
is_installed(const struct tunnel_facts *facts, bool sends, bool receives)
{
    bool any = false;

    for (size_t i = 0; i < facts->n_children; i++) {
        const struct tunnel_child_facts *child = &facts->children[i];

        if ((sends && child->sends) || (receives && child->receives)) {
            if (!child->installed) {
                return false;
            }
            any = true;
        }
    }
    return any;
}

static bool
is_in_kernel(const struct tunnel_facts *facts)
{
    for (size_t i = 0; i < facts->n_children; i++) {
        if (!facts->children[i].in_kernel) {
            return false;
        }
    }
    return true;
}

/* Returns why the children are not all installed. */
static const char *
negotiation_reason(const struct tunnel_facts *facts)
{
    if (!facts->ike.loaded) {
        return (facts->ike_error ? facts->ike_error
                : facts->ike.error ? facts->ike.error
                : "not loaded by the IKE daemon yet");
    }
    if (facts->ike.error) {
        return facts->ike.error;
    }
    return (is_installed(facts, true, false)
            ? "waiting for the peer to start its direction"
            : facts->ike.established ? "negotiating the SAs"
            : "waiting for the peer to answer");
}

static const char *
down_reason(const struct tunnel_facts *facts)
{
    if (!facts->has_peer) {
        return facts->error ? facts->error : "not handled yet";
    }
    if (!is_installed(facts, true, true)) {
        return negotiation_reason(facts);
    }
    if (facts->kernel_known && !is_in_kernel(facts)) {
        return ("the IKE daemon shows SAs that the kernel does not have: "
                "somebody has removed them");
    }
    return NULL;
}

static bool
is_unanswered(const struct tunnel_facts *facts)
{
    uint64_t out = 0;
    uint64_t in = 0;
    long long int sending = 0;

    for (size_t i = 0; i < facts->n_children; i++) {
        const struct tunnel_child_facts *child = &facts->children[i];

        if (child->sends) {
            out += child->packets_out;
            sending = MAX(sending, child->sending);
        }
        if (child->receives) {
            in += child->packets_in;
        }
    }
    return out && !in && sending >= PATIENCE;
}

/* Judges a tunnel by 'facts'.  What '*verdict' points to is owned by whom
 * 'facts' got it from. */
void
tunnel_judge(const struct tunnel_facts *facts, struct tunnel_verdict *verdict)
{
    const char *reason = (facts->unprotected ? facts->unprotected
                          : down_reason(facts));

    *verdict = (struct tunnel_verdict) {
        .state = (facts->unprotected ? TUNNEL_UNPROTECTED
                  : facts->unguarded && reason ? TUNNEL_UNPROTECTED
                  : facts->invalid ? TUNNEL_INVALID
                  : reason ? TUNNEL_DOWN : TUNNEL_UP),
        .up = !reason,
        .reason = reason,
        .warning = facts->unguarded,
    };
    if (!reason && facts->kernel_known && is_unanswered(facts)) {
        verdict->warning = (
            "packets leave encrypted and none arrive: the path drops ESP; "
            "let IP protocol 50 (with NAT or encapsulation: UDP port 4500) "
            "through the firewalls between the hosts");
    }
}

/* Returns the name of 'state' as people know it. */
const char *
tunnel_state_name(enum tunnel_state state)
{
    return (state == TUNNEL_UP ? "UP"
            : state == TUNNEL_DOWN ? "DOWN"
            : state == TUNNEL_INVALID ? "INVALID" : "UNPROTECTED");
}
