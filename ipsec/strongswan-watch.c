/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Notices deletions in the kernel; see strongswan-watch.h. */

#include <config.h>

#include "strongswan-watch.h"

#include <errno.h>
#include <stdlib.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "svec.h"
#include "util.h"

#include "peer.h"
#include "strongswan-conn.h"
#include "strongswan-sa.h"
#include "xfrm.h"

VLOG_DEFINE_THIS_MODULE(strongswan_watch);

/* How long, in ms, after a deletion charon is asked whether it knows. */
#define SETTLE_TIME 500

/* How long, in ms, until the kernel is asked to send events again after it
 * refused. */
#define OPEN_WAIT 60000

/* How many events one run takes in. */
#define MAX_EVENTS 256

struct strongswan_watch {
    struct xfrm_monitor *monitor; /* Null: the kernel refused. */
    long long int open_at;      /* ms; then. */
};

/* Returns a new watch, which the caller frees. */
struct strongswan_watch *
strongswan_watch_create(void)
{
    return xzalloc(sizeof(struct strongswan_watch));
}

/* Frees 'watch', which may be null. */
void
strongswan_watch_destroy(struct strongswan_watch *watch)
{
    if (watch) {
        xfrm_monitor_close(watch->monitor);
        free(watch);
    }
}

static bool
has_spi(const struct strongswan_conn *conn, uint32_t spi)
{
    for (size_t i = 0; i < conn->sas.n; i++) {
        const struct strongswan_ike_sa *ike = conn->sas.sas[i];

        for (size_t j = 0; j < ike->n_children; j++) {
            if (ike->children[j].spi_in == spi
                || ike->children[j].spi_out == spi) {
                return true;
            }
        }
    }
    return false;
}

/* Suspects the connection between 'a' and 'b', whichever is local, that has
 * 'spi', or whatever it has if that is 0. */
static void
suspect_pair(struct strongswan_conns *conns, const struct in6_addr *a,
             const struct in6_addr *b, uint32_t spi, long long int now)
{
    struct strongswan_conn *conn = strongswan_conn_between(conns, a, b);

    if (!conn) {
        conn = strongswan_conn_between(conns, b, a);
    }
    if (conn && conn->sas.n && (!spi || has_spi(conn, spi))) {
        strongswan_conn_suspect(conns, conn, now + SETTLE_TIME);
    }
}

static void
suspect_all(struct strongswan_conns *conns, long long int now)
{
    struct strongswan_conn *conn;

    STRONGSWAN_CONN_FOR_EACH (conn, conns) {
        if (conn->sas.n) {
            strongswan_conn_suspect(conns, conn, now + SETTLE_TIME);
        }
    }
}

static void
handle_event(struct strongswan_conns *conns, const struct xfrm_event *event,
             long long int now)
{
    switch (event->type) {
    case XFRM_SA_DELETED:
        suspect_pair(conns, &event->sa.src, &event->sa.dst, event->sa.spi,
                     now);
        break;
    case XFRM_POLICY_DELETED:
        suspect_pair(conns, &event->policy.ts.src, &event->policy.ts.dst, 0,
                     now);
        break;
    case XFRM_SAS_FLUSHED:
    case XFRM_POLICIES_FLUSHED:
    case XFRM_LOST:
        suspect_all(conns, now);
        break;
    case XFRM_ACQUIRE:
    case XFRM_POLICY_SET:
    case XFRM_OTHER:
        break;
    }
}

static void
open_monitor(struct strongswan_watch *watch, long long int now)
{
    int error;

    if (watch->monitor || now < watch->open_at) {
        return;
    }
    error = xfrm_monitor_open(XFRM_MONITOR_POLICIES | XFRM_MONITOR_SAS,
                              &watch->monitor);
    if (error) {
        VLOG_WARN("cannot listen to XFRM events: %s; what somebody else "
                  "deletes in the kernel will not be noticed",
                  ovs_strerror(error));
        watch->open_at = now + OPEN_WAIT;
    }
}

/* Takes in what the kernel tells, and has charon asked about the connections
 * in 'conns' that are suspects since long enough at 'now', in ms. */
void
strongswan_watch_run(struct strongswan_watch *watch,
                     struct strongswan_conns *conns, long long int now)
{
    struct xfrm_event event;

    open_monitor(watch, now);
    for (int i = 0; i < MAX_EVENTS; i++) {
        if (!watch->monitor || !xfrm_monitor_recv(watch->monitor, &event)) {
            break;
        }
        handle_event(conns, &event, now);
    }
    strongswan_conns_run_suspects(conns, now);
}

/* Wakes the poll loop when strongswan_watch_run() has something to do. */
void
strongswan_watch_wait(struct strongswan_watch *watch,
                      const struct strongswan_conns *conns)
{
    if (watch->monitor) {
        xfrm_monitor_wait(watch->monitor);
    } else {
        poll_timer_wait_until(watch->open_at);
    }
    strongswan_conns_wait_suspects(conns);
}

static bool
has_sa(const struct strongswan_conn *conn, bool in, uint32_t spi)
{
    struct xfrm_sa sa = {
        .family = IN6_IS_ADDR_V4MAPPED(&conn->local) ? AF_INET : AF_INET6,
        .dst = in ? conn->local : conn->remote,
        .proto = IPPROTO_ESP,
        .spi = spi,
    };

    return xfrm_sa_exists(&sa) != ESRCH;
}

/* Returns true if the kernel has the policy of 'child' that charon made for
 * packets into direction 'dir'. */
static bool
has_policy(const struct strongswan_conn *conn, const struct child *child,
           enum xfrm_dir dir)
{
    bool v4 = IN6_IS_ADDR_V4MAPPED(&conn->local);
    bool to_port = (child->dir == CHILD_OUT) == (dir == XFRM_OUT);
    struct xfrm_policy found;
    struct xfrm_policy id = {
        .dir = dir,
        .ts = {
            .family = v4 ? AF_INET : AF_INET6,
            .src = dir == XFRM_OUT ? conn->local : conn->remote,
            .dst = dir == XFRM_OUT ? conn->remote : conn->local,
            .src_plen = v4 ? 32 : 128,
            .dst_plen = v4 ? 32 : 128,
            .proto = child->proto,
            .src_port = to_port ? 0 : child->port,
            .dst_port = to_port ? child->port : 0,
        },
    };

    return xfrm_policy_get(&id, &found) != ENOENT;
}

/* Adds to 'no_sa' and 'no_policy' the unique ids of the CHILD_SAs of 'conn'
 * that charon shows as installed, and the kernel does not have.  What is being
 * rekeyed or deleted is left alone. */
void
strongswan_watch_check(const struct strongswan_conn *conn,
                       struct svec *no_sa, struct svec *no_policy)
{
    for (size_t i = 0; i < conn->sas.n; i++) {
        const struct strongswan_ike_sa *ike = conn->sas.sas[i];

        for (size_t j = 0; ike->settled && j < ike->n_children; j++) {
            const struct strongswan_child_sa *sa = &ike->children[j];
            const struct child *child = peer_find_child_named(conn->wish,
                                                              sa->name);
            if (!child || !sa->settled) {
                continue;
            }
            if (!has_policy(conn, child, XFRM_OUT)
                || !has_policy(conn, child, XFRM_IN)) {
                svec_add(no_policy, sa->unique_id);
            } else if (!has_sa(conn, true, sa->spi_in)
                       || !has_sa(conn, false, sa->spi_out)) {
                svec_add(no_sa, sa->unique_id);
            }
        }
    }
}
