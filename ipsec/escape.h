/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef ESCAPE_H
#define ESCAPE_H 1

/* Whether tunnel packets are seen to leave past IPsec, whatever is configured
 * and negotiated.  Linux before 5.9, unless it has been mended, looks up
 * routes for Geneve without ports, so that no policy for a port is found
 * (CVE-2020-25645); somebody's policies for marked packets do the same.
 *
 * Packets of a datapath's tunnel device that no SA has carried tell.  Two
 * looks are needed.  'status' takes one whenever somebody asks for the
 * tunnels. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/shash.h"

struct escapes {
    struct shash devices;       /* Name -> struct escape. */
};

void escapes_init(struct escapes *);
void escapes_destroy(struct escapes *);

void escapes_begin(struct escapes *);
void escapes_note(struct escapes *, const char *device, bool comparable);
void escapes_note_sa(struct escapes *, const char *device, uint32_t spi,
                     uint64_t packets);
void escapes_end(struct escapes *);
void escapes_judge(struct escapes *, const char *device, uint64_t sent);

const char *escapes_find(const struct escapes *, const char *device);
const char *escapes_any(const struct escapes *);

#endif /* escape.h */
