/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STRONGSWAN_JUDGE_H
#define STRONGSWAN_JUDGE_H 1

/* What to do about a connection that charon has loaded, decided from values
 * alone: the peer that is wished for, the SAs that charon lists, and the
 * time.  ike-strongswan does it.  No input or output, no clock. */

#include <stdbool.h>

#include "svec.h"

struct peer;
struct strongswan_sas;

/* The first wait between attempts, in ms; later ones grow. */
#define STRONGSWAN_BACKOFF_MIN 1000

/* How long, in ms, the end with the larger address lets the other one start
 * what either could. */
#define STRONGSWAN_YIELD 1500

/* Our attempts to bring up what we send.  All zeros to begin with. */
struct strongswan_attempt {
    long long int at;           /* ms; when the last one was made. */
    long long int next;         /* ms; none before, unless in a hurry. */
    long long int since;        /* ms; when something to start was first
                                 * missing, 0: nothing is. */
    unsigned int tries;         /* In a row, in vain. */
    bool hurry;                 /* Traffic is waiting. */
};

struct strongswan_verdict {
    struct svec end_ikes;       /* Unique ids of IKE_SAs to end. */
    struct svec end_children;   /* Unique ids of CHILD_SAs to end. */
    struct svec end_superfluous; /* Likewise, ones that are not needed any
                                  * more. */
    struct svec initiate;       /* Names of children to initiate now. */
    bool sending;               /* All that we send can leave. */
    bool receiving;             /* All that we receive can come in. */
    bool moving;                /* Some of 'initiate' is there, but in an
                                 * IKE_SA that the peer leaves. */
    bool under_way;             /* An attempt may still succeed. */
    long long int again;        /* ms; when to judge again, LLONG_MAX: when
                                 * something happens. */
    const char *error;          /* What was found wrong, or null. */
};

void strongswan_verdict_init(struct strongswan_verdict *);
void strongswan_verdict_uninit(struct strongswan_verdict *);

void strongswan_judge(const struct peer *, const struct strongswan_sas *,
                      const struct strongswan_attempt *, long long int now,
                      struct strongswan_verdict *);
bool strongswan_receives_by_replaced(const struct peer *,
                                     const struct strongswan_sas *);
void strongswan_attempt_made(struct strongswan_attempt *, long long int now);
void strongswan_attempt_note(struct strongswan_attempt *,
                             const struct strongswan_verdict *,
                             long long int now);

#endif /* strongswan-judge.h */
