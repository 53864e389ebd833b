/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef LOCAL_CONFIG_H
#define LOCAL_CONFIG_H 1

/* What the operator of this host wants: Open_vSwitch:external_ids as a value.
 *
 * Made anew from the row in each pass; everything else in ovn-controller
 * reads this and not the row. */

#include "ovn/lib/troubles.h"
#include "sset.h"

struct vswrec_open_vswitch;

/* What an address is, if it can be that of a host. */
enum ip_family { IP_FAMILY_NONE, IP_FAMILY_IPV4, IP_FAMILY_IPV6 };

/* An address where this chassis takes tunnels of one type. */
struct local_encap {
    const char *type;           /* Static: "geneve", "stt", "vxlan". */
    char *ip;
    enum ip_family family;      /* Of 'ip'. */
    bool is_default;
};

struct local_config {
    char *chassis;              /* Null if it is missing. */
    char *hostname;
    char *remote;               /* Southbound database; null if missing. */
    int probe_interval;         /* For 'remote', in ms; negative: default. */

    char *bridge;               /* Name of the integration bridge. */
    char *datapath_type;        /* Wanted; null: as it is. */
    char *iface_types;          /* What ovs-vswitchd has, comma separated. */

    struct local_encap *encaps;
    size_t n_encaps;            /* 0: missing. */
    bool csum;                  /* Others should use checksums to us. */
    char *tos, *df_default;     /* For our tunnels; null if absent. */

    struct sset transport_zones;
    bool is_interconn;
};

/* How good a tunnel type is, from 1; 0 if it is none of OVN's. */
int tunnel_type_rank(const char *type);
enum ip_family ip_family(const char *ip);

void local_config_read(struct local_config *,
                       const struct vswrec_open_vswitch *,
                       const char *chassis, struct troubles *);
void local_config_destroy(struct local_config *);
bool local_config_is_complete(const struct local_config *);

#endif /* local-config.h */
