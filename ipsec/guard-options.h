/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef GUARD_OPTIONS_H
#define GUARD_OPTIONS_H 1

/* How the guard is to work, as the database says it: ipsec_guard and
 * ipsec_transition, in an interface's options for its tunnel, in other_config
 * of table Open_vSwitch for all others, and
 * other_config:ipsec_transition_timeout.
 *
 * 'tunnel' and 'monitor' parse, 'guard-plan' makes rules of it.  No input or
 * output. */

#include <stdbool.h>
#include <stdint.h>

struct ds;
struct smap;

enum guard_mode {
    GUARD_MODE_UNSET,
    GUARD_MODE_STRICT,          /* Whoever the packets come from or go to. */
    GUARD_MODE_PEER,            /* For the addresses of tunnels only. */
    GUARD_MODE_OFF,             /* No guard; a tunnel that asks for no
                                 * encryption may be in clear. */
};

enum guard_transition {
    GUARD_TRANSITION_UNSET,
    GUARD_TRANSITION_STRICT,    /* The guard first. */
    GUARD_TRANSITION_SEAMLESS,  /* The guard when all is encrypted. */
};

struct guard_options {
    enum guard_mode mode;
    enum guard_transition transition;
};

/* Of the host. */
struct guard_settings {
    struct guard_options options;       /* Nothing unset. */
    int timeout;                /* Of the transition, in ms. */
    uint32_t mark, mark_mask;   /* Of packets that never leave unencrypted;
                                 * 0, 0: none. */
};

char *guard_options_parse(const struct smap *, const char *column,
                          struct guard_options *);
bool guard_options_equal(const struct guard_options *,
                         const struct guard_options *);
uint32_t guard_options_hash(const struct guard_options *);
void guard_options_format(const struct guard_options *, struct ds *);
bool guard_options_has(const char *name);
bool guard_options_declares_plain(const char *name, const char *value);
char *guard_settings_parse(const struct smap *other_config,
                           struct guard_settings *);

#endif /* guard-options.h */
