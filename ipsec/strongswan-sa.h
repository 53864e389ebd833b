/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STRONGSWAN_SA_H
#define STRONGSWAN_SA_H 1

/* charon's IKE_SAs and CHILD_SAs, as list-sas tells them, as values.  No
 * input or output. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simap.h"

struct child;
struct section;

struct strongswan_child_sa {
    char *name;                 /* The child's, as configured. */
    char *unique_id;
    bool installed;             /* It works, also while it is rekeyed. */
    bool settled;               /* In state INSTALLED, not amid a rekey or a
                                 * deletion. */
    unsigned int age;           /* s since it was installed. */
    uint32_t spi_in, spi_out;   /* Host byte order. */
    uint32_t reqid;
    char *algorithm;
    char *local_ts, *remote_ts; /* The first of each; null if none. */
};

struct strongswan_ike_sa {
    char *name;                 /* The connection's. */
    char *unique_id;
    struct in6_addr local, remote; /* The two hosts; zeros if not known. */
    char *remote_id;            /* The peer's identity, "" if not known. */
    bool established;           /* It works, also while it is rekeyed. */
    bool settled;               /* In state ESTABLISHED, nothing under way. */
    bool initiator;             /* We started it. */
    bool busy;                  /* We have asked for it, or for a child in
                                 * it, and have no answer yet. */
    bool asking;                /* It works, and a request of ours in it has
                                 * no answer yet. */
    long long int asking_since; /* ms; when that was seen first. */
    unsigned int age;           /* s since it was established. */
    struct strongswan_child_sa *children;
    size_t n_children;
};

struct strongswan_ike_sa *strongswan_ike_sa_parse(const char *name,
                                                  const struct section *);
void strongswan_ike_sa_destroy(struct strongswan_ike_sa *);

bool strongswan_child_sa_matches(const struct strongswan_child_sa *,
                                 const struct child *);
const struct strongswan_child_sa *strongswan_ike_sa_find_child(
    const struct strongswan_ike_sa *, const struct child *);

/* All IKE_SAs of one connection. */
struct strongswan_sas {
    struct strongswan_ike_sa **sas;
    size_t n, allocated;
    struct simap born;          /* Unique id of an IKE_SA -> s: when it, or
                                 * what it is a rekeying of, came up. */
};

void strongswan_sas_init(struct strongswan_sas *);
void strongswan_sas_uninit(struct strongswan_sas *);
void strongswan_sas_clear(struct strongswan_sas *);
void strongswan_sas_add(struct strongswan_sas *, struct strongswan_ike_sa *);
void strongswan_sas_move(struct strongswan_sas *, struct strongswan_sas *from);
void strongswan_sas_take(struct strongswan_sas *, struct strongswan_sas *from,
                         long long int now);
void strongswan_sas_note_births(struct strongswan_sas *, long long int now);
void strongswan_sas_note_rekey(struct strongswan_sas *,
                               const struct section *);
long long int strongswan_sas_born(const struct strongswan_sas *,
                                  const struct strongswan_ike_sa *);
const struct strongswan_ike_sa *strongswan_sas_newest(
    const struct strongswan_sas *);
const struct strongswan_child_sa *strongswan_sas_find_child(
    const struct strongswan_sas *, const struct child *);
bool strongswan_sas_have_child_named(const struct strongswan_sas *,
                                     const char *name);
bool strongswan_sas_busy(const struct strongswan_sas *);

#endif /* strongswan-sa.h */
