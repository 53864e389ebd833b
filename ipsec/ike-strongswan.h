/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef IKE_STRONGSWAN_H
#define IKE_STRONGSWAN_H 1

/* What the parts of the strongSwan back end share; nobody else includes this.
 *
 * ike-strongswan is the provider and takes in what charon says,
 * strongswan-sync compares at each connect, strongswan-creds keeps keys and
 * certificates, strongswan-step moves one connection on, strongswan-quiet
 * keeps charon from other work while it loads many. */

#include <stdbool.h>

#include "sset.h"
#include "svec.h"

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

/* Keys, certificates and CRLs. */
struct strongswan_creds {
    struct credentials *current; /* Those in 'files', or null. */
    char *loaded_key;           /* The id of the key that charon has been
                                 * given last, or null. */
    bool token_opened;          /* charon has it, if it is in a token. */
    char *token_error;          /* Why charon has not, or null. */
    long long int token_retry;  /* ms; when to try again if so. */
    struct sset old_keys;       /* Ids of others that it may still have. */
    struct sset old_certs;      /* Files of certificates not in 'current'. */
    struct sset crl_files;
    struct svec crls;           /* In PEM. */
    bool lost_trust;            /* A CA may have been in use before our start
                                 * that is not trusted any more. */
};

/* See strongswan-quiet.c. */
struct strongswan_quiet {
    enum strongswan_quiet_state {
        STRONGSWAN_HEEDFUL,     /* charon's log comes. */
        STRONGSWAN_QUIET,       /* It does not. */
        STRONGSWAN_HEEDING      /* It has been asked for again. */
    } state;
    long long int end;          /* ms; STRONGSWAN_QUIET ends at the latest. */
    long long int busy_until;   /* ms; or when nothing was loaded until
                                 * then. */
    long long int next;         /* ms; it does not begin again before. */
};

struct strongswan {
    struct ike up;
    struct strongswan_session *session;
    struct swanctl_conf *files;
    struct strongswan_sweep *sweep;
    struct strongswan_watch *watch;
    struct strongswan_conns conns;
    enum strongswan_look look;
    struct sset looked;         /* SAs that were there before 'committed', as
                                 * strongswan-look writes them. */
    struct strongswan_creds creds;
    long long int next_turn;    /* ms; when the next connection may take the
                                 * place of another. */
    struct strongswan_quiet quiet;
    bool committed;
    unsigned int n_syncing;     /* Answers that the sync waits for. */
    bool synced;
    bool files_swept;
};

/* ike-strongswan.c. */
void strongswan_note_reloaded(struct strongswan *, struct strongswan_conn *);

/* strongswan-sync.c. */
void strongswan_sync_start(struct strongswan *);
void strongswan_sync_handle(struct strongswan *, struct strongswan_msg *);

/* strongswan-look.c. */
bool strongswan_look(struct ike *);
bool strongswan_had_sa(const struct ike *, const struct peer *);
void strongswan_look_run(struct strongswan *);
void strongswan_look_handle(struct strongswan *,
                            const struct strongswan_msg *);
void strongswan_look_reset(struct strongswan *);

/* strongswan-creds.c. */
void strongswan_creds_init(struct strongswan_creds *);
void strongswan_creds_uninit(struct strongswan_creds *);
void strongswan_creds_use(struct strongswan *, struct credentials *);
void strongswan_creds_spare(const struct strongswan *, struct sset *keys,
                            struct sset *certs);
void strongswan_creds_take_found(struct strongswan *);
bool strongswan_creds_load(struct strongswan *, const struct credentials *);
void strongswan_creds_handle_token(struct strongswan *,
                                   const struct strongswan_msg *);
void strongswan_creds_note_words(struct strongswan *, const char *words,
                                 bool pin);
void strongswan_creds_reset(struct strongswan_creds *);
void strongswan_creds_run(struct strongswan *);
void strongswan_creds_wait(const struct strongswan *);
void strongswan_creds_retire(struct strongswan *);
void strongswan_creds_load_crls(struct strongswan *);
void strongswan_creds_set_crls(struct strongswan *, const struct svec *crls);

/* strongswan-quiet.c. */
void strongswan_quiet_run(struct strongswan *, long long int now);
void strongswan_quiet_wait(const struct strongswan *);
void strongswan_quiet_reset(struct strongswan *);
void strongswan_quiet_handle(struct strongswan *,
                             const struct strongswan_msg *);

/* strongswan-step.c. */
bool strongswan_file_is_written(const struct strongswan *,
                                const struct strongswan_conn *);
bool strongswan_may_load(const struct strongswan *,
                         const struct strongswan_conn *);
int strongswan_may_load_more(const struct strongswan *);
void strongswan_step(struct strongswan *, struct strongswan_conn *);

#endif /* ike-strongswan.h */
