/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef WISHES_H
#define WISHES_H 1

/* The tunnels that ask for encryption, what came of each, and which of them
 * have to be looked at again.
 *
 * Tunnels to one remote address depend on each other, because they share a
 * peer or contest the address; those to different ones never do.  So what is
 * due, after a change, is a set of addresses.  'monitor' keeps the table as
 * the database is, 'fold' makes peers of it.  No input or output. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/shash.h"

#include "peer.h"

struct tunnel;

/* One interface that asks for encryption. */
struct wish {
    struct ovs_list node;       /* In struct wish_address's 'wishes', or
                                 * empty. */
    struct wish_address *address;       /* That of wish_effective(), or
                                         * null. */
    struct tunnel *now;         /* What the row says now. */
    struct tunnel *good;        /* If 'now' is INVALID, what it said when it
                                 * was valid last, or null. */
    unsigned int version;       /* How many of these there were. */
    char peer[PEER_NAME_LEN + 1];       /* Name of its peer, or "". */
    char *error;                /* Why it has no peer, or null. */
    char *unprotected;          /* Why IPsec cannot help, or null. */
    bool flow;                  /* It has remote_ip=flow. */
    bool had_sa;                /* When we started, in a contest. */
    bool guarded;               /* The guard knows of 'now' and 'good'. */
    bool seen;                  /* In the pass that is under way. */
};

/* A remote address. */
struct wish_address {
    struct hmap_node node;      /* In struct wishes's 'by_address'. */
    struct ovs_list due;        /* In its 'due', or empty. */
    struct in6_addr remote;
    struct ovs_list wishes;     /* Contains "struct wish"es. */
};

struct wishes {
    struct shash by_name;       /* Contains "struct wish"es. */
    struct hmap by_address;     /* Contains "struct wish_address"es. */
    struct ovs_list due;        /* Those of these to fold anew.  One without
                                 * wishes is here until that is done. */
    size_t n_failed;            /* Wishes that have an 'error'. */
    size_t n_unprotected;       /* Wishes that are 'unprotected'. */
    size_t n_certificate;       /* Wishes that need our certificate. */
};

void wishes_init(struct wishes *);
void wishes_destroy(struct wishes *);
struct wish *wishes_find(const struct wishes *, const char *name);
struct wish *wishes_get(struct wishes *, const char *name);
void wishes_remove(struct wishes *, struct wish *);

bool wish_is(const struct wish *, const struct tunnel *);
void wish_set(struct wishes *, struct wish *, struct tunnel *);
void wish_set_error(struct wishes *, struct wish *, const char *error);
void wish_set_unprotected(struct wishes *, struct wish *, const char *reason);
const struct tunnel *wish_effective(const struct wish *);

void wishes_all_due(struct wishes *);
struct wish_address *wishes_first_due(const struct wishes *);
void wish_address_done(struct wishes *, struct wish_address *);

#endif /* wishes.h */
