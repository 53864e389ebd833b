/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The kernel's counters of what XFRM dropped; see xfrm-stat.h.  Their meaning
 * is in the kernel's Documentation/networking/xfrm_proc.rst. */

#include <config.h>

#include "xfrm-stat.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

static const struct {
    const char *name;
    const char *words;
} counters[] = {
    { "XfrmInError", "incoming packets dropped for other reasons" },
    { "XfrmInBufferError", "incoming packets dropped for lack of memory" },
    { "XfrmInHdrError", "incoming packets dropped with a broken header" },
    { "XfrmInNoStates", "incoming packets dropped with an unknown SPI" },
    { "XfrmInStateProtoError", "incoming packets dropped that were not "
      "encrypted with the SA's keys" },
    { "XfrmInStateModeError", "incoming packets dropped with an SA of the "
      "wrong mode" },
    { "XfrmInStateSeqError", "incoming packets dropped as replayed or too "
      "late" },
    { "XfrmInStateExpired", "incoming packets dropped with an expired SA" },
    { "XfrmInStateMismatch", "incoming packets dropped with an SA for other "
      "traffic or another encapsulation" },
    { "XfrmInStateInvalid", "incoming packets dropped with an SA that is "
      "going" },
    { "XfrmInTmplMismatch", "incoming packets dropped that a policy wants "
      "protected otherwise" },
    { "XfrmInNoPols", "incoming packets dropped that were encrypted with "
      "no policy for it" },
    { "XfrmInPolBlock", "incoming packets dropped by block policies" },
    { "XfrmInPolError", "incoming packets dropped by an error in a policy" },
    { "XfrmOutError", "outgoing packets dropped for other reasons" },
    { "XfrmOutBundleGenError", "outgoing packets dropped for want of a way to "
      "encrypt" },
    { "XfrmOutBundleCheckError", "outgoing packets dropped as their way to "
      "encrypt was outdated" },
    { "XfrmOutNoStates", "outgoing packets held because there was no SA" },
    { "XfrmOutStateProtoError", "outgoing packets dropped by an error in "
      "encryption" },
    { "XfrmOutStateModeError", "outgoing packets dropped by an error of the "
      "SA's mode" },
    { "XfrmOutStateSeqError", "outgoing packets dropped because an SA's "
      "sequence numbers were used up" },
    { "XfrmOutStateExpired", "outgoing packets dropped with an expired SA" },
    { "XfrmOutPolBlock", "outgoing packets dropped by block policies" },
    { "XfrmOutPolDead", "outgoing packets dropped by a policy that was "
      "going" },
    { "XfrmOutPolError", "outgoing packets dropped by an error in a policy" },
    { "XfrmFwdHdrError", "forwarded packets dropped with a broken header" },
    { "XfrmOutStateInvalid", "outgoing packets dropped with an SA that was "
      "going" },
    { "XfrmAcquireError", "times that no IKE daemon was asked for an SA" },
    { "XfrmOutStateDirError", "outgoing packets dropped with an SA for "
      "incoming ones" },
    { "XfrmInStateDirError", "incoming packets dropped with an SA for "
      "outgoing ones" },
};
BUILD_ASSERT_DECL(ARRAY_SIZE(counters) <= XFRM_STAT_MAX);

static uint64_t at_start[ARRAY_SIZE(counters)];

static void
note(uint64_t values[], const char *name, uint64_t value)
{
    for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
        if (!strcmp(counters[i].name, name)) {
            values[i] = value;
        }
    }
}

/* The kernel makes the file up as it is read, so that takes no time.  A kernel
 * without these counters (CONFIG_XFRM_STATISTICS) has none: all are 0. */
static void
read_all(uint64_t values[])
{
    FILE *file = fopen("/proc/net/xfrm_stat", "re");
    char name[64];
    uint64_t value;

    memset(values, 0, ARRAY_SIZE(counters) * sizeof *values);
    if (file) {
        while (fscanf(file, "%63s %"SCNu64, name, &value) == 2) {
            note(values, name, value);
        }
        fclose(file);
    }
}

/* From now on is counted. */
void
xfrm_stat_start(void)
{
    read_all(at_start);
}

/* Fills in 'stats' with the counters that are not 0, and returns how many
 * these are. */
size_t
xfrm_stat_get(struct xfrm_stat stats[XFRM_STAT_MAX])
{
    uint64_t now[ARRAY_SIZE(counters)];
    size_t n = 0;

    read_all(now);
    for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
        if (now[i] > at_start[i]) {
            stats[n++] = (struct xfrm_stat) {
                .name = counters[i].name,
                .words = counters[i].words,
                .count = now[i] - at_start[i],
            };
        }
    }
    return n;
}

/* Appends to 'ds' an indented line for each counter that is not 0. */
void
xfrm_stat_format(struct ds *ds)
{
    struct xfrm_stat stats[XFRM_STAT_MAX];
    size_t n = xfrm_stat_get(stats);

    for (size_t i = 0; i < n; i++) {
        ds_put_format(ds, "  %"PRIu64" %s on this host, of anybody (%s)\n",
                      stats[i].count, stats[i].words, stats[i].name);
    }
}
