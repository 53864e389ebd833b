/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See local-config.h.  The keys are those of ovn-controller(8). */

#include <config.h>

#include "ovn/controller/local-config.h"

#include <stdlib.h>
#include <unistd.h>

#include "ovn/controller/br-int.h"
#include "ovn/controller/ovn-vswitch-idl.h"
#include "packets.h"
#include "smap.h"
#include "socket-util.h"
#include "svec.h"
#include "util.h"

/* The worst first. */
static const char *const tunnel_types[] = { "vxlan", "stt", "geneve" };

int
tunnel_type_rank(const char *type)
{
    for (size_t i = 0; i < ARRAY_SIZE(tunnel_types); i++) {
        if (!strcmp(type, tunnel_types[i])) {
            return i + 1;
        }
    }
    return 0;
}

/* Returns IP_FAMILY_NONE if 'ip' is not the address of a host. */
enum ip_family
ip_family(const char *ip)
{
    struct in6_addr ip6;
    ovs_be32 ip4;

    if (ip_parse(ip, &ip4)) {
        return (!ip4 || ip_is_multicast(ip4) || ip4 == OVS_BE32_MAX
                ? IP_FAMILY_NONE : IP_FAMILY_IPV4);
    }
    return (ipv6_parse(ip, &ip6) && ipv6_addr_is_set(&ip6)
            && !ipv6_addr_is_multicast(&ip6)
            ? IP_FAMILY_IPV6 : IP_FAMILY_NONE);
}

/* The row and what local_config_read() found out so far. */
struct reader {
    const struct smap *ids;
    const char *chassis;        /* May be null. */
    struct troubles *troubles;
};

/* Returns the value of 'key', that of 'key'-CHASSIS before all; null if it
 * is absent or empty. */
static const char *
get(const struct reader *r, const char *key)
{
    const char *value = NULL;

    if (r->chassis) {
        char *own_key = xasprintf("%s-%s", key, r->chassis);
        value = smap_get(r->ids, own_key);
        free(own_key);
    }
    if (!value) {
        value = smap_get(r->ids, key);
    }
    return value && value[0] ? value : NULL;
}

static bool
get_bool(const struct reader *r, const char *key, bool fallback)
{
    const char *value = get(r, key);

    if (!value) {
        return fallback;
    }
    return fallback ? strcmp(value, "false") != 0 : !strcmp(value, "true");
}

static void
missing(const struct reader *r, const char *what, const char *setting)
{
    troubles_add(r->troubles, VLL_WARN, setting,
                 "%s is missing: set it with \"ovs-vsctl set Open_vSwitch . "
                 "external_ids:%s\"; waiting for that", what, setting);
}

static char *
read_hostname(const struct reader *r)
{
    const char *hostname = smap_get(r->ids, "hostname");
    char buffer[HOST_NAME_MAX + 1];

    if (hostname && hostname[0]) {
        return xstrdup(hostname);
    }
    if (gethostname(buffer, sizeof buffer)) {
        return xstrdup("");
    }
    buffer[sizeof buffer - 1] = '\0';
    return xstrdup(buffer);
}

static char *
read_iface_types(const struct vswrec_open_vswitch *ovs)
{
    struct svec types = SVEC_EMPTY_INITIALIZER;
    char *joined;

    for (size_t i = 0; i < ovs->n_iface_types; i++) {
        svec_add(&types, ovs->iface_types[i]);
    }
    svec_sort(&types);
    joined = svec_join(&types, ",", "");
    svec_destroy(&types);
    return joined;
}

/* Splits a comma list, which may be null, into '*words', in its order and each
 * word once.  The caller must destroy '*words'. */
static void
split(struct svec *words, const char *list)
{
    char *copy = xstrdup(list ? list : "");
    char *save_ptr = NULL;

    svec_init(words);
    for (char *word = strtok_r(copy, ", \t\n", &save_ptr); word;
         word = strtok_r(NULL, ", \t\n", &save_ptr)) {
        if (!svec_contains_unsorted(words, word)) {
            svec_add(words, word);
        }
    }
    free(copy);
}

static bool
is_ip(const char *s)
{
    struct in6_addr ip6;
    ovs_be32 ip4;

    return ip_parse(s, &ip4) || ipv6_parse(s, &ip6);
}

/* Returns the static name of a tunnel type, or null, with a trouble, if there
 * is no such type. */
static const char *
check_type(const struct reader *r, const char *type)
{
    int rank = tunnel_type_rank(type);

    if (!rank) {
        troubles_add(r->troubles, VLL_WARN, type,
                     "\"%s\" in external_ids:ovn-encap-type is not a tunnel "
                     "type: use geneve, stt or vxlan", type);
        return NULL;
    }
    return tunnel_types[rank - 1];
}

static bool
check_ip(const struct reader *r, const char *ip)
{
    if (!is_ip(ip)) {
        troubles_add(r->troubles, VLL_WARN, ip,
                     "\"%s\" in external_ids:ovn-encap-ip is not an IPv4 or "
                     "IPv6 address", ip);
        return false;
    }
    return true;
}

static void
add_encap(struct local_config *config, const char *type, const char *ip,
          bool is_default)
{
    config->encaps = xrealloc(config->encaps, (config->n_encaps + 1)
                                              * sizeof *config->encaps);
    config->encaps[config->n_encaps++] = (struct local_encap) {
        .type = type, .ip = xstrdup(ip), .family = ip_family(ip),
        .is_default = is_default,
    };
}

static void
add_encaps_of_type(struct local_config *config, const char *type,
                   const struct svec *ips, const char *default_ip)
{
    for (size_t i = 0; i < ips->n; i++) {
        if (is_ip(ips->names[i])) {
            add_encap(config, type, ips->names[i],
                      nullable_string_is_equal(ips->names[i], default_ip));
        }
    }
}

static void
read_encaps(const struct reader *r, struct local_config *config)
{
    const char *default_ip = get(r, "ovn-encap-ip-default");
    struct svec types, ips;

    split(&types, get(r, "ovn-encap-type"));
    split(&ips, get(r, "ovn-encap-ip"));
    if (!types.n) {
        missing(r, "the type of tunnels", "ovn-encap-type=geneve");
    }
    if (!ips.n) {
        missing(r, "this host's tunnel address", "ovn-encap-ip=ADDRESS");
    }
    if (default_ip && !svec_contains_unsorted(&ips, default_ip)) {
        troubles_add(r->troubles, VLL_WARN, "ovn-encap-ip-default",
                     "external_ids:ovn-encap-ip-default=%s is none of "
                     "external_ids:ovn-encap-ip, and ignored", default_ip);
    }
    for (size_t i = 0; i < ips.n; i++) {
        check_ip(r, ips.names[i]);
    }
    for (size_t i = 0; i < types.n; i++) {
        const char *type = check_type(r, types.names[i]);

        if (type) {
            add_encaps_of_type(config, type, &ips, default_ip);
        }
    }
    svec_destroy(&types);
    svec_destroy(&ips);
}

static char *
read_tos(const struct reader *r)
{
    const char *tos = get(r, "ovn-encap-tos");

    return tos && strcmp(tos, "none") ? xstrdup(tos) : NULL;
}

static int
read_probe_interval(const struct reader *r)
{
    const char *msecs = get(r, "ovn-remote-probe-interval");
    int value;

    return msecs && str_to_int(msecs, 10, &value) ? value : -1;
}

static void
read_transport_zones(const struct reader *r, struct local_config *config)
{
    const char *zones = get(r, "ovn-transport-zones");

    sset_from_delimited_string(&config->transport_zones, zones ? zones : "",
                               ", ");
}

/* Fills 'config' from 'ovs'.  The chassis is named 'chassis', or if that is
 * null, as external_ids:system-id says.  Adds to 'troubles' what is missing
 * and what makes no sense.  The caller must destroy 'config'. */
void
local_config_read(struct local_config *config,
                  const struct vswrec_open_vswitch *ovs,
                  const char *chassis, struct troubles *troubles)
{
    struct reader r = { .ids = &ovs->external_ids, .troubles = troubles };

    r.chassis = chassis ? chassis : get(&r, "system-id");
    if (!r.chassis) {
        missing(&r, "the name of this chassis", "system-id=NAME");
    }
    if (!get(&r, "ovn-remote")) {
        missing(&r, "the southbound database", "ovn-remote=ssl:ADDRESS:6642");
    }

    *config = (struct local_config) {
        .chassis = nullable_xstrdup(r.chassis),
        .hostname = read_hostname(&r),
        .remote = nullable_xstrdup(get(&r, "ovn-remote")),
        .probe_interval = read_probe_interval(&r),
        .bridge = xstrdup(get(&r, "ovn-bridge") ? get(&r, "ovn-bridge")
                                                : BR_INT_DEFAULT),
        .datapath_type = nullable_xstrdup(get(&r,
                                              "ovn-bridge-datapath-type")),
        .iface_types = read_iface_types(ovs),
        .csum = get_bool(&r, "ovn-encap-csum", true),
        .tos = read_tos(&r),
        .df_default = nullable_xstrdup(get(&r, "ovn-encap-df_default")),
        .is_interconn = get_bool(&r, "ovn-is-interconn", false),
    };
    read_encaps(&r, config);
    read_transport_zones(&r, config);
}

/* Frees what 'config' contains. */
void
local_config_destroy(struct local_config *config)
{
    free(config->chassis);
    free(config->hostname);
    free(config->remote);
    free(config->bridge);
    free(config->datapath_type);
    free(config->iface_types);
    free(config->tos);
    free(config->df_default);
    for (size_t i = 0; i < config->n_encaps; i++) {
        free(config->encaps[i].ip);
    }
    free(config->encaps);
    sset_destroy(&config->transport_zones);
}

/* Returns true if 'config' says enough to register a chassis. */
bool
local_config_is_complete(const struct local_config *config)
{
    return config->chassis && config->remote && config->n_encaps;
}
