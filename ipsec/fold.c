/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* From tunnels to peers; see fold.h. */

#include <config.h>

#include "fold.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "packets.h"
#include "util.h"

#include "credentials-loader.h"
#include "credentials.h"
#include "ike.h"
#include "peer.h"
#include "protection.h"
#include "remote-cert.h"
#include "route-source.h"
#include "tunnel.h"
#include "wishes.h"

/* Sets '*local' to the address that the packets of 't' leave with.  Where
 * 'local_ip' is not set the route decides, as it does for those.  Returns
 * null, or why there is none, which the caller frees. */
char *
fold_find_local(const struct tunnel *t, struct in6_addr *local)
{
    int error;

    *local = t->local;
    if (ipv6_addr_is_set(local)) {
        return NULL;
    }
    error = route_source_lookup(&t->remote, local);
    if (error) {
        return xasprintf("no route to %s (%s)", t->value[TUNNEL_REMOTE_IP],
                         ovs_strerror(error));
    }
    return NULL;
}

static char *
check_credentials(const struct fold *f, const struct tunnel *t)
{
    const struct credentials *cred = credentials_loader_get(f->credentials);
    const char *error;

    if (t->auth == TUNNEL_AUTH_PSK) {
        return NULL;
    }
    if (!cred) {
        error = credentials_loader_get_error(f->credentials);
        return xstrdup(error ? error : "the certificate is being read");
    }
    if (t->auth == TUNNEL_AUTH_CA && !cred->cas.n) {
        return xstrdup("other_config:ca_cert in table Open_vSwitch is not "
                       "set, so there is no CA to know the peer by: "
                       "\"ovs-vsctl set Open_vSwitch . "
                       "other_config:ca_cert=FILE\", or set "
                       "options:remote_cert");
    }
    return NULL;
}

/* Finds the peer's certificate if that is what it is known by. */
static char *
find_remote_cert(const struct fold *f, const struct tunnel *t,
                 struct remote_cert **certp)
{
    const char *path = t->value[TUNNEL_REMOTE_CERT];
    const char *name = t->value[TUNNEL_REMOTE_NAME];
    const char *error;

    *certp = NULL;
    if (t->auth != TUNNEL_AUTH_CERT) {
        return NULL;
    }
    *certp = remote_certs_get(f->remote_certs, path);
    if (!*certp) {
        error = remote_certs_get_error(f->remote_certs, path);
        return xstrdup(error ? error : "the peer's certificate is being read");
    }
    if (name && strcasecmp(name, (*certp)->name)) {
        return xasprintf("options:remote_name is \"%s\", but the certificate "
                         "in options:remote_cert is that of \"%s\": remove "
                         "the name, or name the right file",
                         name, (*certp)->name);
    }
    return NULL;
}

/* Adds 't' to 'peers'.  Returns its peer, owned by 'peers', or null and the
 * reason in '*errorp'; '*contested' tells that it is because another tunnel
 * claims the same address. */
static struct peer *
add_to_peers(const struct fold *f, struct peers *peers,
             const struct tunnel *t, bool *contested, char **errorp)
{
    struct remote_cert *cert;
    struct in6_addr local;
    struct peer *peer;

    *contested = false;
    *errorp = fold_find_local(t, &local);
    if (!*errorp) {
        *errorp = check_credentials(f, t);
    }
    if (!*errorp) {
        *errorp = find_remote_cert(f, t, &cert);
    }
    if (*errorp) {
        return NULL;
    }
    peer = peers_add_tunnel(peers, t, &local,
                            credentials_loader_get(f->credentials), cert,
                            errorp);
    *contested = !peer;
    if (peer && protection_needs_traps(f->protection, t)) {
        peer_add_trap(peer, t);
    }
    return peer;
}

/* Contests. */

static bool
is_contested(const struct fold *f, const struct wish_address *address)
{
    const struct wish *wish;
    bool contested = false;
    struct peers peers;

    peers_init(&peers);
    LIST_FOR_EACH (wish, node, &address->wishes) {
        char *error = NULL;

        add_to_peers(f, &peers, wish_effective(wish), &contested, &error);
        free(error);
        if (contested) {
            break;
        }
    }
    peers_destroy(&peers);
    return contested;
}

/* Returns true if two tunnels claim one address. */
bool
fold_has_contest(const struct fold *f, const struct wishes *wishes)
{
    const struct wish_address *address;

    HMAP_FOR_EACH (address, node, &wishes->by_address) {
        const struct ovs_list *list = &address->wishes;

        if (!ovs_list_is_short(list) && is_contested(f, address)) {
            return true;
        }
    }
    return false;
}

/* Notes which of 'wishes' had SAs when 'ike' looked at what there was before
 * our start. */
void
fold_note_incumbents(const struct fold *f, struct wishes *wishes,
                     const struct ike *ike)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &wishes->by_name) {
        struct wish *wish = node->data;
        const struct tunnel *t = wish_effective(wish);
        struct peers peers;
        bool contested;
        char *error;

        peers_init(&peers);
        if (t) {
            const struct peer *peer = add_to_peers(f, &peers, t, &contested,
                                                   &error);

            wish->had_sa = peer && ike_had_sa(ike, peer);
            free(error);
        }
        peers_destroy(&peers);
    }
}

/* Who has a peer comes before who wants one: the incumbent stays when two
 * claim the same address with different identities.  After a start that is who
 * had an SA, otherwise names decide. */
static int
compare_incumbents(const void *a_, const void *b_)
{
    const struct wish *const *a = a_;
    const struct wish *const *b = b_;
    const struct wish *x = *a;
    const struct wish *y = *b;

    if (!x->peer[0] != !y->peer[0]) {
        return x->peer[0] ? -1 : 1;
    }
    if (x->had_sa != y->had_sa) {
        return x->had_sa ? -1 : 1;
    }
    return strcmp(x->now->name, y->now->name);
}

/* Folding. */

static void
fold_wish(const struct fold *f, struct wishes *wishes, struct wish *wish,
          struct peers *peers)
{
    char *error = NULL;
    bool contested;
    const struct peer *peer = add_to_peers(f, peers, wish_effective(wish),
                                           &contested, &error);

    ovs_strlcpy(wish->peer, peer ? peer->name : "", sizeof wish->peer);
    wish_set_error(wishes, wish, (wish->now->error ? wish->now->error
                                  : error));
    free(error);
}

/* Folds the tunnels to 'address' into 'peers', which must have none with that
 * remote address.  Says of each tunnel what its peer is, or why it has
 * none. */
void
fold_address(const struct fold *f, struct wishes *wishes,
             struct wish_address *address, struct peers *peers)
{
    size_t n = ovs_list_size(&address->wishes);
    struct wish **sorted = xmalloc(n * sizeof *sorted);
    struct wish *wish;
    size_t i = 0;

    LIST_FOR_EACH (wish, node, &address->wishes) {
        sorted[i++] = wish;
    }
    qsort(sorted, n, sizeof *sorted, compare_incumbents);
    for (i = 0; i < n; i++) {
        fold_wish(f, wishes, sorted[i], peers);
    }
    free(sorted);
}
