/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Hands calls on to the IKE back end that was chosen by name; see ike.h. */

#include <config.h>

#include "ike.h"

#include <string.h>

#include "util.h"

#include "ike-provider.h"

static const struct ike_class *const classes[] = {
    &ike_strongswan_class,
};

static const struct ike_class *
find_class(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        if (!strcmp(classes[i]->name, name)) {
            return classes[i];
        }
    }
    return NULL;
}

/* Returns true if there is a back end called 'name'. */
bool
ike_exists(const char *name)
{
    return find_class(name) != NULL;
}

/* Opens the back end called 'name', which must exist, with 'options', which
 * need not outlive the call.  Returns 0 and gives '*ikep' to the caller, or a
 * positive errno. */
int
ike_open(const char *name, const struct ike_options *options,
         struct ike **ikep)
{
    return find_class(name)->open(options, ikep);
}

/* See ike-provider.h for this and the following functions. */
void
ike_close(struct ike *ike)
{
    if (ike) {
        ike->class->close(ike);
    }
}

bool
ike_look(struct ike *ike)
{
    return ike->class->look(ike);
}

bool
ike_had_sa(const struct ike *ike, const struct peer *peer)
{
    return ike->class->had_sa(ike, peer);
}

void
ike_set(struct ike *ike, const char *name, const struct peer *peer)
{
    ike->class->set(ike, name, peer);
}

void
ike_set_crls(struct ike *ike, const struct svec *crls)
{
    ike->class->set_crls(ike, crls);
}

void
ike_commit(struct ike *ike)
{
    ike->class->commit(ike);
}

void
ike_hurry(struct ike *ike, const char *name)
{
    ike->class->hurry(ike, name);
}

void
ike_run(struct ike *ike)
{
    ike->class->run(ike);
}

void
ike_wait(struct ike *ike)
{
    ike->class->wait(ike);
}

int
ike_get(const struct ike *ike, const char *name, struct ike_state *state)
{
    return ike->class->get(ike, name, state);
}

int
ike_get_child(const struct ike *ike, const char *name, const char *child,
              struct ike_child_state *state)
{
    return ike->class->get_child(ike, name, child, state);
}

void
ike_get_counts(const struct ike *ike, struct ike_counts *counts)
{
    ike->class->get_counts(ike, counts);
}

const char *
ike_get_error(const struct ike *ike)
{
    return ike->class->get_error(ike);
}

bool
ike_is_clean(const struct ike *ike)
{
    return ike->class->is_clean(ike);
}
