/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See br-int.h.  The settings are those that ovn-architecture(7) asks for. */

#include <config.h>

#include "ovn/controller/br-int.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "ovn/controller/local-config.h"
#include "ovn/controller/ovn-vswitch-idl.h"
#include "ovn/lib/troubles.h"
#include "smap.h"

VLOG_DEFINE_THIS_MODULE(br_int);

/* Returns the bridge 'name', or null if there is none. */
const struct vswrec_bridge *
br_int_find(const struct vswrec_open_vswitch *ovs, const char *name)
{
    for (size_t i = 0; i < ovs->n_bridges; i++) {
        if (!strcmp(ovs->bridges[i]->name, name)) {
            return ovs->bridges[i];
        }
    }
    return NULL;
}

static void
create(struct ovsdb_idl_txn *txn, const struct vswrec_open_vswitch *ovs,
       const char *name)
{
    struct vswrec_bridge *br = vswrec_bridge_insert(txn);
    struct vswrec_port *port = vswrec_port_insert(txn);
    struct vswrec_interface *iface = vswrec_interface_insert(txn);

    VLOG_INFO("creating integration bridge %s", name);
    vswrec_interface_set_name(iface, name);
    vswrec_interface_set_type(iface, "internal");
    vswrec_bridge_set_name(br, name);
    vswrec_port_set_name(port, name);
    vswrec_port_set_interfaces(port, &iface, 1);
    vswrec_bridge_set_datapath_type(br, "system");
    vswrec_bridge_set_fail_mode(br, "secure");
    vswrec_bridge_set_ports(br, &port->header_.uuid, 1);
    vswrec_open_vswitch_update_bridges_addvalue(ovs, br);
}

/* Flows decide what passes, nothing else may: neither when there are none,
 * nor hidden ones for a controller. */
static void
repair(const struct vswrec_bridge *bridge, const struct local_config *config)
{
    if (!bridge->fail_mode || strcmp(bridge->fail_mode, "secure")) {
        vswrec_bridge_set_fail_mode(bridge, "secure");
    }
    if (!smap_get_bool(&bridge->other_config, "disable-in-band", false)) {
        vswrec_bridge_update_other_config_setkey(bridge, "disable-in-band",
                                                 "true");
    }
    if (config->datapath_type
        && strcmp(bridge->datapath_type, config->datapath_type)) {
        vswrec_bridge_set_datapath_type(bridge, config->datapath_type);
    } else if (!bridge->datapath_type[0]) {
        vswrec_bridge_set_datapath_type(bridge, "system");
    }
}

/* Makes the integration bridge be there and as it should be, by writing to
 * 'txn'.  Returns it, or null if it will be there only when 'txn' is
 * committed.  One with a name that the operator chose is the operator's to
 * make: until then it returns null and adds to 'troubles'. */
const struct vswrec_bridge *
br_int_run(struct ovsdb_idl_txn *txn, const struct vswrec_open_vswitch *ovs,
           const struct local_config *config, struct troubles *troubles)
{
    const struct vswrec_bridge *bridge = br_int_find(ovs, config->bridge);

    if (bridge) {
        repair(bridge, config);
    } else if (!strcmp(config->bridge, BR_INT_DEFAULT)) {
        create(txn, ovs, config->bridge);
    } else {
        troubles_add(troubles, VLL_WARN, config->bridge,
                     "there is no bridge \"%s\", which "
                     "external_ids:ovn-bridge names: make it with \"ovs-vsctl "
                     "add-br %s\"; waiting for that", config->bridge,
                     config->bridge);
    }
    return bridge;
}
