/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* What this kernel has that beats the guard; see leak.h. */

#include <config.h>

#include "leak.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

#include "bypass.h"
#include "guard.h"
#include "route-source.h"
#include "xfrm.h"

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
 * also at that of "all".  The interface to the peer stands for both. */
static char *
find_switch(int family, const char *interface)
{
    static const char in[] = "lets packets from outside in unencrypted";

    if (read_switch(family, interface, "disable_xfrm")) {
        return describe_switch(family, interface, "disable_xfrm",
                               "lets packets leave unencrypted");
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

/* Returns why packets of 's' between 'local' and 'remote' can be in clear on
 * this host and what to do about it, in words, which the caller frees, or
 * null.  in6addr_any for 'local' stands for one that is not known. */
char *
leak_find(const struct guard *guard, const struct guard_selector *s,
          const struct in6_addr *local, const struct in6_addr *remote)
{
    char *reason = find_policy(guard, s, local, remote);
    char interface[IF_NAMESIZE];
    unsigned int ifindex;

    if (reason || route_source_lookup_interface(remote, &ifindex)
        || !if_indextoname(ifindex, interface)) {
        return reason;
    }
    return find_switch(s->family, interface);
}
