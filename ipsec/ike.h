/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef IKE_H
#define IKE_H 1

/* The IKE daemon as 'monitor' sees it, whichever it is.
 *
 * Each call goes to the back end that ike_open() chose by name; what they
 * promise is written in ike-provider.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ike;
struct peer;
struct svec;

struct ike_options {
    const char *socket;         /* strongSwan: vici socket. */
    const char *dir;            /* strongSwan: swanctl folder. */
    int timeout;                /* ms, for one request to the daemon. */
};

/* A peer, as far as the daemon has got with it. */
struct ike_state {
    bool loaded;                /* The daemon knows the connection. */
    bool established;           /* There is an IKE_SA. */
    bool file_written;          /* A daemon that restarts will know it. */
    const char *error;          /* Null, or the last thing that went wrong
                                 * since it was last up. */
    const char *last_error;     /* The same, kept when it comes up. */
    long long int last_error_at; /* s since the epoch. */
};

/* A child that is installed has an SA for each way in the kernel, because ESP
 * needs both, whichever direction the child's packets go. */
struct ike_child_state {
    bool installed;             /* With the traffic selectors asked for. */
    uint32_t spi_in, spi_out;   /* Host byte order. */
    uint32_t reqid;             /* Of these SAs, in the kernel. */
    const char *algorithm;      /* For people, "" if not known. */
};

/* How many connections are wished for, and how far they have got. */
struct ike_counts {
    size_t n;
    size_t n_loaded;            /* The daemon has them as they should be. */
    size_t n_up;                /* All of their children are installed. */
    size_t n_replacing;         /* Another one, that of before, is still there
                                 * for the same peer. */
    size_t n_removing;          /* Besides: nobody wishes for them, and they
                                 * have not gone yet. */
};

bool ike_exists(const char *name);
int ike_open(const char *name, const struct ike_options *, struct ike **);
void ike_close(struct ike *);
bool ike_look(struct ike *);
bool ike_had_sa(const struct ike *, const struct peer *);
void ike_set(struct ike *, const char *name, const struct peer *);
void ike_set_crls(struct ike *, const struct svec *crls);
void ike_commit(struct ike *);
void ike_hurry(struct ike *, const char *name);
void ike_run(struct ike *);
void ike_wait(struct ike *);
int ike_get(const struct ike *, const char *name, struct ike_state *);
int ike_get_child(const struct ike *, const char *name, const char *child,
                  struct ike_child_state *);
void ike_get_counts(const struct ike *, struct ike_counts *);
const char *ike_get_error(const struct ike *);
bool ike_is_clean(const struct ike *);

#endif /* ike.h */
