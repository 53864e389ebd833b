/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests how one tunnel is judged: from a tunnel that is up, each fact is
 * turned round alone. */

#include <config.h>

#include "tunnel-state.h"

#include <string.h>

#include "unit.h"

static struct tunnel_child_facts children[2];

/* A tunnel that is up and has carried traffic both ways. */
static struct tunnel_facts
up_facts(void)
{
    children[0] = (struct tunnel_child_facts) {
        .sends = true, .installed = true, .in_kernel = true,
        .packets_out = 10, .sending = 100,
    };
    children[1] = (struct tunnel_child_facts) {
        .receives = true, .installed = true, .in_kernel = true,
        .packets_in = 10,
    };
    return (struct tunnel_facts) {
        .has_peer = true,
        .ike = { .loaded = true, .established = true },
        .kernel_known = true,
        .children = children,
        .n_children = 2,
    };
}

static void
check(const struct tunnel_facts *facts, enum tunnel_state state,
      const char *reason)
{
    struct tunnel_verdict verdict;

    tunnel_judge(facts, &verdict);
    CHECK_STRING(tunnel_state_name(verdict.state), tunnel_state_name(state));
    CHECK(verdict.up == !reason);
    if (!reason || !verdict.reason) {
        CHECK_STRING(verdict.reason, reason);
    } else {
        CHECK(strstr(verdict.reason, reason) != NULL);
    }
}

static bool
warns(const struct tunnel_facts *facts)
{
    struct tunnel_verdict verdict;

    tunnel_judge(facts, &verdict);
    return verdict.warning && strstr(verdict.warning, "the path drops ESP");
}

static void
test_up(void)
{
    struct tunnel_facts facts = up_facts();

    check(&facts, TUNNEL_UP, NULL);
    CHECK(!warns(&facts));

    /* An error that is over does not count. */
    facts.ike.error = "over";
    check(&facts, TUNNEL_UP, NULL);
}

static void
test_both_ways(void)
{
    struct tunnel_facts facts = up_facts();

    children[0].receives = true;
    children[0].packets_in = 1;
    facts.n_children = 1;
    check(&facts, TUNNEL_UP, NULL);
    CHECK(!warns(&facts));
    children[0].packets_in = 0;
    CHECK(warns(&facts));
    children[0].installed = false;
    check(&facts, TUNNEL_DOWN, "negotiating");
}

static void
test_no_peer(void)
{
    struct tunnel_facts facts = up_facts();

    facts.has_peer = false;
    facts.n_children = 0;
    check(&facts, TUNNEL_DOWN, "not handled yet");
    facts.error = "no route";
    check(&facts, TUNNEL_DOWN, "no route");
    facts.invalid = facts.error = "bad option";
    check(&facts, TUNNEL_INVALID, "bad option");
}

static void
test_no_children(void)
{
    struct tunnel_facts facts = up_facts();

    facts.n_children = 0;
    check(&facts, TUNNEL_DOWN, "negotiating");
}

static void
test_invalid(void)
{
    struct tunnel_facts facts = up_facts();

    facts.invalid = "bad option";
    check(&facts, TUNNEL_INVALID, NULL);
    children[0].installed = false;
    check(&facts, TUNNEL_INVALID, "negotiating");
}

static void
test_negotiation(void)
{
    struct tunnel_facts facts = up_facts();

    children[1].installed = false;
    check(&facts, TUNNEL_DOWN, "waiting for the peer to start");
    children[0].installed = false;
    check(&facts, TUNNEL_DOWN, "negotiating the SAs");
    facts.ike.established = false;
    check(&facts, TUNNEL_DOWN, "waiting for the peer to answer");
    facts.ike.error = "charon: it failed";
    check(&facts, TUNNEL_DOWN, "it failed");

    /* The nearest to the cause. */
    facts.ike.loaded = false;
    check(&facts, TUNNEL_DOWN, "it failed");
    facts.ike_error = "no charon";
    check(&facts, TUNNEL_DOWN, "no charon");
    facts.ike_error = facts.ike.error = NULL;
    check(&facts, TUNNEL_DOWN, "not loaded");
}

static void
test_kernel(void)
{
    struct tunnel_facts facts = up_facts();

    children[1].in_kernel = false;
    check(&facts, TUNNEL_DOWN, "the kernel does not have");
    facts.kernel_known = false;
    check(&facts, TUNNEL_UP, NULL);
}

/* Without a guard what is down is in clear. */
static void
test_unguarded(void)
{
    struct tunnel_facts facts = up_facts();
    struct tunnel_verdict verdict;

    facts.unguarded = "no guard";
    check(&facts, TUNNEL_UP, NULL);
    tunnel_judge(&facts, &verdict);
    CHECK_STRING(verdict.warning, "no guard");
    children[0].installed = false;
    check(&facts, TUNNEL_UNPROTECTED, "negotiating");
    facts.invalid = "bad option";
    check(&facts, TUNNEL_UNPROTECTED, "negotiating");
}

static void
test_unanswered(void)
{
    struct tunnel_facts facts = up_facts();

    children[1].packets_in = 0;
    CHECK(warns(&facts));
    check(&facts, TUNNEL_UP, NULL);

    /* The answer may be under way. */
    children[0].sending = 1;
    CHECK(!warns(&facts));
    children[0].sending = 2;
    CHECK(warns(&facts));

    /* Nothing was sent. */
    children[0].packets_out = 0;
    CHECK(!warns(&facts));
    children[0].packets_out = 1;

    /* What a child has that is not for it does not count. */
    children[0].packets_in = 5;
    CHECK(warns(&facts));

    /* One that is down has another fault. */
    children[0].installed = false;
    CHECK(!warns(&facts));
    children[0].installed = true;
    facts.kernel_known = false;
    CHECK(!warns(&facts));
}

void
unit_tunnel_state(void)
{
    test_up();
    test_both_ways();
    test_no_peer();
    test_no_children();
    test_invalid();
    test_negotiation();
    test_kernel();
    test_unguarded();
    test_unanswered();
}
