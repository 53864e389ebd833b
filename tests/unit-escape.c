/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/escape: what tells that packets leave past IPsec, and what does
 * not. */

#include <config.h>

#include "escape.h"

#include <string.h>

#include "unit.h"

#define DEVICE "genev_sys_6081"

/* A look at a device with two SAs. */
static bool
look(struct escapes *e, bool comparable, uint32_t spi, uint64_t packets,
     uint64_t sent)
{
    escapes_begin(e);
    escapes_note(e, DEVICE, true);
    escapes_note(e, DEVICE, comparable);
    escapes_note_sa(e, DEVICE, spi, packets);
    escapes_note_sa(e, DEVICE, 7, 3);
    escapes_judge(e, DEVICE, sent);
    return escapes_find(e, DEVICE) != NULL;
}

void
unit_escape(void)
{
    struct escapes e;

    escapes_init(&e);
    CHECK(!escapes_any(&e) && !escapes_find(&e, DEVICE));

    /* What was sent before the first look may have been in clear. */
    CHECK(!look(&e, true, 1, 0, 1000));
    CHECK(!look(&e, true, 1, 0, 1000));
    CHECK(!look(&e, true, 1, 0, 1009));
    CHECK(look(&e, true, 1, 0, 1010));
    CHECK(strstr(escapes_any(&e), DEVICE " has sent 10 packets") != NULL);
    CHECK(look(&e, true, 1, 0, 1010));

    /* What an SA carries ends it. */
    CHECK(!look(&e, true, 1, 1, 1020));
    CHECK(look(&e, true, 1, 1, 1030));

    /* So does another SA, whose packets are counted anew. */
    CHECK(!look(&e, true, 2, 1, 1040));
    CHECK(!look(&e, true, 1, 0, 1080));
    CHECK(!look(&e, true, 1, 100, 1180));
    CHECK(!look(&e, true, 1, 200, 1280));

    /* A device that was made anew. */
    CHECK(!look(&e, true, 1, 200, 5));
    CHECK(!look(&e, true, 1, 200, 14));
    CHECK(look(&e, true, 1, 200, 15));

    /* With tunnels in clear, or some that are down, nothing can be told, and
     * afterwards one begins anew. */
    CHECK(!look(&e, false, 1, 200, 100));
    CHECK(!look(&e, false, 1, 200, 200));
    CHECK(!look(&e, true, 1, 200, 300));
    CHECK(look(&e, true, 1, 200, 310));

    /* The host that runs this has no such device. */
    escapes_begin(&e);
    escapes_end(&e);
    CHECK(!escapes_any(&e));

    /* But it has this one, whose counters are read. */
    escapes_begin(&e);
    escapes_note(&e, "lo", true);
    escapes_end(&e);
    CHECK(!escapes_any(&e));
    escapes_destroy(&e);
}
