/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* What this kernel has that beats the guard; see leaks.h. */

#include <config.h>

#include "leaks.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "packets.h"
#include "util.h"

#include "bypass.h"
#include "guard.h"
#include "route-source.h"
#include "xfrm.h"

/* How often, in ms, the switches of interfaces are looked at when the process
 * is busy. */
#define LOOK_INTERVAL 1000

struct leaks {
    const struct guard *guard;
    unsigned int seqno;         /* Of its bypasses, at the last
                                 * leaks_run(). */
    long long int next_look;    /* ms; at the switches. */
    bool look_due;              /* It would have been before that. */
    struct shash interfaces;    /* Contains "struct leaky_interface"s. */
};

/* An interface by which a peer is reached. */
struct leaky_interface {
    int family;
    unsigned int ifindex;
    char name[IF_NAMESIZE];
    char *reason;               /* What is wrong with it, or null. */
};

/* Returns the switch 'name' of 'interface' (or "all") for 'family'; false
 * also if there is none.  The kernel makes the file up as it is read, so that
 * takes no time. */
static bool
read_switch(int family, const char *interface, const char *name)
{
    char *path = xasprintf("/proc/sys/net/%s/conf/%s/%s",
                           family == AF_INET ? "ipv4" : "ipv6", interface,
                           name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char c = '0';

    if (fd >= 0) {
        ignore(read(fd, &c, 1));
        close(fd);
    }
    free(path);
    return c != '0';
}

static char *
describe_switch(int family, const char *interface, const char *name,
                const char *effect)
{
    return xasprintf("net.%s.conf.%s.%s=1 %s: set it to 0",
                     family == AF_INET ? "ipv4" : "ipv6", interface, name,
                     effect);
}

/* Linux looks at disable_xfrm of the interface that packets leave by, over
 * IPv4 only, and at disable_policy of the one they arrive by, newer versions
 * also at those of "all".  The interface to the peer stands for both. */
static char *
find_switch(int family, const char *interface)
{
    static const char in[] = "lets packets from outside in unencrypted";
    static const char out[] = "lets packets leave unencrypted";

    if (read_switch(family, interface, "disable_xfrm")) {
        return describe_switch(family, interface, "disable_xfrm", out);
    }
    if (read_switch(family, "all", "disable_xfrm")) {
        return describe_switch(family, "all", "disable_xfrm", out);
    }
    if (read_switch(family, interface, "disable_policy")) {
        return describe_switch(family, interface, "disable_policy", in);
    }
    if (read_switch(family, "all", "disable_policy")) {
        return describe_switch(family, "all", "disable_policy", in);
    }
    return NULL;
}

static char *
find_policy(const struct guard *guard, const struct guard_selector *s,
            const struct in6_addr *local, const struct in6_addr *remote)
{
    const struct xfrm_policy *policy
        = bypasses_find(guard_get_bypasses(guard), s, local, remote);
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (!policy) {
        return NULL;
    }
    ds_put_cstr(&ds, "an XFRM policy of somebody else lets its packets pass "
                "unencrypted (");
    bypass_format(policy, &ds);
    ds_put_cstr(&ds, "): remove it, or make it not match");
    return ds_steal_cstr(&ds);
}

/* Makes a set of what was found on this host, with nothing in it.  'guard'
 * must outlive it. */
struct leaks *
leaks_create(const struct guard *guard)
{
    struct leaks *leaks = xzalloc(sizeof *leaks);

    leaks->guard = guard;
    shash_init(&leaks->interfaces);
    return leaks;
}

static void
forget_interfaces(struct leaks *leaks)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &leaks->interfaces) {
        struct leaky_interface *interface = node->data;
        free(interface->reason);
    }
    shash_clear_free_data(&leaks->interfaces);
}

/* Frees 'leaks', which may be null. */
void
leaks_destroy(struct leaks *leaks)
{
    if (leaks) {
        forget_interfaces(leaks);
        shash_destroy(&leaks->interfaces);
        free(leaks);
    }
}

/* Returns what is wrong with the interface to 'remote', as it was when it was
 * asked for first since the last leaks_run() that found a change. */
static const char *
find_interface(struct leaks *leaks, int family, const struct in6_addr *remote)
{
    struct leaky_interface *interface;
    char name[IF_NAMESIZE];
    unsigned int ifindex;
    char *key;

    if (route_source_lookup_interface(remote, &ifindex)) {
        return NULL;
    }
    key = xasprintf("%d %u", family, ifindex);
    interface = shash_find_data(&leaks->interfaces, key);
    if (!interface && if_indextoname(ifindex, name)) {
        interface = xzalloc(sizeof *interface);
        interface->family = family;
        interface->ifindex = ifindex;
        ovs_strlcpy(interface->name, name, sizeof interface->name);
        interface->reason = find_switch(family, name);
        shash_add(&leaks->interfaces, key, interface);
    }
    free(key);
    return interface ? interface->reason : NULL;
}

/* Returns why packets of 's' between 'local' and 'remote' can be in clear on
 * this host and what to do about it, in words, which the caller frees, or
 * null.  in6addr_any for 'local' stands for one that is not known. */
char *
leaks_find(struct leaks *leaks, const struct guard_selector *s,
           const struct in6_addr *local, const struct in6_addr *remote)
{
    char *reason = find_policy(leaks->guard, s, local, remote);

    return (reason ? reason
            : nullable_xstrdup(find_interface(leaks, s->family, remote)));
}

static bool
interfaces_changed(const struct leaks *leaks)
{
    const struct shash_node *node;
    bool changed = false;

    SHASH_FOR_EACH (node, &leaks->interfaces) {
        const struct leaky_interface *interface = node->data;
        char *reason = find_switch(interface->family, interface->name);
        char name[IF_NAMESIZE];

        changed |= (!nullable_string_is_equal(reason, interface->reason)
                    || !if_indextoname(interface->ifindex, name)
                    || strcmp(name, interface->name));
        free(reason);
    }
    return changed;
}

/* Returns true if leaks_find() may have other answers at 'now', in ms.  Its
 * cost does not grow with the number of tunnels, but with that of interfaces
 * that they use.  The kernel tells nobody when somebody turns one of these
 * switches, so call this whenever something else has woken the process. */
bool
leaks_run(struct leaks *leaks, long long int now)
{
    unsigned int seqno = guard_get_bypasses(leaks->guard)->seqno;

    leaks->look_due = now < leaks->next_look;
    if (seqno == leaks->seqno) {
        if (leaks->look_due) {
            return false;
        }
        leaks->next_look = now + LOOK_INTERVAL;
        if (!interfaces_changed(leaks)) {
            return false;
        }
    }
    leaks->seqno = seqno;
    forget_interfaces(leaks);
    return true;
}

/* Wakes the poll loop when leaks_run() has something to look at that it left
 * for later. */
void
leaks_wait(const struct leaks *leaks)
{
    if (leaks->look_due && !shash_is_empty(&leaks->interfaces)) {
        poll_timer_wait_until(leaks->next_look);
    }
}
