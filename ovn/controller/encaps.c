/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See encaps.h.
 *
 * For a chassis, it works out what tunnels there should be, ticks off those
 * that are there, adds what is missing and removes what is left.  All that
 * comes from the southbound database was written by other hosts: chassis names
 * and addresses are checked before they become names, options or addresses
 * here. */

#include <config.h>

#include "ovn/controller/encaps.h"

#include <ctype.h>

#include "chassis-name.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovn/controller/chassis.h"
#include "ovn/controller/local-config.h"
#include "ovn/controller/ovn-vswitch-idl.h"
#include "ovn/controller/tunnel-id.h"
#include "ovn/lib/ovn-sb-idl.h"
#include "ovn/lib/troubles.h"
#include "packets.h"
#include "quote.h"
#include "simap.h"
#include "smap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(encaps);

/* Counters in port names have at most 4 hexadecimal digits, so that a name
 * fits into a Linux network device's 15 bytes. */
#define MAX_COUNTER 0xffff

/* A tunnel as it should be. */
struct tunnel {
    const struct sbrec_chassis *chassis;
    const struct sbrec_encap *remote;
    const char *local_ip;
    char *id;
    struct smap options;
    bool is_vtep;
};

/* State of the look at one chassis. */
struct pass {
    struct encaps *encaps;
    const struct encaps_ctx *ctx;

    /* Tunnels that are there and were not ticked off yet: from their ids in
     * the long form to "struct vswrec_port"s. */
    struct shash ports;
};

/* Makes 'encaps' ready for the first pass. */
void
encaps_init(struct encaps *encaps)
{
    *encaps = (struct encaps) {
        .changed = SSET_INITIALIZER(&encaps->changed),
        .all_changed = true,
        .ipsec_options = SMAP_INITIALIZER(&encaps->ipsec_options),
        .names = SSET_INITIALIZER(&encaps->names),
        .counters = SIMAP_INITIALIZER(&encaps->counters),
    };
    tunnel_ports_init(&encaps->ports);
    troubles_init(&encaps->troubles);
}

/* Frees what 'encaps' contains. */
void
encaps_destroy(struct encaps *encaps)
{
    tunnel_ports_destroy(&encaps->ports);
    sset_destroy(&encaps->changed);
    smap_destroy(&encaps->ipsec_options);
    sset_destroy(&encaps->names);
    simap_destroy(&encaps->counters);
    troubles_destroy(&encaps->troubles);
}

/* Addresses. */

enum family { FAMILY_NONE, FAMILY_IPV4, FAMILY_IPV6 };

/* Returns FAMILY_NONE if 'ip' is not the address of a host. */
static enum family
family_of(const char *ip)
{
    struct in6_addr ip6;
    ovs_be32 ip4;

    if (ip_parse(ip, &ip4)) {
        return (!ip4 || ip_is_multicast(ip4) || ip4 == OVS_BE32_MAX
                ? FAMILY_NONE : FAMILY_IPV4);
    }
    return (ipv6_parse(ip, &ip6) && ipv6_addr_is_set(&ip6)
            && !ipv6_addr_is_multicast(&ip6) ? FAMILY_IPV6 : FAMILY_NONE);
}

/* Returns our default or first address of 'type' in the family of
 * 'remote_ip', or null. */
static const char *
first_local_ip(const struct local_config *config, const char *type,
               const char *remote_ip)
{
    const char *first = NULL;

    for (size_t i = 0; i < config->n_encaps; i++) {
        const struct local_encap *encap = &config->encaps[i];

        if ((!first || encap->is_default)
            && !strcmp(encap->type, type)
            && family_of(encap->ip) == family_of(remote_ip)) {
            first = encap->ip;
        }
    }
    return first;
}

/* What is there. */

/* Returns the id of the tunnel 'port' in the long form, which the caller must
 * free, or null if it has no sensible one.  A tunnel that OVN before 24.03
 * made goes from wherever its local_ip says, or else from our first
 * address. */
static char *
port_tunnel_id(const struct local_config *config,
               const struct vswrec_port *port)
{
    const char *s = smap_get(&port->external_ids, TUNNEL_KEY);
    const struct vswrec_interface *iface;
    struct tunnel_id id;
    const char *local_ip;
    char *full = NULL;

    if (port->n_interfaces != 1 || !tunnel_id_parse(s, &id)) {
        return NULL;
    }
    iface = port->interfaces[0];
    local_ip = id.local_ip;
    if (!local_ip) {
        local_ip = smap_get(&iface->options, "local_ip");
    }
    if (!local_ip) {
        local_ip = first_local_ip(config, iface->type, id.remote_ip);
    }
    if (local_ip) {
        full = tunnel_id_format(id.chassis, id.remote_ip, local_ip);
    }
    tunnel_id_destroy(&id);
    return full;
}

static void
remove_port(const struct encaps_ctx *ctx, const struct vswrec_port *port)
{
    VLOG_INFO("removing tunnel port %s", port->name);
    vswrec_bridge_update_ports_delvalue(ctx->br_int, port);
}

static void
collect_port(struct pass *pass, const struct vswrec_port *port)
{
    char *id = port_tunnel_id(pass->ctx->config, port);

    if (!id || !shash_add_once(&pass->ports, id, port)) {
        remove_port(pass->ctx, port);
    }
    free(id);
}

/* Puts the tunnels to the chassis 'name' into 'pass->ports'.  Of two with one
 * id, one goes. */
static void
collect_ports(struct pass *pass, const char *name)
{
    const struct tunnel_port *p;

    TUNNEL_PORTS_FOR_EACH (p, name, &pass->encaps->ports) {
        const struct vswrec_port *port
            = vswrec_port_get_for_uuid(pass->ctx->local, &p->port);

        if (port) {
            collect_port(pass, port);
        }
    }
}

/* What should be. */

static void
add_option_if_set(struct smap *options, const char *key, const char *value)
{
    if (value) {
        smap_add(options, key, value);
    }
}

static void
add_remote_options(struct pass *pass, struct tunnel *tunnel)
{
    const struct smap *theirs = &tunnel->remote->options;
    const char *csum = smap_get(theirs, "csum");
    const char *dst_port = smap_get(theirs, "dst_port");
    int port;

    if (csum && (!strcmp(csum, "true") || !strcmp(csum, "false"))) {
        smap_add(&tunnel->options, "csum", csum);
    }
    if (!dst_port) {
        return;
    }
    if (str_to_int(dst_port, 10, &port) && port > 0 && port <= UINT16_MAX) {
        smap_add_format(&tunnel->options, "dst_port", "%d", port);
    } else {
        char *name = quote(tunnel->chassis->name);
        char *text = quote(dst_port);

        troubles_add(&pass->encaps->troubles, VLL_WARN, tunnel->id,
                     "chassis %s wants tunnels to port %s, which is no UDP "
                     "port: using the default", name, text);
        free(name);
        free(text);
    }
}

static bool
is_affirmative(const char *value)
{
    return !strcasecmp(value, "true") || !strcasecmp(value, "yes");
}

/* Fills 'options' with those of the IKE daemon, from SB_Global:options.  Two
 * of them exist only as "yes", whatever else they are set to. */
static void
add_ipsec_options(const struct sbrec_sb_global *sb_global,
                  struct smap *options)
{
    const struct smap_node *node;

    SMAP_FOR_EACH (node, &sb_global->options) {
        if (!strcmp(node->key, "ipsec_encapsulation")
            || !strcmp(node->key, "ipsec_forceencaps")) {
            if (is_affirmative(node->value)) {
                smap_add(options, node->key, "yes");
            }
        } else if (!strncmp(node->key, "ipsec_", 6)) {
            smap_add(options, node->key, node->value);
        }
    }
}

static void
add_all(struct smap *to, const struct smap *from)
{
    const struct smap_node *node;

    SMAP_FOR_EACH (node, from) {
        smap_add(to, node->key, node->value);
    }
}

static void
tunnel_init(struct pass *pass, struct tunnel *tunnel)
{
    const struct local_config *config = pass->ctx->config;

    tunnel->id = tunnel_id_format(tunnel->chassis->name, tunnel->remote->ip,
                                  tunnel->local_ip);
    tunnel->is_vtep = smap_get_bool(&tunnel->chassis->other_config, "is-vtep",
                                    false);
    smap_init(&tunnel->options);
    smap_add(&tunnel->options, "remote_ip", tunnel->remote->ip);
    smap_add(&tunnel->options, "local_ip", tunnel->local_ip);
    smap_add(&tunnel->options, "key", "flow");
    add_option_if_set(&tunnel->options, "tos", config->tos);
    add_option_if_set(&tunnel->options, "df_default", config->df_default);
    add_remote_options(pass, tunnel);
    if (pass->encaps->ipsec) {
        smap_add(&tunnel->options, "remote_name", tunnel->chassis->name);
        add_all(&tunnel->options, &pass->encaps->ipsec_options);
    }
}

static void
tunnel_destroy(struct tunnel *tunnel)
{
    free(tunnel->id);
    smap_destroy(&tunnel->options);
}

/* From what should be to what is. */

/* Collects the names of all ports and interfaces, on whatever bridge, unless
 * they are known.  An index would do for this, but costs more at each change
 * of an interface's options than all of this. */
static void
collect_names(struct encaps *encaps, struct ovsdb_idl *local)
{
    const struct vswrec_interface *iface;
    const struct vswrec_port *port;

    if (encaps->names_known) {
        return;
    }
    sset_clear(&encaps->names);
    VSWREC_PORT_FOR_EACH (port, local) {
        sset_add(&encaps->names, port->name);
    }
    VSWREC_INTERFACE_FOR_EACH (iface, local) {
        sset_add(&encaps->names, iface->name);
    }
    encaps->names_known = true;
}

/* Returns the part of a port name that is before the counter. */
static char *
port_name_stem(const struct encaps_ctx *ctx, const char *chassis)
{
    char *key = xasprintf("ovn-chassis-idx-%s", ctx->config->chassis);
    const char *index = smap_get_def(&ctx->ovs->external_ids, key, "");
    char *stem = (index[0] ? xasprintf("ovn%s-%.5s-", index, chassis)
                           : xasprintf("ovn-%.6s-", chassis));

    free(key);
    for (char *p = stem; *p; p++) {
        if (!isalnum((unsigned char) *p) && !strchr("._-", *p)) {
            *p = '_';
        }
    }
    return stem;
}

/* Returns the first free port name for a tunnel to 'chassis', which the
 * caller must free, or null if there is none. */
static char *
choose_port_name(struct pass *pass, const char *chassis)
{
    char *stem = port_name_stem(pass->ctx, chassis);
    char *name = NULL;

    collect_names(pass->encaps, pass->ctx->local);
    for (unsigned int i = simap_get(&pass->encaps->counters, stem);
         i <= MAX_COUNTER && !name; i++) {
        name = xasprintf("%s%x", stem, i);
        simap_put(&pass->encaps->counters, stem, i + 1);
        if (!sset_add(&pass->encaps->names, name)) {
            free(name);
            name = NULL;
        }
    }
    free(stem);
    return name;
}

/* Adds a port for 'tunnel' to the bridge and returns it, with nothing set but
 * its name; returns null if no name is free. */
static const struct vswrec_port *
create_port(struct pass *pass, const struct tunnel *tunnel)
{
    struct ovsdb_idl_txn *txn = pass->ctx->txn;
    char *name = choose_port_name(pass, tunnel->chassis->name);
    struct vswrec_interface *iface;
    struct vswrec_port *port;

    if (!name) {
        char *id = quote(tunnel->id);

        troubles_add(&pass->encaps->troubles, VLL_ERR, tunnel->id,
                     "no port name is free for tunnel %s", id);
        free(id);
        return NULL;
    }
    VLOG_INFO("adding tunnel port %s to %s", name, tunnel->remote->ip);
    iface = vswrec_interface_insert(txn);
    vswrec_interface_set_name(iface, name);
    port = vswrec_port_insert(txn);
    vswrec_port_set_name(port, name);
    vswrec_port_set_interfaces(port, &iface, 1);
    vswrec_bridge_update_ports_addvalue(pass->ctx->br_int, port);
    free(name);
    return port;
}

/* Sets 'key' to 'value', or removes it if 'value' is null, in a copy of 'map'.
 * Returns true if that made a difference; the caller must destroy '*copy'. */
static bool
smap_edit(struct smap *copy, const struct smap *map, const char *key,
          const char *value)
{
    bool differs = !nullable_string_is_equal(smap_get(map, key), value);

    smap_clone(copy, map);
    smap_remove(copy, key);
    if (value) {
        smap_add(copy, key, value);
    }
    return differs;
}

static void
update_external_ids(const struct vswrec_port *port, const char *id)
{
    struct smap external_ids;

    if (smap_edit(&external_ids, &port->external_ids, TUNNEL_KEY, id)) {
        vswrec_port_set_external_ids(port, &external_ids);
    }
    smap_destroy(&external_ids);
}

static void
update_other_config(const struct vswrec_interface *iface, bool is_vtep)
{
    struct smap other_config;

    if (smap_edit(&other_config, &iface->other_config, "is-vtep",
                  is_vtep ? "true" : NULL)) {
        vswrec_interface_set_other_config(iface, &other_config);
    }
    smap_destroy(&other_config);
}

/* Makes the options of 'iface', which is not new, be 'options', key by key:
 * a transaction is as large as what changes. */
static void
update_options(const struct vswrec_interface *iface,
               const struct smap *options)
{
    const struct smap_node *node;

    SMAP_FOR_EACH (node, options) {
        if (!nullable_string_is_equal(smap_get(&iface->options, node->key),
                                      node->value)) {
            vswrec_interface_update_options_setkey(iface, node->key,
                                                   node->value);
        }
    }
    SMAP_FOR_EACH (node, &iface->options) {
        if (!smap_get(options, node->key)) {
            vswrec_interface_update_options_delkey(iface, node->key);
        }
    }
}

/* Makes 'port' be 'tunnel', by writing just what differs. */
static void
update_port(const struct vswrec_port *port, const struct tunnel *tunnel,
            bool is_new)
{
    const struct vswrec_interface *iface = port->interfaces[0];

    if (strcmp(iface->type, tunnel->remote->type)) {
        vswrec_interface_set_type(iface, tunnel->remote->type);
    }
    if (is_new) {
        vswrec_interface_set_options(iface, &tunnel->options);
    } else {
        update_options(iface, &tunnel->options);
    }
    update_other_config(iface, tunnel->is_vtep);
    update_external_ids(port, tunnel->id);
}

static void
run_tunnel(struct pass *pass, const struct sbrec_chassis *chassis,
           const struct sbrec_encap *remote, const char *local_ip)
{
    struct tunnel tunnel = {
        .chassis = chassis, .remote = remote, .local_ip = local_ip,
    };
    const struct vswrec_port *port;
    bool is_new;

    tunnel_init(pass, &tunnel);
    port = shash_find_and_delete(&pass->ports, tunnel.id);
    is_new = !port;
    if (is_new) {
        port = create_port(pass, &tunnel);
    }
    if (port) {
        update_port(port, &tunnel, is_new);
    }
    tunnel_destroy(&tunnel);
}

/* Which tunnels there should be. */

static bool
have_type(const struct local_config *config, const char *type)
{
    for (size_t i = 0; i < config->n_encaps; i++) {
        if (!strcmp(config->encaps[i].type, type)) {
            return true;
        }
    }
    return false;
}

/* Returns the best tunnel type that 'chassis' has and we have too, or null. */
static const char *
choose_type(const struct local_config *config,
            const struct sbrec_chassis *chassis)
{
    const char *best = NULL;

    for (size_t i = 0; i < chassis->n_encaps; i++) {
        const char *type = chassis->encaps[i]->type;

        if (have_type(config, type)
            && (!best || tunnel_type_rank(type) > tunnel_type_rank(best))) {
            best = type;
        }
    }
    return best;
}

static bool
shares_transport_zone(const struct local_config *config,
                      const struct sbrec_chassis *chassis)
{
    if (!chassis->n_transport_zones) {
        return sset_is_empty(&config->transport_zones);
    }
    for (size_t i = 0; i < chassis->n_transport_zones; i++) {
        if (sset_contains(&config->transport_zones,
                          chassis->transport_zones[i])) {
            return true;
        }
    }
    return false;
}

static bool
is_peer(const struct local_config *config, const struct sbrec_chassis *chassis)
{
    bool is_remote = smap_get_bool(&chassis->other_config, "is-remote",
                                   false);

    return (strcmp(chassis->name, config->chassis)
            && (!is_remote || config->is_interconn)
            && shares_transport_zone(config, chassis));
}

static void
report_name(const struct pass *pass, const char *name, const char *reason)
{
    char *quoted = quote(name);

    if (pass->encaps->ipsec) {
        troubles_add(&pass->encaps->troubles, VLL_ERR, name,
                     "no tunnel to chassis %s: encryption is on, and its "
                     "name %s; give that host another external_ids:system-id",
                     quoted, reason);
    } else {
        troubles_add(&pass->encaps->troubles, VLL_WARN, name,
                     "chassis %s will have no tunnel when encryption is "
                     "turned on: its name %s; give that host another "
                     "external_ids:system-id", quoted, reason);
    }
    free(quoted);
}

/* Returns true if the name of 'chassis' allows tunnels to it: that of a
 * chassis that could pass for another one gets none that should be encrypted.
 * An empty one gets none at all, because the id of such a tunnel would be
 * none. */
static bool
check_name(const struct pass *pass, const struct sbrec_chassis *chassis)
{
    char *reason = chassis_name_check(chassis->name);

    if (!reason) {
        return true;
    }
    report_name(pass, chassis->name, reason);
    free(reason);
    return !pass->encaps->ipsec && chassis->name[0];
}

static bool
check_remote_ip(const struct pass *pass, const struct sbrec_chassis *chassis,
                const struct sbrec_encap *encap)
{
    char *name, *ip;

    if (family_of(encap->ip) != FAMILY_NONE) {
        return true;
    }
    name = quote(chassis->name);
    ip = quote(encap->ip);
    troubles_add(&pass->encaps->troubles, VLL_WARN, encap->ip,
                 "no tunnel to chassis %s: its Encap:ip %s is not the address "
                 "of a host", name, ip);
    free(name);
    free(ip);
    return false;
}

/* Makes the tunnels to the address 'remote', one from each of our addresses
 * of its family. */
static void
run_remote(struct pass *pass, const struct sbrec_chassis *chassis,
           const struct sbrec_encap *remote)
{
    const struct local_config *config = pass->ctx->config;

    for (size_t i = 0; i < config->n_encaps; i++) {
        const struct local_encap *local = &config->encaps[i];

        if (!strcmp(local->type, remote->type)
            && family_of(local->ip) == family_of(remote->ip)) {
            run_tunnel(pass, chassis, remote, local->ip);
        }
    }
}

static void
report_no_type(const struct pass *pass, const struct sbrec_chassis *chassis)
{
    char *name = quote(chassis->name);

    troubles_add(&pass->encaps->troubles, VLL_WARN, chassis->name,
                 "no tunnel to chassis %s: no type in its "
                 "external_ids:ovn-encap-type is in ours", name);
    free(name);
}

static void
run_chassis(struct pass *pass, const struct sbrec_chassis *chassis)
{
    const struct local_config *config = pass->ctx->config;
    const char *type;

    if (!is_peer(config, chassis) || !check_name(pass, chassis)) {
        return;
    }
    type = choose_type(config, chassis);
    if (!type) {
        report_no_type(pass, chassis);
        return;
    }
    for (size_t i = 0; i < chassis->n_encaps; i++) {
        const struct sbrec_encap *encap = chassis->encaps[i];

        if (!strcmp(encap->type, type)
            && check_remote_ip(pass, chassis, encap)) {
            run_remote(pass, chassis, encap);
        }
    }
}

static void
remove_rest(struct pass *pass)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &pass->ports) {
        remove_port(pass->ctx, node->data);
    }
}

/* Makes the tunnels to the chassis 'name' be what they should: none if
 * 'chassis', its row, is null. */
static void
run_name(struct encaps *encaps, const struct encaps_ctx *ctx,
         const char *name, const struct sbrec_chassis *chassis)
{
    struct pass pass = {
        .encaps = encaps,
        .ctx = ctx,
        .ports = SHASH_INITIALIZER(&pass.ports),
    };

    collect_ports(&pass, name);
    if (chassis) {
        run_chassis(&pass, chassis);
    }
    remove_rest(&pass);
    shash_destroy(&pass.ports);
}

/* Encryption needs a name that a certificate can be held to on our side,
 * too. */
static void
check_own_name(struct encaps *encaps, const char *name)
{
    char *reason = chassis_name_check(name);

    if (reason && encaps->ipsec) {
        troubles_add(&encaps->troubles, VLL_ERR, name,
                     "encryption is on, but the name of this chassis, "
                     "\"%s\", %s: no other chassis will have a tunnel to "
                     "it; set another external_ids:system-id", name, reason);
    }
    free(reason);
}

/* Looks at every chassis, and then at the tunnels to what is none any
 * more. */
static void
run_all_names(struct encaps *encaps, const struct encaps_ctx *ctx)
{
    const struct sbrec_chassis *chassis;
    const struct tunnel_port *p;
    const char *name;

    HMAP_FOR_EACH (p, by_chassis, &encaps->ports.by_chassis) {
        sset_add(&encaps->changed, p->chassis);
    }
    SBREC_CHASSIS_FOR_EACH (chassis, ctx->sb) {
        encaps->troubles.about = chassis->name;
        run_name(encaps, ctx, chassis->name, chassis);
        sset_find_and_delete(&encaps->changed, chassis->name);
    }
    SSET_FOR_EACH (name, &encaps->changed) {
        encaps->troubles.about = name;
        run_name(encaps, ctx, name, NULL);
    }
}

static void
run_all(struct encaps *encaps, const struct encaps_ctx *ctx)
{
    troubles_begin(&encaps->troubles);
    check_own_name(encaps, ctx->config->chassis);
    run_all_names(encaps, ctx);
    troubles_end(&encaps->troubles);
}

static void
run_changed(struct encaps *encaps, const struct encaps_ctx *ctx)
{
    const char *name;

    SSET_FOR_EACH (name, &encaps->changed) {
        troubles_begin_about(&encaps->troubles, name);
        run_name(encaps, ctx, name, chassis_find(ctx->chassis_indexes, name));
        troubles_end_about(&encaps->troubles);
    }
}

/* Makes the tunnels of the bridge be those to all other chassis.  Returns
 * false if it cannot know, because the southbound database is empty. */
bool
encaps_run(struct encaps *encaps, const struct encaps_ctx *ctx)
{
    if (!sbrec_sb_global_first(ctx->sb)) {
        troubles_begin(&encaps->troubles);
        troubles_add(&encaps->troubles, VLL_WARN, "SB_Global",
                     "the southbound database has no row in SB_Global, which "
                     "ovn-northd makes: is that running?");
        troubles_end(&encaps->troubles);
        encaps_invalidate(encaps);
        return false;
    }
    if (encaps->all_changed) {
        run_all(encaps, ctx);
    } else {
        run_changed(encaps, ctx);
    }
    encaps->all_changed = false;
    sset_clear(&encaps->changed);
    return true;
}

/* What changed. */

/* Takes in what SB_Global says for all tunnels. */
static void
track_sb_global(struct encaps *encaps, struct ovsdb_idl *sb)
{
    const struct sbrec_sb_global *sb_global = sbrec_sb_global_first(sb);
    struct smap options = SMAP_INITIALIZER(&options);

    if (!sb_global) {
        smap_destroy(&options);
        return;
    }
    add_ipsec_options(sb_global, &options);
    if (encaps->ipsec != sb_global->ipsec
        || !smap_equal(&options, &encaps->ipsec_options)) {
        encaps->ipsec = sb_global->ipsec;
        smap_destroy(&encaps->ipsec_options);
        smap_clone(&encaps->ipsec_options, &options);
        encaps->all_changed = true;
    }
    smap_destroy(&options);
}

static void
track_chassis(struct encaps *encaps, struct ovsdb_idl *sb)
{
    const struct sbrec_chassis *chassis;

    SBREC_CHASSIS_FOR_EACH_TRACKED (chassis, sb) {
        sset_add(&encaps->changed, chassis->name);
        if (!sbrec_chassis_is_new(chassis)
            && sbrec_chassis_is_updated(chassis, SBREC_CHASSIS_COL_NAME)) {
            encaps->all_changed = true;     /* Its former name is unknown. */
        }
    }
}

/* An Encap that comes or goes changes Chassis:encaps as well. */
static void
track_encaps(struct encaps *encaps, const struct encaps_ctx *ctx)
{
    const struct sbrec_encap *encap;

    SBREC_ENCAP_FOR_EACH_TRACKED (encap, ctx->sb) {
        const struct sbrec_chassis *chassis;

        if (sbrec_encap_is_deleted(encap)) {
            continue;
        }
        chassis = chassis_find(ctx->chassis_indexes, encap->chassis_name);
        if (chassis && chassis_has_encap(chassis, encap)) {
            sset_add(&encaps->changed, chassis->name);
        } else {
            encaps->all_changed = true;     /* Whose it is is unknown. */
        }
    }
}

/* All that is set for this host is in one column. */
static void
track_config(struct encaps *encaps, struct ovsdb_idl *local)
{
    const struct vswrec_open_vswitch *ovs;

    VSWREC_OPEN_VSWITCH_FOR_EACH_TRACKED (ovs, local) {
        if (vswrec_open_vswitch_is_updated(
                ovs, VSWREC_OPEN_VSWITCH_COL_EXTERNAL_IDS)) {
            encaps->all_changed = true;
        }
    }
}

/* Forgets what would be in the way of a name that became free. */
static void
forget_names(struct encaps *encaps)
{
    simap_clear(&encaps->counters);
    encaps->names_known = false;
}

static void
track_names(struct encaps *encaps, struct ovsdb_idl *local)
{
    const struct vswrec_interface *iface;
    const struct vswrec_port *port;

    VSWREC_PORT_FOR_EACH_TRACKED (port, local) {
        if (vswrec_port_is_new(port)) {
            sset_add(&encaps->names, port->name);
        }
    }
    VSWREC_INTERFACE_FOR_EACH_TRACKED (iface, local) {
        if (vswrec_interface_is_new(iface)) {
            sset_add(&encaps->names, iface->name);
        }
    }
}

/* Takes in what changed in both databases since the last iteration. */
void
encaps_track(struct encaps *encaps, const struct encaps_ctx *ctx)
{
    track_sb_global(encaps, ctx->sb);
    track_chassis(encaps, ctx->sb);
    track_encaps(encaps, ctx);
    track_config(encaps, ctx->local);
    if (tunnel_ports_run(&encaps->ports, ctx->local, ctx->br_int,
                         &encaps->changed)) {
        forget_names(encaps);
    } else {
        track_names(encaps, ctx->local);
    }
}

/* Makes the next pass look at everything. */
void
encaps_invalidate(struct encaps *encaps)
{
    encaps->all_changed = true;
    tunnel_ports_clear(&encaps->ports);
    forget_names(encaps);
}

/* Removes all tunnels from 'br_int' in the transaction that is open.  Returns
 * true if there are none. */
bool
encaps_remove(const struct vswrec_bridge *br_int)
{
    bool none = true;

    for (size_t i = 0; i < br_int->n_ports; i++) {
        const struct vswrec_port *port = br_int->ports[i];

        if (smap_get(&port->external_ids, TUNNEL_KEY)) {
            vswrec_bridge_update_ports_delvalue(br_int, port);
            none = false;
        }
    }
    return none;
}
