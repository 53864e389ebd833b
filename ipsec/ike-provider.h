/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef IKE_PROVIDER_H
#define IKE_PROVIDER_H 1

/* What an IKE back end implements.
 *
 * Only 'ike' calls this, for 'monitor'.  It states what should be; the back
 * end finds the way there however often its daemon restarts, and shows what
 * is.  Failure is state, seen by 'get'.  Nothing here blocks.
 *
 * A back end touches nothing of its daemon before the first 'commit': until
 * then the wishes are not complete, and what nobody has wished for yet would
 * look superfluous. */

#include <stdbool.h>

#include "ike.h"

struct peer;
struct svec;

struct ike_class {
    const char *name;           /* As after --ike-daemon=. */

    /* Makes a back end that talks to its daemon by 'options'; the daemon may
     * be down.  Returns 0 and gives '*ikep' to the caller, or a positive
     * errno. */
    int (*open)(const struct ike_options *options, struct ike **ikep);

    /* Frees 'ike'.  SAs stay: our restart must not cut traffic. */
    void (*close)(struct ike *ike);

    /* For before the first 'commit': finds out, if it has not been called
     * before, what SAs the daemon has, and returns true when that is known.
     * False for as long as the daemon does not answer. */
    bool (*look)(struct ike *ike);

    /* True if the daemon had an SA with the addresses and the peer's identity
     * of 'p' when 'look' found out. */
    bool (*had_sa)(const struct ike *ike, const struct peer *p);

    /* From now on 'name' should be as 'p', or gone if 'p' is null.  Takes a
     * reference to 'p'.  Overrides a wish under way; repeating one costs
     * nothing. */
    void (*set)(struct ike *ike, const char *name, const struct peer *p);

    /* From now on these are the CRLs of our CAs, in PEM.  Copies 'crls';
     * stating the same costs nothing. */
    void (*set_crls)(struct ike *ike, const struct svec *crls);

    /* All wishes of the moment have been stated. */
    void (*commit)(struct ike *ike);

    /* Traffic to 'name' is being held: bring it up before the others. */
    void (*hurry)(struct ike *ike, const char *name);

    /* Sends wishes and takes in answers, for a few ms at most; 'wait' wakes
     * the poll loop when there is more. */
    void (*run)(struct ike *ike);
    void (*wait)(struct ike *ike);

    /* Fills in '*state' as of the last 'run'.  Its strings are owned by
     * 'ike', good until the next 'run'.  Returns ENOENT if nobody wished for
     * 'name'. */
    int (*get)(const struct ike *ike, const char *name,
               struct ike_state *state);

    /* Fills in '*state' for 'child' of 'name' likewise. */
    int (*get_child)(const struct ike *ike, const char *name,
                     const char *child, struct ike_child_state *state);

    /* Fills in '*counts' in constant time. */
    void (*get_counts)(const struct ike *ike, struct ike_counts *counts);

    /* Null if the daemon answers and all files are written, otherwise what is
     * wrong, in words; owned by 'ike'. */
    const char *(*get_error)(const struct ike *ike);

    /* True when the daemon has nothing of ours that nobody wishes for. */
    bool (*is_clean)(const struct ike *ike);
};

/* The first member of each back end's own struct. */
struct ike {
    const struct ike_class *class;
};

extern const struct ike_class ike_strongswan_class;

#endif /* ike-provider.h */
