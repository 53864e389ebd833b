/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef MONITOR_H
#define MONITOR_H 1

/* Reads tunnels from the local database, decides what has to be guarded and
 * encrypted, and tells 'guard' and 'ike'.  The main program makes one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protection.h"

struct credentials;
struct guard;
struct ike;
struct monitor;
struct vsrec_interface;
struct peer;
struct shash;
struct smap;
struct sset;
struct svec;
struct tunnel;

/* A tunnel that asks for encryption. */
struct monitor_view {
    const char *name;
    const struct tunnel *wish;          /* What the row says now. */
    const struct tunnel *effective;     /* What counts: 'wish', or what it was
                                         * when valid last; null if never. */
    const struct peer *peer;            /* Null: none. */
    const char *error;                  /* Why it has no peer or is INVALID, or
                                         * null. */
    const char *unprotected;            /* Why IPsec cannot help, or null. */
    enum protection_kind protection;    /* What there is without SAs. */
    unsigned int version;               /* How often the row has changed. */
    const struct vsrec_interface *row; /* The row, or null: gone. */
};

/* Everything but tunnels. */
struct monitor_summary {
    bool database_connected;
    bool database_known;                /* It has been there once. */
    const struct credentials *credentials;      /* In use, or null. */
    const char *credentials_error;      /* Null, or what is wrong with those
                                         * that should be. */
    const struct smap *other_config;    /* Of the Open_vSwitch table. */
    bool credentials_needed;            /* A tunnel needs our certificate. */
    const struct svec *credentials_warnings;    /* What expires, and so on. */
    bool guard_needed;
    size_t n_tunnels;
    size_t n_failed;                    /* INVALID, or without a peer. */
    size_t n_unprotected;               /* IPsec cannot help them. */
    size_t n_in_clear;                  /* Besides these: tunnels that ask for
                                         * no encryption, while others do. */
    size_t n_declared;                  /* The same, whose owner means it. */
    bool settling;                      /* Something that has changed is not
                                         * yet handed on. */
    unsigned int seqno;                 /* Counts the database's changes. */
    int64_t next_cfg;                   /* Of the Open_vSwitch table. */
};

struct monitor *monitor_create(const char *database, struct ike *,
                               struct guard *);
void monitor_destroy(struct monitor *);
void monitor_run(struct monitor *);
void monitor_wait(struct monitor *);

void monitor_refresh(struct monitor *);
void monitor_stop(struct monitor *);

struct monitor_view *monitor_get_tunnels(const struct monitor *, size_t *n);
void monitor_get_protection(const struct monitor *, struct protection_state *);
bool monitor_has_sas(const struct monitor *, const char *name);
bool monitor_has_plain(const struct monitor *, const struct tunnel *);
const struct shash *monitor_get_in_clear(const struct monitor *);
const struct sset *monitor_get_held(const struct monitor *);
void monitor_get_summary(const struct monitor *, struct monitor_summary *);

#endif /* monitor.h */
