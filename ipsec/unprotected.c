/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tells which tunnels are not protected; see unprotected.h. */

#include <config.h>

#include "unprotected.h"

#include <stddef.h>

static const char *
reason_in_clear(const struct unprotected_facts *facts)
{
    if (!facts->others_want) {
        return NULL;
    }
    return (facts->declared
            ? "its packets are in clear, as options:ipsec_guard=off declares"
            : "it asks for no encryption, unlike other tunnels on this host, "
              "so its packets are in clear: set options:remote_name, "
              "options:remote_cert or options:psk on it");
}

/* Returns why a tunnel with 'facts' is not protected and what to do about it,
 * a constant, or null if it is, or if nothing on this host is meant to be. */
const char *
unprotected_reason(const struct unprotected_facts *facts)
{
    if (!facts->wants) {
        return reason_in_clear(facts);
    }
    if (facts->userspace) {
        return ("its bridge has datapath_type=netdev, and packets of the "
                "userspace datapath do not pass the kernel's IPsec: use a "
                "bridge with datapath_type=system");
    }
    if (facts->offload) {
        return ("other_config:hw-offload=true in table Open_vSwitch lets NICs "
                "send tunnel packets past IPsec: set it to false and restart "
                "ovs-vswitchd");
    }
    if (facts->flow) {
        return ("remote_ip=flow tunnels cannot be encrypted, and get through "
                "only to addresses that another tunnel encrypts: set "
                "options:remote_ip to the peer's address");
    }
    return NULL;
}
