/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Chooses among duplicate SAs; see strongswan-duplicates.h. */

#include <config.h>

#include "strongswan-duplicates.h"

#include <stddef.h>
#include <string.h>

#include "svec.h"
#include "util.h"

#include "peer.h"
#include "strongswan-sa.h"

/* SAs that came up further apart than this, in s, did not come up because both
 * ends started at once: who made the newer one may have lost the older. */
#define SAME_TIME (STRONGSWAN_DUPLICATES_WAIT / 1000 - 1)

#define FOR_EACH_SA(SA, SAS, CHILD)                                     \
    for (size_t i_ = 0; i_ < (SAS)->n; i_++)                            \
        for (size_t j_ = 0; j_ < (SAS)->sas[i_]->n_children; j_++)      \
            if ((SA = &(SAS)->sas[i_]->children[j_],                    \
                 strongswan_child_sa_matches(SA, CHILD)))

/* Two SAs of one child are normal while one takes the place of the other. */
static bool
is_settled(const struct strongswan_sas *sas, const struct child *child)
{
    const struct strongswan_child_sa *sa;

    FOR_EACH_SA (sa, sas, child) {
        if (!sa->settled || !sas->sas[i_]->settled) {
            return false;
        }
    }
    return true;
}

static unsigned int
newest_age(const struct strongswan_sas *sas, const struct child *child)
{
    const struct strongswan_child_sa *sa;
    unsigned int age = UINT32_MAX;

    FOR_EACH_SA (sa, sas, child) {
        age = MIN(age, sa->age);
    }
    return age;
}

/* A number that both ends have for the same SA, and for no other. */
static uint64_t
spi_pair(const struct strongswan_child_sa *sa)
{
    uint32_t low = MIN(sa->spi_in, sa->spi_out);
    uint32_t high = MAX(sa->spi_in, sa->spi_out);

    return ((uint64_t) low << 32) | high;
}

/* Whoever receives what 'child' carries may have begun it for the other end in
 * an IKE_SA of its own, and wants it there. */
static bool
is_receivers(const struct strongswan_ike_sa *sa, const struct child *child)
{
    return child->dir == (sa->initiator ? CHILD_IN : CHILD_OUT);
}

/* Returns the SA of 'child' that stays, or null if there is none.  One that is
 * much older than the newest goes; among the rest, the IKE_SA decides, then
 * the lowest SPIs. */
static const struct strongswan_child_sa *
choose(const struct strongswan_sas *sas, const struct child *child)
{
    unsigned int newest = newest_age(sas, child);
    const struct strongswan_child_sa *best = NULL;
    const struct strongswan_child_sa *sa;
    bool best_is_receivers = false;

    FOR_EACH_SA (sa, sas, child) {
        bool receivers = is_receivers(sas->sas[i_], child);

        if (sa->age - newest <= SAME_TIME
            && (!best || receivers > best_is_receivers
                || (receivers == best_is_receivers
                    && spi_pair(sa) < spi_pair(best)))) {
            best = sa;
            best_is_receivers = receivers;
        }
    }
    return best;
}

static void
find_child_duplicates(const struct strongswan_sas *sas,
                      const struct child *child, struct svec *children)
{
    const struct strongswan_child_sa *best, *sa;

    if (!is_settled(sas, child)) {
        return;
    }
    best = choose(sas, child);
    FOR_EACH_SA (sa, sas, child) {
        /* What is not of this name is on its way out anyhow. */
        if (sa != best && !strcmp(sa->name, child->name)
            && !strcmp(best->name, child->name)) {
            svec_add(children, sa->unique_id);
        }
    }
}

/* An IKE_SA without children is of no use beside one that has some.  It is
 * given time to get one: returns true if one has to be looked at later. */
static bool
find_empty(const struct strongswan_sas *sas, struct svec *ikes)
{
    bool any_full = false;
    bool later = false;

    for (size_t i = 0; i < sas->n; i++) {
        any_full = any_full || (sas->sas[i]->settled
                                && sas->sas[i]->n_children);
    }
    for (size_t i = 0; any_full && i < sas->n; i++) {
        const struct strongswan_ike_sa *sa = sas->sas[i];

        if (!sa->settled || sa->n_children) {
            continue;
        }
        if (sa->age > SAME_TIME) {
            svec_add(ikes, sa->unique_id);
        } else {
            later = true;
        }
    }
    return later;
}

/* Adds to 'children' and 'ikes' the unique ids of CHILD_SAs and IKE_SAs in
 * 'sas', the SAs of 'peer', that should be ended because there are others for
 * the same.  While something is being rekeyed there are none.  Returns true if
 * the caller should look again in STRONGSWAN_DUPLICATES_WAIT ms. */
bool
strongswan_find_duplicates(const struct peer *peer,
                           const struct strongswan_sas *sas,
                           struct svec *children, struct svec *ikes)
{
    for (size_t i = 0; i < peer->n_children; i++) {
        find_child_duplicates(sas, &peer->children[i], children);
    }
    return svec_is_empty(children) && find_empty(sas, ikes);
}
