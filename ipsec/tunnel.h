/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef TUNNEL_H
#define TUNNEL_H 1

/* What one Interface row asks for, as a value.
 *
 * Made from the row's name, type and options and from nothing else; no input
 * or output, no clock.  'monitor' makes tunnels and folds them into peers
 * (peer.h).  A row that asks for encryption and cannot have it is a tunnel
 * too, with the reason in 'error': its traffic is guarded all the same. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "guard-options.h"

struct ds;
struct smap;
struct tunnel_options;

/* How the peer proves who it is. */
enum tunnel_auth {
    TUNNEL_AUTH_PSK,            /* Pre-shared key, options:psk. */
    TUNNEL_AUTH_CA,             /* A certificate of the common CA for the name
                                 * in options:remote_name. */
    TUNNEL_AUTH_CERT,           /* The certificate in options:remote_cert. */
};

/* The options that matter, in the order in which they are shown. */
enum tunnel_field {
    TUNNEL_TYPE,                /* The type column, not an option. */
    TUNNEL_REMOTE_IP,
    TUNNEL_LOCAL_IP,
    TUNNEL_DST_PORT,
    TUNNEL_PSK,
    TUNNEL_REMOTE_CERT,
    TUNNEL_REMOTE_NAME,
    TUNNEL_N_FIELDS
};

/* What the kernel sees of a tunnel type. */
struct tunnel_type {
    const char *name;           /* Interface type. */
    uint8_t proto;              /* IPPROTO_*. */
    uint16_t port;              /* Default destination port, 0 if none. */
    bool late_source;           /* Linux looks for its policy before it has a
                                 * source address, so no SA matches. */
};

struct tunnel {
    char *name;                 /* Of the interface.  For people only. */
    char *value[TUNNEL_N_FIELDS];       /* In canonical form; null: absent. */
    struct tunnel_options *options;     /* options:ipsec_*, a reference; null:
                                         * all as by default. */
    char *error;                /* Null, or why it is INVALID. */

    /* Derived from 'value'.  Addresses are IPv6 or IPv4-mapped. */
    const struct tunnel_type *type;
    int family;                 /* AF_INET, AF_INET6; AF_UNSPEC: unknown. */
    struct in6_addr remote;
    struct in6_addr local;      /* in6addr_any: as the route has it. */
    uint16_t port;
    enum tunnel_auth auth;
    struct guard_options guard; /* options:ipsec_guard and
                                 * options:ipsec_transition. */
};

const struct tunnel_type *tunnel_type_lookup(const char *name);
const char *tunnel_type_name(size_t i);

bool tunnel_wants_ipsec(const char *type, const struct smap *options);
struct tunnel *tunnel_parse(const char *name, const char *type,
                            const struct smap *options);
void tunnel_destroy(struct tunnel *);
bool tunnel_equals(const struct tunnel *, const struct tunnel *);
uint32_t tunnel_hash(const struct tunnel *);

#endif /* tunnel.h */
