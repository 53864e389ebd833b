/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Folds tunnels into peers and children with names made of contents; see
 * peer.h.  No input or output. */

#include <config.h>

#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "hash.h"
#include "packets.h"
#include "sha1.h"
#include "util.h"

#include "credentials.h"
#include "remote-cert.h"
#include "secret.h"
#include "tunnel-options.h"

/* By the remote address alone, because peers_take() looks for that; ours are
 * few. */
static uint32_t
hash_remote(const struct in6_addr *remote)
{
    return hash_bytes(remote, sizeof *remote, 0);
}

/* Sets 'name' to "ovs-" and a hash of 'contents'. */
static void
make_name(const struct ds *contents, char name[PEER_NAME_LEN + 1])
{
    uint8_t digest[SHA1_DIGEST_SIZE];
    char *p = name + strlen(PEER_NAME_PREFIX);

    memcpy(name, PEER_NAME_PREFIX, strlen(PEER_NAME_PREFIX));
    sha1_bytes(ds_cstr_ro(contents), contents->length, digest);
    for (size_t i = 0; i < 10; i++, p += 2) {
        snprintf(p, 3, "%02x", digest[i]);
    }
}

static void
put_settings(struct ds *ds, const struct tunnel_options *options,
             enum setting_scope scope)
{
    SETTING_FOR_EACH (setting, scope) {
        const char *value = tunnel_options_get(options, setting);

        if (value) {
            ds_put_format(ds, "%s=%s\n", setting_name(setting), value);
        }
    }
}

static void
peer_set_name(struct peer *peer)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    put_settings(&ds, peer->options, SETTING_IKE);
    ds_put_cstr(&ds, "local=");
    ipv6_format_mapped(&peer->local, &ds);
    ds_put_cstr(&ds, "\nremote=");
    ipv6_format_mapped(&peer->remote, &ds);
    if (peer->auth == TUNNEL_AUTH_PSK) {
        ds_put_cstr(&ds, "\nauth=psk\n");
    } else {
        ds_put_format(&ds, "\nauth=%s\nremote_name=%s\ncredentials=%s\n",
                      peer->remote_cert ? peer->remote_cert->pem : "ca",
                      peer->remote_name, peer->credentials->digest);
    }
    make_name(&ds, peer->name);
    ds_destroy(&ds);
}

static void
child_init(struct child *child, enum child_dir dir,
           const struct tunnel *tunnel)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    child->dir = dir;
    child->proto = tunnel->type->proto;
    child->port = tunnel->port;
    child->trap = false;
    child->options = tunnel_options_ref(tunnel->options);
    put_settings(&ds, child->options, SETTING_ESP);
    ds_put_format(&ds, "dir=%s\nproto=%u\nport=%u\n",
                  child_dir_name(dir), child->proto, child->port);
    make_name(&ds, child->name);
    ds_destroy(&ds);
}

/* Returns a word for 'dir', as seen from here. */
const char *
child_dir_name(enum child_dir dir)
{
    static const char *const names[] = {
        [CHILD_OUT] = "out", [CHILD_IN] = "in", [CHILD_BOTH] = "both",
    };

    return names[dir];
}

/* Returns the port of this host in the packets of 'child', 0 for any. */
uint16_t
child_local_port(const struct child *child)
{
    return child->dir == CHILD_OUT ? 0 : child->port;
}

/* Returns the port of the peer in the packets of 'child', 0 for any. */
uint16_t
child_remote_port(const struct child *child)
{
    return child->dir == CHILD_IN ? 0 : child->port;
}

static struct peer *
peer_create(const struct tunnel *tunnel, const struct in6_addr *local,
            struct credentials *credentials, struct remote_cert *remote_cert)
{
    struct peer *peer = xzalloc(sizeof *peer);

    peer->ref_cnt = 1;
    peer->family = tunnel->family;
    peer->local = *local;
    peer->remote = tunnel->remote;
    peer->auth = tunnel->auth;
    peer->tunnel = xstrdup(tunnel->name);
    peer->options = tunnel_options_ref(tunnel->options);
    if (peer->auth == TUNNEL_AUTH_PSK) {
        peer->psk = xstrdup(tunnel->value[TUNNEL_PSK]);
    } else if (peer->auth == TUNNEL_AUTH_CA) {
        peer->remote_name = xstrdup(tunnel->value[TUNNEL_REMOTE_NAME]);
        peer->credentials = credentials_ref(credentials);
    } else {
        peer->remote_name = xstrdup(remote_cert->name);
        peer->remote_cert = remote_cert_ref(remote_cert);
        peer->credentials = credentials_ref(credentials);
    }
    peer_set_name(peer);
    return peer;
}

/* Returns 'peer' and makes it the caller's, too. */
struct peer *
peer_ref(const struct peer *peer_)
{
    struct peer *peer = CONST_CAST(struct peer *, peer_);

    peer->ref_cnt++;
    return peer;
}

/* Frees 'peer', which may be null, if it is nobody else's. */
void
peer_unref(struct peer *peer)
{
    if (!peer || --peer->ref_cnt) {
        return;
    }
    secret_free(peer->psk);
    for (size_t i = 0; i < peer->n_children; i++) {
        tunnel_options_unref(peer->children[i].options);
    }
    tunnel_options_unref(peer->options);
    free(peer->remote_name);
    free(peer->children);
    free(peer->tunnel);
    credentials_unref(peer->credentials);
    remote_cert_unref(peer->remote_cert);
    free(peer);
}

/* Returns the child of 'peer' called 'name', or null. */
const struct child *
peer_find_child_named(const struct peer *peer, const char *name)
{
    for (size_t i = 0; i < peer->n_children; i++) {
        if (!strcmp(peer->children[i].name, name)) {
            return &peer->children[i];
        }
    }
    return NULL;
}

/* Returns the child of 'peer' for this selector, or null. */
const struct child *
peer_find_child(const struct peer *peer, enum child_dir dir, uint8_t proto,
                uint16_t port)
{
    for (size_t i = 0; i < peer->n_children; i++) {
        const struct child *child = &peer->children[i];

        if (child->dir == dir && child->proto == proto
            && child->port == port) {
            return child;
        }
    }
    return NULL;
}

/* Returns the child of 'peer' that has the packets of this selector that go in
 * direction 'dir', CHILD_OUT or CHILD_IN, or null. */
const struct child *
peer_find_carrier(const struct peer *peer, enum child_dir dir, uint8_t proto,
                  uint16_t port)
{
    const struct child *child = peer_find_child(peer, dir, proto, port);

    return child ? child : peer_find_child(peer, CHILD_BOTH, proto, port);
}

static bool
peer_has_children_of(const struct peer *a, const struct peer *b)
{
    for (size_t i = 0; i < b->n_children; i++) {
        const struct child *child = &b->children[i];
        const struct child *same = peer_find_child(a, child->dir,
                                                   child->proto, child->port);
        if (!same || strcmp(same->name, child->name)
            || same->trap != child->trap) {
            return false;
        }
    }
    return true;
}

/* Has the IKE daemon hold what 'tunnel', one of 'peer', sends without SAs. */
void
peer_add_trap(struct peer *peer, const struct tunnel *tunnel)
{
    for (size_t i = 0; i < peer->n_children; i++) {
        struct child *child = &peer->children[i];

        child->trap |= (child->dir != CHILD_IN
                        && child->proto == tunnel->type->proto
                        && child->port == tunnel->port);
    }
}

/* Returns true if a back end would have nothing to do to go from 'a' to 'b':
 * the same connection with the same secret and the same children, in whatever
 * order. */
bool
peer_equals(const struct peer *a, const struct peer *b)
{
    return (!strcmp(a->name, b->name)
            && nullable_string_is_equal(a->psk, b->psk)
            && a->n_children == b->n_children
            && peer_has_children_of(a, b));
}

static void
peer_add_children(struct peer *peer, const struct tunnel *tunnel)
{
    if (peer_find_carrier(peer, CHILD_OUT, tunnel->type->proto,
                          tunnel->port)) {
        return;
    }
    peer->children = xrealloc(peer->children, (peer->n_children + 2)
                                              * sizeof *peer->children);
    if (tunnel->port) {
        child_init(&peer->children[peer->n_children++], CHILD_OUT, tunnel);
        child_init(&peer->children[peer->n_children++], CHILD_IN, tunnel);
    } else {
        child_init(&peer->children[peer->n_children++], CHILD_BOTH, tunnel);
    }
}

/* Makes 'peers' an empty set. */
void
peers_init(struct peers *peers)
{
    hmap_init(&peers->by_name);
    hmap_init(&peers->by_address);
}

/* Frees all peers in 'peers'. */
void
peers_destroy(struct peers *peers)
{
    struct peer *peer;

    HMAP_FOR_EACH_POP (peer, node, &peers->by_name) {
        peer_unref(peer);
    }
    hmap_destroy(&peers->by_address);
    hmap_destroy(&peers->by_name);
}

/* Returns the peer called 'name', or null. */
struct peer *
peers_find(const struct peers *peers, const char *name)
{
    struct peer *peer;

    HMAP_FOR_EACH_WITH_HASH (peer, node, hash_string(name, 0),
                             &peers->by_name) {
        if (!strcmp(peer->name, name)) {
            return peer;
        }
    }
    return NULL;
}

/* Returns the peer with these addresses, or null. */
struct peer *
peers_find_address(const struct peers *peers, const struct in6_addr *local,
                   const struct in6_addr *remote)
{
    struct peer *peer;

    HMAP_FOR_EACH_WITH_HASH (peer, address_node, hash_remote(remote),
                             &peers->by_address) {
        if (ipv6_addr_equals(&peer->local, local)
            && ipv6_addr_equals(&peer->remote, remote)) {
            return peer;
        }
    }
    return NULL;
}

static void
peers_insert(struct peers *peers, struct peer *peer)
{
    hmap_insert(&peers->by_name, &peer->node, hash_string(peer->name, 0));
    hmap_insert(&peers->by_address, &peer->address_node,
                hash_remote(&peer->remote));
}

static struct peer *
find_remote(const struct peers *peers, const struct in6_addr *remote)
{
    struct peer *peer;

    HMAP_FOR_EACH_WITH_HASH (peer, address_node, hash_remote(remote),
                             &peers->by_address) {
        if (ipv6_addr_equals(&peer->remote, remote)) {
            return peer;
        }
    }
    return NULL;
}

/* Moves all peers with remote address 'remote' from 'src' to 'dst'. */
void
peers_take(struct peers *dst, struct peers *src, const struct in6_addr *remote)
{
    struct peer *peer;

    while ((peer = find_remote(src, remote)) != NULL) {
        hmap_remove(&src->by_address, &peer->address_node);
        hmap_remove(&src->by_name, &peer->node);
        peers_insert(dst, peer);
    }
}

static bool
has_other_esp(const struct peer *peer, const struct tunnel *tunnel)
{
    for (size_t i = 0; i < peer->n_children; i++) {
        const struct child *child = &peer->children[i];

        if (child->proto == tunnel->type->proto && child->port == tunnel->port
            && !tunnel_options_equals(child->options, tunnel->options,
                                      SETTING_ESP)) {
            return true;
        }
    }
    return false;
}

/* One pair of addresses has one identity and one secret.  Otherwise any host
 * that the CA signed could take over the traffic of another.  And it has one
 * connection, in which no two children may have the same selectors. */
static char *
find_conflict(const struct peer *old, const struct peer *new,
              const struct tunnel *tunnel)
{
    const char *what;

    if (old->auth != new->auth) {
        what = "another kind of authentication";
    } else if (old->auth == TUNNEL_AUTH_CA
               && strcmp(old->remote_name, new->remote_name)) {
        what = "another remote_name";
    } else if (old->auth == TUNNEL_AUTH_CERT
               && strcmp(old->remote_cert->pem, new->remote_cert->pem)) {
        what = "another remote_cert";
    } else if (old->auth == TUNNEL_AUTH_PSK && strcmp(old->psk, new->psk)) {
        what = "another psk";
    } else if (!tunnel_options_equals(old->options, new->options,
                                      SETTING_IKE)) {
        what = "other ipsec_* options for IKE";
    } else if (has_other_esp(old, tunnel)) {
        what = "other ipsec_* options for ESP";
    } else {
        return NULL;
    }
    return xasprintf("tunnel %s to the same address has %s: "
                     "make both the same, or remove one of them",
                     old->tunnel, what);
}

/* Adds valid 'tunnel' to the peer in 'peers' that it belongs to, which is
 * made if needed, with 'local' as our address and, unless authentication is by
 * psk, 'credentials' (not null), and, if it is by the peer's certificate,
 * 'remote_cert' (not null), of which the peer takes references.
 *
 * Returns the peer, owned by 'peers'.  If a tunnel added earlier claims the
 * same addresses with another identity, returns null and sets '*errorp' to the
 * reason, which the caller frees. */
struct peer *
peers_add_tunnel(struct peers *peers, const struct tunnel *tunnel,
                 const struct in6_addr *local,
                 struct credentials *credentials,
                 struct remote_cert *remote_cert, char **errorp)
{
    struct peer *new = peer_create(tunnel, local, credentials, remote_cert);
    struct peer *old = peers_find_address(peers, local, &tunnel->remote);

    *errorp = old ? find_conflict(old, new, tunnel) : NULL;
    if (*errorp) {
        peer_unref(new);
        return NULL;
    }
    if (old) {
        peer_unref(new);
        new = old;
    } else {
        peers_insert(peers, new);
    }
    peer_add_children(new, tunnel);
    return new;
}
