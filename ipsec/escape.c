/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Whether tunnel packets are seen to leave past IPsec; see escape.h. */

#include <config.h>

#include "escape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "hash.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(escape);

/* So many packets that no SA has carried are no coincidence. */
#define MIN_PACKETS 10

/* What the SAs of a device have carried, as far as one can tell whether it is
 * the same that it was. */
struct carried {
    uint64_t packets;
    uint32_t spis;              /* A hash. */
};

struct escape {
    bool seen;                  /* In the look that is under way. */
    bool comparable;            /* All of the device's packets should be
                                 * carried. */
    struct carried now, before;
    bool has_before;
    uint64_t sent_before;       /* By the device, when it was 'before'. */
    char *reason;               /* Of the last look, or null. */
};

/* Makes 'e' know of nothing. */
void
escapes_init(struct escapes *e)
{
    shash_init(&e->devices);
}

static void
remove_device(struct escapes *e, struct shash_node *node)
{
    struct escape *escape = node->data;

    free(escape->reason);
    free(escape);
    shash_delete(&e->devices, node);
}

/* Frees what is in 'e'. */
void
escapes_destroy(struct escapes *e)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &e->devices) {
        remove_device(e, node);
    }
    shash_destroy(&e->devices);
}

/* Begins a look, in which every device and each of its SAs is noted. */
void
escapes_begin(struct escapes *e)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &e->devices) {
        struct escape *escape = node->data;

        escape->seen = false;
        escape->comparable = true;
        memset(&escape->now, 0, sizeof escape->now);
    }
}

/* A tunnel of 'device' is to be encrypted.  'comparable': there are SAs for
 * all that it sends.  A packet that is held for want of one is counted as sent
 * by the device. */
void
escapes_note(struct escapes *e, const char *device, bool comparable)
{
    struct escape *escape = shash_find_data(&e->devices, device);

    if (!escape) {
        escape = xzalloc(sizeof *escape);
        escape->comparable = true;
        shash_add(&e->devices, device, escape);
    }
    escape->seen = true;
    escape->comparable &= comparable;
}

/* An SA for what 'device', which has been noted, sends has carried 'packets'.
 * Each is noted once. */
void
escapes_note_sa(struct escapes *e, const char *device, uint32_t spi,
                uint64_t packets)
{
    struct escape *escape = shash_find_data(&e->devices, device);

    escape->now.packets += packets;
    /* In whatever order they come. */
    escape->now.spis += hash_int(spi, 0);
}

static void
set_reason(struct escape *escape, const char *device, uint64_t packets)
{
    bool first = !escape->reason;

    free(escape->reason);
    escape->reason = xasprintf(
        "%s has sent %"PRIu64" packets that no SA has carried: the kernel "
        "sends them past IPsec.  For Geneve that is Linux before 5.9 without "
        "the mend of CVE-2020-25645: boot another kernel.  Otherwise look for "
        "somebody's policies for marked packets in `ip xfrm policy`",
        device, packets);
    if (first) {
        VLOG_WARN("UNPROTECTED: %s", escape->reason);
    }
}

/* Judges 'device', which has sent 'sent' packets since it was made.  Public
 * for tests. */
void
escapes_judge(struct escapes *e, const char *device, uint64_t sent)
{
    struct escape *escape = shash_find_data(&e->devices, device);
    bool same = (escape->has_before && sent >= escape->sent_before
                 && escape->now.packets == escape->before.packets
                 && escape->now.spis == escape->before.spis);

    if (!escape->comparable) {
        escape->has_before = false;
    } else if (!same) {
        escape->before = escape->now;
        escape->sent_before = sent;
        escape->has_before = true;
    } else if (sent - escape->sent_before >= MIN_PACKETS) {
        set_reason(escape, device, sent - escape->sent_before);
        return;
    } else {
        return;
    }
    free(escape->reason);
    escape->reason = NULL;
}

/* Judges the device that 'line' of /proc/net/dev is about, if it has been
 * noted: its name, a colon, eight counters of what it received, of what it
 * sent bytes and packets. */
static void
judge_line(struct escapes *e, const char *line)
{
    char device[64];
    uint64_t sent;

    if (sscanf(line, " %63[^: ]: %*u %*u %*u %*u %*u %*u %*u %*u %*u %"SCNu64,
               device, &sent) == 2
        && shash_find(&e->devices, device)) {
        escapes_judge(e, device, sent);
    }
}

/* Ends a look.  The kernel makes the file up as it is read, so that takes no
 * time. */
void
escapes_end(struct escapes *e)
{
    struct shash_node *node;
    char line[512];
    FILE *file;

    SHASH_FOR_EACH_SAFE (node, &e->devices) {
        const struct escape *escape = node->data;

        if (!escape->seen) {
            remove_device(e, node);
        }
    }
    if (shash_is_empty(&e->devices)) {
        return;
    }
    file = fopen("/proc/net/dev", "re");
    if (!file) {
        VLOG_WARN_ONCE("/proc/net/dev: %s: not looking for tunnel packets "
                       "that pass IPsec by", ovs_strerror(errno));
        return;
    }
    while (fgets(line, sizeof line, file)) {
        judge_line(e, line);
    }
    fclose(file);
}

/* Returns what is wrong with 'device' in words, owned by 'e' until the next
 * look, or null. */
const char *
escapes_find(const struct escapes *e, const char *device)
{
    const struct escape *escape = shash_find_data(&e->devices, device);

    return escape ? escape->reason : NULL;
}

/* Returns what is wrong with any device, or null. */
const char *
escapes_any(const struct escapes *e)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &e->devices) {
        const struct escape *escape = node->data;

        if (escape->reason) {
            return escape->reason;
        }
    }
    return NULL;
}
