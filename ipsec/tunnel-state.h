/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef TUNNEL_STATE_H
#define TUNNEL_STATE_H 1

/* Whether a tunnel is up, and if not, why: decided from values alone, with no
 * input or output and no clock.  'status' collects the values. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ike.h"

enum tunnel_state {
    TUNNEL_UP,                  /* Each child has its SAs. */
    TUNNEL_DOWN,
    TUNNEL_INVALID,             /* What the row asks for cannot be had. */
    TUNNEL_UNPROTECTED,         /* Its packets are, or may be, in clear. */
};

/* One child of the tunnel. */
struct tunnel_child_facts {
    bool sends, receives;       /* Which of the tunnel's packets it is for. */
    bool installed;             /* The IKE daemon says so. */
    bool in_kernel;             /* So does the kernel, for both ways. */
    uint64_t packets_out;       /* That left by it. */
    uint64_t packets_in;        /* That arrived by it. */
    long long int sending;      /* s since the first one left; 0: none has. */
};

struct tunnel_facts {
    const char *invalid;        /* Why the row is INVALID, or null. */
    const char *unprotected;    /* Why IPsec cannot help, or null. */
    const char *unguarded;      /* Why nothing holds its packets while it has
                                 * no SAs, or null. */
    const char *error;          /* Why there is no peer, or null. */
    bool has_peer;
    const char *ike_error;      /* What is wrong with the IKE daemon as a
                                 * whole, or null. */
    struct ike_state ike;       /* If 'has_peer'. */
    bool kernel_known;          /* 'in_kernel' and the packets are facts. */
    const struct tunnel_child_facts *children;
    size_t n_children;
};

struct tunnel_verdict {
    enum tunnel_state state;
    bool up;                    /* For TUNNEL_INVALID: what it was when it was
                                 * last valid is up. */
    const char *reason;         /* Why it is not up; null if it is. */
    const char *warning;        /* Null, or what is wrong all the same. */
};

void tunnel_judge(const struct tunnel_facts *, struct tunnel_verdict *);
const char *tunnel_state_name(enum tunnel_state);

#endif /* tunnel-state.h */
