/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Looks at what SAs charon has before anything is stated, so that of two
 * tunnels that claim one address the one that is encrypted already keeps it,
 * also across a restart of ours.  Only 'monitor' asks for it, and only when
 * there are two. */

#include <config.h>

#include "ike-strongswan.h"

#include "packets.h"
#include "util.h"

#include "peer.h"
#include "strongswan-sa.h"
#include "strongswan-session.h"

/* Returns a string that is the same for the same addresses and identity. */
static char *
make_key(const struct in6_addr *local, const struct in6_addr *remote,
         const char *remote_id)
{
    char l[INET6_ADDRSTRLEN], r[INET6_ADDRSTRLEN];

    ipv6_string_mapped(l, local);
    ipv6_string_mapped(r, remote);
    return xasprintf("%s %s %s", l, r, remote_id ? remote_id : r);
}

static struct strongswan *
strongswan_cast(const struct ike *ike)
{
    return CONTAINER_OF(ike, struct strongswan, up);
}

/* See 'look' in ike-provider.h. */
bool
strongswan_look(struct ike *ike)
{
    struct strongswan *s = strongswan_cast(ike);

    if (s->look == STRONGSWAN_LOOK_NONE) {
        s->look = STRONGSWAN_LOOK_WANTED;
        strongswan_look_run(s);
    }
    return s->look == STRONGSWAN_LOOK_DONE;
}

/* See 'had_sa' in ike-provider.h. */
bool
strongswan_had_sa(const struct ike *ike, const struct peer *peer)
{
    const struct strongswan *s = strongswan_cast(ike);
    /* With a psk the identity is the address. */
    char *key = make_key(&peer->local, &peer->remote, peer->remote_name);
    bool had = sset_contains(&s->looked, key);

    free(key);
    return had;
}

/* Asks charon, when it is there. */
void
strongswan_look_run(struct strongswan *s)
{
    if (s->look == STRONGSWAN_LOOK_WANTED
        && strongswan_session_is_up(s->session)) {
        s->look = STRONGSWAN_LOOK_ASKED;
        strongswan_send(s->session, STRONGSWAN_LOOK, NULL, "list-sas", NULL);
    }
}

/* Takes in charon's answer. */
void
strongswan_look_handle(struct strongswan *s, const struct strongswan_msg *msg)
{
    for (size_t i = 0; i < msg->sas.n; i++) {
        const struct strongswan_ike_sa *sa = msg->sas.sas[i];

        if (sa->established) {
            sset_add_and_free(&s->looked,
                              make_key(&sa->local, &sa->remote,
                                       sa->remote_id));
        }
    }
    s->look = STRONGSWAN_LOOK_DONE;
}

/* charon is gone, and with it what it was asked. */
void
strongswan_look_reset(struct strongswan *s)
{
    if (s->look == STRONGSWAN_LOOK_ASKED) {
        s->look = STRONGSWAN_LOOK_WANTED;
    }
}
