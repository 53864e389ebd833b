/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef IKE_STRONGSWAN_H
#define IKE_STRONGSWAN_H 1

/* What the parts of the strongSwan back end share; nobody else includes this.
 *
 * ike-strongswan is the provider and takes in what charon says,
 * strongswan-sync compares at each connect, strongswan-step moves one
 * connection on. */

#include <stdbool.h>

#include "sset.h"

#include "ike-provider.h"
#include "strongswan-conn.h"

struct credentials;
struct strongswan_msg;
struct strongswan_session;
struct strongswan_sweep;
struct strongswan_watch;
struct swanctl_conf;

/* How far strongswan-look is. */
enum strongswan_look {
    STRONGSWAN_LOOK_NONE,       /* Nobody wants to know. */
    STRONGSWAN_LOOK_WANTED,
    STRONGSWAN_LOOK_ASKED,
    STRONGSWAN_LOOK_DONE,
};

struct strongswan {
    struct ike up;
    struct strongswan_session *session;
    struct swanctl_conf *files;
    struct strongswan_sweep *sweep;
    struct strongswan_watch *watch;
    struct strongswan_conns conns;
    struct credentials *key;    /* Whose key charon has, or null. */
    struct credentials *filed;  /* Which ones are in 'files', or null. */
    enum strongswan_look look;
    struct sset looked;         /* SAs that were there before 'committed', as
                                 * strongswan-look writes them. */
    bool committed;
    unsigned int n_syncing;     /* Answers that the sync waits for. */
    bool synced;
    bool files_swept;
};

/* strongswan-sync.c. */
void strongswan_sync_start(struct strongswan *);
void strongswan_sync_handle(struct strongswan *, struct strongswan_msg *);

/* strongswan-look.c. */
bool strongswan_look(struct ike *);
bool strongswan_had_sa(const struct ike *, const struct peer *);
void strongswan_look_run(struct strongswan *);
void strongswan_look_handle(struct strongswan *, const struct strongswan_msg *);
void strongswan_look_reset(struct strongswan *);

/* strongswan-step.c. */
bool strongswan_may_load(const struct strongswan *,
                         const struct strongswan_conn *);
void strongswan_step(struct strongswan *, struct strongswan_conn *);

#endif /* ike-strongswan.h */
