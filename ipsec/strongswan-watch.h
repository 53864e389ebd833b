/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STRONGSWAN_WATCH_H
#define STRONGSWAN_WATCH_H 1

/* Notices when somebody takes SAs or policies out of the kernel, with `ip xfrm
 * state flush` say.  charon does not, and goes on showing them as INSTALLED.
 *
 * The kernel tells of each deletion, charon's own included.  A connection
 * whose SAs or hosts a deletion names is a suspect: after a moment, in which a
 * rekey comes to its end, charon is asked for its SAs again and the kernel for
 * each one of them (strongswan_watch_check()).  No polling.
 *
 * ike-strongswan runs this; strongswan-step checks, and mends. */

#include <stdbool.h>

struct peer;
struct strongswan_child_sa;
struct strongswan_conn;
struct strongswan_conns;
struct strongswan_watch;
struct svec;

struct strongswan_watch *strongswan_watch_create(void);
void strongswan_watch_destroy(struct strongswan_watch *);
void strongswan_watch_run(struct strongswan_watch *,
                          struct strongswan_conns *, long long int now);
void strongswan_watch_wait(struct strongswan_watch *,
                           const struct strongswan_conns *);

void strongswan_watch_check(const struct strongswan_conn *,
                            struct svec *no_sa, struct svec *no_policy);

#endif /* strongswan-watch.h */
