/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef PEER_H
#define PEER_H 1

/* What tunnels fold into: one peer per pair of addresses and identities, with
 * a child for each selector.
 *
 * A peer is one IKE connection.  Two connections with the same addresses and
 * identities do not work with charon, so all tunnels between two hosts share
 * one; tunnels refer to children many-to-one.  Names are made of contents: a
 * peer that changes gets another name, so comparing what should be with what
 * is compares two sets of names.  'monitor' makes peers and shares them with
 * 'ike' back ends; once folded they are immutable, counted by reference, for
 * the main thread only. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "smap.h"

#include "tunnel.h"

struct credentials;
struct remote_cert;

/* "ovs-" and 80 bits in hexadecimal. */
#define PEER_NAME_PREFIX "ovs-"
#define PEER_NAME_LEN (sizeof PEER_NAME_PREFIX - 1 + 20)

/* Which packets a child is for.  Tunnel packets go from any port to the
 * tunnel's port, so each direction has a child of its own, which the end that
 * sends them starts.  Where there are no ports both are one, and either end
 * may start it. */
enum child_dir {
    CHILD_OUT,                  /* What we send. */
    CHILD_IN,                   /* What we receive; the peer starts it. */
    CHILD_BOTH,
    CHILD_N_DIRS
};

struct child {
    char name[PEER_NAME_LEN + 1];
    enum child_dir dir;
    uint8_t proto;              /* IPPROTO_*. */
    uint16_t port;              /* Host byte order. */
    bool trap;                  /* The IKE daemon is to hold what we send when
                                 * there is no SA, because the guard does not.
                                 * Not in the name: for charon it is no part of
                                 * a child. */
    struct tunnel_options *options;     /* For ESP, a reference or null. */
};

struct peer {
    struct hmap_node node;      /* In struct peers' 'by_name'. */
    struct hmap_node address_node;      /* In its 'by_address'. */
    int ref_cnt;
    char name[PEER_NAME_LEN + 1];

    int family;                 /* AF_INET or AF_INET6. */
    struct in6_addr local;
    struct in6_addr remote;
    enum tunnel_auth auth;
    char *psk;                  /* For TUNNEL_AUTH_PSK.  Not in the name: for
                                 * charon it is no part of a connection. */
    char *remote_name;          /* For all others. */
    struct credentials *credentials;    /* For all others, a reference. */
    struct remote_cert *remote_cert;    /* For TUNNEL_AUTH_CERT, a
                                         * reference. */
    struct tunnel_options *options;     /* For IKE, a reference or null. */

    struct child *children;
    size_t n_children;
    char *tunnel;               /* A tunnel of this peer, for messages. */
};

/* A set of peers in which no two have the same pair of addresses. */
struct peers {
    struct hmap by_name;        /* Contains "struct peer"s. */
    struct hmap by_address;     /* Contains them too. */
};

#define PEERS_FOR_EACH(PEER, PEERS) \
    HMAP_FOR_EACH (PEER, node, &(PEERS)->by_name)

void peers_init(struct peers *);
void peers_destroy(struct peers *);
void peers_take(struct peers *dst, struct peers *src,
                const struct in6_addr *remote);
struct peer *peers_find(const struct peers *, const char *name);
struct peer *peers_find_address(const struct peers *,
                                const struct in6_addr *local,
                                const struct in6_addr *remote);
struct peer *peers_add_tunnel(struct peers *, const struct tunnel *,
                              const struct in6_addr *local,
                              struct credentials *, struct remote_cert *,
                              char **errorp);

void peer_add_trap(struct peer *, const struct tunnel *);
struct peer *peer_ref(const struct peer *);
void peer_unref(struct peer *);
bool peer_equals(const struct peer *, const struct peer *);
const struct child *peer_find_child_named(const struct peer *,
                                          const char *name);
const struct child *peer_find_child(const struct peer *, enum child_dir,
                                    uint8_t proto, uint16_t port);
const struct child *peer_find_carrier(const struct peer *, enum child_dir,
                                      uint8_t proto, uint16_t port);
const char *child_dir_name(enum child_dir);
uint16_t child_local_port(const struct child *);
uint16_t child_remote_port(const struct child *);

#endif /* peer.h */
