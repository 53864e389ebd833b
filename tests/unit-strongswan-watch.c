/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests strongswan-watch against the kernel that runs here, in a network
 * namespace of its own.  That kernel may have no ESP, so SAs are always
 * missing; policies come and go. */

#include <config.h>

#include "strongswan-watch.h"

#include <stdlib.h>

#include "openvswitch/poll-loop.h"
#include "packets.h"
#include "svec.h"
#include "timeval.h"

#include "peer.h"
#include "strongswan-conn.h"
#include "strongswan-sa.h"
#include "unit.h"
#include "unit-wire.h"
#include "xfrm.h"

static struct strongswan_watch *watch;
static struct strongswan_conns conns;
static struct strongswan_conn *conn;

/* The policies of a child for Geneve that we send, as charon makes them. */
static struct xfrm_policy
child_policy(enum xfrm_dir dir)
{
    bool out = dir == XFRM_OUT;

    return (struct xfrm_policy) {
        .dir = dir,
        .ts = {
            .family = AF_INET, .proto = IPPROTO_UDP,
            .src = wire_addr(out ? HERE : THERE, AF_INET),
            .dst = wire_addr(out ? THERE : HERE, AF_INET),
            .src_plen = 32, .dst_plen = 32,
            .src_port = out ? 0 : 6081, .dst_port = out ? 6081 : 0,
        },
        .priority = 300000,
        .template = XFRM_ESP_TRANSPORT,
        .reqid = 1,
    };
}

static void
set_policies(void)
{
    for (enum xfrm_dir dir = XFRM_IN; dir <= XFRM_OUT; dir++) {
        struct xfrm_policy policy = child_policy(dir);
        CHECK(!xfrm_policy_set(&policy));
    }
}

static void
make_conn(void)
{
    /* 'conn' refers to all of it. */
    static char tunnel[] = "tun0";
    static struct child out = { "ovs-out", CHILD_OUT, IPPROTO_UDP, 6081 };
    static struct peer peer = {
        .ref_cnt = 1, .name = "ovs-peer", .tunnel = tunnel,
        .children = &out, .n_children = 1,
    };
    struct strongswan_ike_sa *sa = xzalloc(sizeof *sa);

    peer.local = wire_addr(HERE, AF_INET);
    peer.remote = wire_addr(THERE, AF_INET);
    sa->name = xstrdup("ovs-peer");
    sa->unique_id = xstrdup("1");
    sa->settled = true;
    sa->n_children = 1;
    sa->children = xzalloc(sizeof *sa->children);
    sa->children[0].name = xstrdup("ovs-out");
    sa->children[0].unique_id = xstrdup("7");
    sa->children[0].settled = true;
    sa->children[0].spi_in = 0xc0000001;
    sa->children[0].spi_out = 0xc0000002;

    conn = strongswan_conn_get(&conns, "ovs-peer");
    strongswan_conn_set_wish(&conns, conn, &peer);
    strongswan_sas_add(&conn->sas, sa);
}

/* Takes in all events that there are.  Returns true if 'conn' is a suspect
 * then, and has it be none. */
static bool
is_suspect(void)
{
    bool suspect;

    strongswan_watch_run(watch, &conns, time_msec());
    suspect = !ovs_list_is_empty(&conn->suspect);
    ovs_list_remove(&conn->suspect);
    ovs_list_init(&conn->suspect);
    return suspect;
}

/* Checks the SA of 'conn' and expects it among those without SAs, or without
 * policies. */
static void
check_missing(const char *no_sa, const char *no_policy)
{
    struct svec sas = SVEC_EMPTY_INITIALIZER;
    struct svec policies = SVEC_EMPTY_INITIALIZER;

    strongswan_watch_check(conn, &sas, &policies);
    char *words = svec_join(&sas, ",", "");
    CHECK_STRING(words, no_sa);
    free(words);
    words = svec_join(&policies, ",", "");
    CHECK_STRING(words, no_policy);
    free(words);
    svec_destroy(&sas);
    svec_destroy(&policies);
}

static void
test_check(void)
{
    struct xfrm_policy in = child_policy(XFRM_IN);

    set_policies();
    check_missing("7", "");
    CHECK(!xfrm_policy_delete(&in));
    check_missing("", "7");
    set_policies();

    /* Whatever is under way is left alone. */
    conn->sas.sas[0]->children[0].settled = false;
    check_missing("", "");
    conn->sas.sas[0]->children[0].settled = true;
    conn->sas.sas[0]->settled = false;
    check_missing("", "");
    conn->sas.sas[0]->settled = true;
}

static void
test_events(void)
{
    struct xfrm_policy policy = child_policy(XFRM_OUT);

    CHECK(!xfrm_policy_delete(&policy));
    CHECK(is_suspect());
    set_policies();
    CHECK(!is_suspect());

    /* Other people's. */
    policy.ts.dst = policy.ts.src;
    CHECK(!xfrm_policy_set(&policy) && !xfrm_policy_delete(&policy));
    CHECK(!is_suspect());

    CHECK(!system("ip xfrm policy flush"));
    CHECK(is_suspect());
}

/* charon is asked after a moment, not at once. */
static void
test_settle(void)
{
    struct xfrm_policy policy = child_policy(XFRM_OUT);
    long long int now = time_msec();

    set_policies();
    CHECK(!xfrm_policy_delete(&policy));
    strongswan_watch_run(watch, &conns, now);
    strongswan_watch_run(watch, &conns, now + 400);
    CHECK(!conn->check_kernel && conn->query == STRONGSWAN_QUERY_IDLE);
    strongswan_watch_run(watch, &conns, now + 600);
    CHECK(conn->check_kernel && conn->query == STRONGSWAN_QUERY_WANTED);
    CHECK(!is_suspect());
}

void
unit_strongswan_watch(void)
{
    watch = strongswan_watch_create();
    strongswan_conns_init(&conns);
    make_conn();
    CHECK(!is_suspect());
    test_check();
    test_events();
    test_settle();
    strongswan_conns_uninit(&conns);
    strongswan_watch_destroy(watch);
}
