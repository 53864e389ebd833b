/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STRONGSWAN_SWEEP_H
#define STRONGSWAN_SWEEP_H 1

/* Takes SAs and policies out of the kernel that a charon left there which was
 * killed: charon never does, and they would go on catching packets.
 *
 * ike-strongswan adds a peer whenever its connection has come up or gone, for
 * only then is it known what should be there.  What belongs to it is
 * collected from the kernel, and after a while, in which a negotiation under
 * way has come to its end, what charon does not list of that is deleted.  An
 * SA newer than the collection is never touched.
 *
 *     collecting: peers -> candidates ... waiting ... charon's list -> delete
 */

#include <netinet/in.h>
#include <stdbool.h>

struct peer;
struct sset;
struct strongswan_sas;
struct strongswan_sweep;

struct strongswan_sweep *strongswan_sweep_create(void);
void strongswan_sweep_destroy(struct strongswan_sweep *);

void strongswan_sweep_add(struct strongswan_sweep *, const struct peer *,
                          long long int now);
bool strongswan_sweep_run(struct strongswan_sweep *, long long int now);
void strongswan_sweep_wait(const struct strongswan_sweep *);
void strongswan_sweep_reset(struct strongswan_sweep *, long long int now);
void strongswan_sweep_finish(struct strongswan_sweep *,
                             const struct strongswan_sas *listed);
void strongswan_sweep_finish_without(struct strongswan_sweep *,
                                     const struct sset *wanted);
char *strongswan_sweep_pair(const struct in6_addr *,
                            const struct in6_addr *);

#endif /* strongswan-sweep.h */
