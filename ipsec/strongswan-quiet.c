/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Lets charon do nothing else while it has many connections to load: half of
 * the time would go to its log, which comes to us line by line, and to keys
 * for peers of which most are not there yet.  ike-strongswan calls this.
 *
 *     HEEDFUL -- many being loaded --> QUIET -- none any more --> HEEDING
 *        ^                                                           |
 *        +------------------- charon's log comes again --------------+
 *
 * Not HEEDFUL, only connections in a hurry negotiate, and if one of these
 * fails, the next attempt tells why.  Nor do we hear that somebody else loads
 * connections, so that is found out afterwards.  Each of ours that comes from
 * a file has a trap, and none that we loaded without one. */

#include <config.h>

#include "ike-strongswan.h"

#include "openvswitch/poll-loop.h"
#include "util.h"

#include "peer.h"
#include "section.h"
#include "strongswan-session.h"

/* How many connections are being loaded at once when it begins. */
#define QUIET_FROM 32

/* How long, in ms, none is loaded when it ends: more may wait for their
 * files. */
#define QUIET_LINGER 50

/* How long, in ms, it lasts at most, and then does not begin again. */
#define QUIET_MAX 60000

static void
begin(struct strongswan *s, long long int now)
{
    s->quiet.state = STRONGSWAN_QUIET;
    s->quiet.end = now + QUIET_MAX;
    s->quiet.busy_until = now + QUIET_LINGER;
    s->conns.quiet = true;
    strongswan_session_listen(s->session, false);
}

/* charon's log comes again, with no line of what was loaded before that. */
static void
finish(struct strongswan *s)
{
    struct strongswan_conn *conn;

    s->quiet.state = STRONGSWAN_HEEDFUL;
    s->conns.quiet = false;
    STRONGSWAN_CONN_FOR_EACH (conn, &s->conns) {
        conn->n_unheard = 0;
    }
    strongswan_send(s->session, STRONGSWAN_HEED_CONNS, NULL, "get-conns",
                    NULL);
    strongswan_send(s->session, STRONGSWAN_HEED_TRAPS, NULL, "list-policies",
                    strongswan_args("trap", "yes", NULL));
}

static void
run_quiet(struct strongswan *s, long long int now)
{
    if (s->conns.n_loading) {
        s->quiet.busy_until = now + QUIET_LINGER;
    }
    if (now >= s->quiet.end) {
        s->quiet.next = now + QUIET_MAX;
    }
    if (now >= MIN(s->quiet.end, s->quiet.busy_until)) {
        s->quiet.state = STRONGSWAN_HEEDING;
        strongswan_session_listen(s->session, true);
    }
}

/* Goes on from one state to the next; 'now' is in ms. */
void
strongswan_quiet_run(struct strongswan *s, long long int now)
{
    switch (s->quiet.state) {
    case STRONGSWAN_HEEDFUL:
        if (s->synced && s->conns.n_loading >= QUIET_FROM
            && now >= s->quiet.next) {
            begin(s, now);
        }
        break;
    case STRONGSWAN_QUIET:
        run_quiet(s, now);
        break;
    case STRONGSWAN_HEEDING:
        if (strongswan_session_is_listening(s->session)) {
            finish(s);
        }
        break;
    }
}

/* Wakes the poll loop when strongswan_quiet_run() has something to do that
 * neither an answer nor a connection being loaded brings. */
void
strongswan_quiet_wait(const struct strongswan *s)
{
    if (s->quiet.state == STRONGSWAN_QUIET) {
        poll_timer_wait_until(MIN(s->quiet.end, s->quiet.busy_until));
    }
}

/* The session has come up or broken: whatever was missed is compared. */
void
strongswan_quiet_reset(struct strongswan *s)
{
    s->quiet.state = STRONGSWAN_HEEDFUL;
    s->conns.quiet = false;
    strongswan_session_listen(s->session, true);
}

/* Connections that charon has although they have been unloaded. */
static void
handle_conns(struct strongswan *s, const struct section *body)
{
    const struct section *names = section_get_section(body, "conns");
    const struct section_item *item;

    if (!names) {
        return;
    }
    SECTION_FOR_EACH (item, names) {
        if (strongswan_is_ours(item->data)) {
            struct strongswan_conn *conn = strongswan_conn_get(&s->conns,
                                                               item->data);

            if (!conn->wish && conn->removal != STRONGSWAN_KEPT) {
                strongswan_note_reloaded(s, conn);
            }
        }
    }
}

/* One that has a trap that we did not ask for.  charon may have made it
 * itself, by close_action or dpd_action; then loading the connection again
 * changes nothing. */
static void
handle_trap(struct strongswan *s, const struct section *body)
{
    const struct section_item *item;

    SECTION_FOR_EACH (item, body) {
        const char *ike = section_get(item->section, "ike");
        const char *child_name = section_get(item->section, "child");
        struct strongswan_conn *conn = (strongswan_is_ours(ike)
                                        ? strongswan_conn_find(&s->conns, ike)
                                        : NULL);
        const struct child *child = (conn && conn->wish && child_name
                                     ? peer_find_child_named(conn->wish,
                                                             child_name)
                                     : NULL);

        if (child && !child->trap && conn->load != STRONGSWAN_LOADING) {
            strongswan_note_reloaded(s, conn);
        }
    }
}

/* Takes in 'msg', which tells what charon had when its log came again. */
void
strongswan_quiet_handle(struct strongswan *s, const struct strongswan_msg *msg)
{
    if (msg->vici.type == VICI_ITEM) {
        handle_trap(s, msg->vici.body);
    } else if (msg->purpose == STRONGSWAN_HEED_CONNS) {
        handle_conns(s, msg->vici.body);
    }
}
