/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STRONGSWAN_DUPLICATES_H
#define STRONGSWAN_DUPLICATES_H 1

/* Which of several SAs for the same thing stays.
 *
 * Both ends may have started one: GRE's only child, or a peer that starts what
 * it receives, too.  Both ends see the same pairs of SPIs, and so come to the
 * same result by a rule on these alone.  strongswan-judge calls this.  No
 * input or output, no clock. */

#include <stdbool.h>

struct peer;
struct strongswan_sas;
struct svec;

#define STRONGSWAN_DUPLICATES_WAIT 6000

bool strongswan_find_duplicates(const struct peer *,
                                const struct strongswan_sas *,
                                struct svec *children, struct svec *ikes);

#endif /* strongswan-duplicates.h */
