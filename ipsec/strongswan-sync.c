/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Comparing with a charon that has just been connected to: asks for all that
 * it has of ours.  What nobody wishes for becomes a connection to remove; the
 * wishes are loaded again by strongswan-step when all answers are there. */

#include <config.h>

#include "ike-strongswan.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

#include "peer.h"
#include "section.h"
#include "strongswan-conf.h"
#include "strongswan-sa.h"
#include "strongswan-session.h"

VLOG_DEFINE_THIS_MODULE(strongswan_sync);

/* Asks charon for connections, secrets, traps and SAs. */
void
strongswan_sync_start(struct strongswan *s)
{
    s->synced = false;
    s->n_syncing = 4;
    strongswan_send(s->session, STRONGSWAN_SYNC_CONNS, NULL, "get-conns",
                    NULL);
    strongswan_send(s->session, STRONGSWAN_SYNC_SHARED, NULL, "get-shared",
                    NULL);
    strongswan_send(s->session, STRONGSWAN_SYNC_TRAPS, NULL, "list-policies",
                    strongswan_args("trap", "yes", NULL));
    strongswan_send(s->session, STRONGSWAN_SYNC_SAS, NULL, "list-sas", NULL);
}

static void
finish(struct strongswan *s)
{
    struct strongswan_conn *conn;

    s->synced = true;
    strongswan_creds_load_crls(s);
    STRONGSWAN_CONN_FOR_EACH (conn, &s->conns) {
        strongswan_conn_touch(&s->conns, conn);
    }
    VLOG_INFO("charon is there: comparing %"PRIuSIZE" connections with it",
              hmap_count(&s->conns.by_name));
}

/* Connections of ours that nobody wishes for are removed like any other. */
static void
find_orphans(struct strongswan *s, const struct section *body)
{
    const struct section *names = section_get_section(body, "conns");
    const struct section_item *item;

    if (!names) {
        return;
    }
    SECTION_FOR_EACH (item, names) {
        if (strongswan_is_ours(item->data)) {
            strongswan_conn_get(&s->conns, item->data);
        }
    }
}

/* Returns the name of the connection that a secret called 'id' is for, or null
 * if it is not one of ours. */
static const char *
secret_owner(const char *id)
{
    size_t len = strlen(STRONGSWAN_SHARED_PREFIX);

    return (id && !strncmp(id, STRONGSWAN_SHARED_PREFIX, len)
            && strongswan_is_ours(id + len) ? id + len : NULL);
}

static void
find_orphan_shared(struct strongswan *s, const struct section *body)
{
    const struct section *keys = section_get_section(body, "keys");
    const struct section_item *item;

    if (!keys) {
        return;
    }
    SECTION_FOR_EACH (item, keys) {
        const char *name = secret_owner(item->data);

        if (name && !strongswan_conn_find(&s->conns, name)) {
            strongswan_send(s->session, STRONGSWAN_OTHER, NULL,
                            "unload-shared",
                            strongswan_args("id", item->data, NULL));
        }
    }
}

/* One trap that charon has.  Ours come from close_action and dpd_action, and
 * from files that it loaded when we were not there. */
static void
handle_trap(struct strongswan *s, const struct section *body)
{
    const struct section_item *item;

    SECTION_FOR_EACH (item, body) {
        const char *ike = section_get(item->section, "ike");
        const char *child = section_get(item->section, "child");
        struct strongswan_conn *conn;

        if (!strongswan_is_ours(ike) || !child) {
            continue;
        }
        conn = strongswan_conn_find(&s->conns, ike);
        if (!conn || !conn->wish
            || !peer_find_child_named(conn->wish, child)) {
            strongswan_uninstall(s->session, ike, child);
        }
    }
}

/* Gives each connection its IKE_SAs.  One of ours whose connection nobody
 * wishes for becomes a connection to remove. */
static void
distribute_sas(struct strongswan *s, struct strongswan_sas *sas)
{
    struct strongswan_conn *conn;

    for (size_t i = 0; i < sas->n; i++) {
        const struct strongswan_ike_sa *sa = sas->sas[i];

        conn = strongswan_conn_get(&s->conns, sa->name);
        if (!conn->has_pair) {
            strongswan_conn_set_pair(&s->conns, conn, &sa->local,
                                     &sa->remote);
        }
        strongswan_sas_add(&conn->sas, sas->sas[i]);
    }
    sas->n = 0;
    STRONGSWAN_CONN_FOR_EACH (conn, &s->conns) {
        strongswan_sas_note_births(&conn->sas, time_msec());
        conn->sas_known = true;
    }
}

/* Takes in 'msg', which is about what strongswan_sync_start() asked. */
void
strongswan_sync_handle(struct strongswan *s, struct strongswan_msg *msg)
{
    if (msg->vici.type == VICI_ITEM) {
        handle_trap(s, msg->vici.body);
        return;
    }
    if (msg->purpose == STRONGSWAN_SYNC_CONNS) {
        find_orphans(s, msg->vici.body);
    } else if (msg->purpose == STRONGSWAN_SYNC_SHARED) {
        find_orphan_shared(s, msg->vici.body);
    } else if (msg->purpose == STRONGSWAN_SYNC_SAS) {
        distribute_sas(s, &msg->sas);
    }
    if (!--s->n_syncing) {
        finish(s);
    }
}
