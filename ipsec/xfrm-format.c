/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Writes XFRM policies and SAs as text; see xfrm-format.h. */

#include <config.h>

#include "xfrm-format.h"

#include <inttypes.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

#include "xfrm.h"

static void
put_proto(uint8_t proto, struct ds *ds)
{
    static const char *const names[] = {
        [IPPROTO_ICMP] = "icmp", [IPPROTO_TCP] = "tcp",
        [IPPROTO_UDP] = "udp", [IPPROTO_GRE] = "gre",
        [IPPROTO_ESP] = "esp", [IPPROTO_AH] = "ah",
        [IPPROTO_ICMPV6] = "ipv6-icmp", [IPPROTO_COMP] = "comp",
    };

    if (proto < ARRAY_SIZE(names) && names[proto]) {
        ds_put_cstr(ds, names[proto]);
    } else {
        ds_put_format(ds, "%"PRIu8, proto);
    }
}

static void
put_address(const char *label, const struct in6_addr *address, int family,
            struct ds *ds)
{
    ds_put_format(ds, "%s ", label);
    if (family == AF_INET && !ipv6_addr_is_set(address)) {
        ds_put_cstr(ds, "0.0.0.0");
    } else {
        ipv6_format_mapped(address, ds);
    }
}

static void
put_ts(const struct xfrm_ts *ts, struct ds *ds)
{
    put_address("src", &ts->src, ts->family, ds);
    ds_put_format(ds, "/%"PRIu8" ", ts->src_plen);
    put_address("dst", &ts->dst, ts->family, ds);
    ds_put_format(ds, "/%"PRIu8, ts->dst_plen);
    if (ts->proto) {
        ds_put_cstr(ds, " proto ");
        put_proto(ts->proto, ds);
    }
    if (ts->src_port) {
        ds_put_format(ds, " sport %"PRIu16, ts->src_port);
    }
    if (ts->dst_port) {
        ds_put_format(ds, " dport %"PRIu16, ts->dst_port);
    }
}

/* Appends 'policy' to 'ds', without a line feed. */
void
xfrm_format_policy(const struct xfrm_policy *policy, struct ds *ds)
{
    put_ts(&policy->ts, ds);
    ds_put_format(ds, " dir %s action %s priority %"PRIu32,
                  policy->dir == XFRM_IN ? "in"
                  : policy->dir == XFRM_OUT ? "out"
                  : policy->dir == XFRM_FWD ? "fwd" : "socket",
                  policy->block ? "block" : "allow", policy->priority);
    if (policy->template == XFRM_ESP_TRANSPORT) {
        ds_put_format(ds, " tmpl proto esp reqid %"PRIu32" mode transport",
                      policy->reqid);
    } else if (policy->template == XFRM_OTHER_TEMPLATE) {
        ds_put_cstr(ds, " tmpl");
    }
}

/* Appends 'sa' to 'ds', without a line feed. */
void
xfrm_format_sa(const struct xfrm_sa *sa, struct ds *ds)
{
    ds_put_cstr(ds, "sel ");
    put_ts(&sa->ts, ds);
    put_address(" sa src", &sa->src, sa->family, ds);
    put_address(" dst", &sa->dst, sa->family, ds);
    ds_put_cstr(ds, " proto ");
    put_proto(sa->proto, ds);
    ds_put_format(ds, " spi 0x%08"PRIx32" reqid %"PRIu32, sa->spi, sa->reqid);
    if (sa->larval) {
        ds_put_cstr(ds, " larval");
        return;
    }
    ds_put_format(ds, " %s bytes %"PRIu64" packets %"PRIu64, sa->algorithm,
                  sa->bytes, sa->packets);
}
