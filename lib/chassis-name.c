/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The alphabet of chassis names.
 *
 * A name comes from the southbound database, that is, from another host, and
 * ends up as an IKE identity.  charon gives some names a meaning: "*" and
 * "%any" match every certificate of the CA, an IP literal or a "C=US" is not
 * taken as a host name.  So names are held to an alphabet in which none of
 * that can be said.  ovs-monitor-ipsec and ovn-controller ask here;
 * ovs-pki holds to the same alphabet in shell. */

#include <config.h>

#include "chassis-name.h"

#include <string.h>

#include "packets.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

#define CHASSIS_NAME_MAX 64

static bool
is_alnum(char c)
{
    return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9'));
}

static bool
is_address(const char *name)
{
    struct in6_addr ip6;
    ovs_be32 ip4;

    return ip_parse(name, &ip4) || ipv6_parse(name, &ip6);
}

/* Returns null if 'name' can be a chassis's IKE identity, otherwise the
 * reason, in words that follow the name in a sentence, which the caller must
 * free.  'name' is null-terminated and may be hostile; it does not occur in
 * the answer. */
char *
chassis_name_check(const char *name)
{
    size_t length = strlen(name);

    if (!length) {
        return xstrdup("is empty");
    }
    if (length > CHASSIS_NAME_MAX) {
        return xasprintf("has %"PRIuSIZE" characters, more than %d",
                         length, CHASSIS_NAME_MAX);
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_alnum(name[i]) && !strchr("._-", name[i])) {
            return xasprintf("has a character other than letters, digits, "
                             "'.', '_' and '-' (byte 0x%02x at %"PRIuSIZE")",
                             (unsigned char) name[i], i);
        }
    }
    if (!is_alnum(name[0]) || !is_alnum(name[length - 1])) {
        return xstrdup("does not begin and end with a letter or digit");
    }
    if (is_address(name)) {
        return xstrdup("is an IP address, not a name");
    }
    return NULL;
}
