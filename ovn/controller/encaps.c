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
#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/vlog.h"
#include "ovn/controller/chassis.h"
#include "ovn/controller/local-config.h"
#include "ovn/controller/ovn-vswitch-idl.h"
#include "ovn/controller/tunnel-id.h"
#include "ovn/lib/ovn-sb-idl.h"
#include "ovn/lib/troubles.h"
#include "quote.h"
#include "simap.h"
#include "smap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(encaps);

/* Counters in port names have at most 4 hexadecimal digits, so that a name
 * fits into a Linux network device's 15 bytes. */
#define MAX_COUNTER 0xffff

/* An option of an interface. */
struct option {
    const char *key, *value;
};

/* A tunnel as it should be. */
struct tunnel {
    const struct sbrec_chassis *chassis;
    const struct sbrec_encap *remote;
    const char *local_ip;

    /* Its own options, and those of all tunnels: null if there are none. */
    struct option options[8];
    size_t n_options;
    const struct smap *common;
    char dst_port[6];           /* Value of one of them. */
    bool is_vtep;
};

/* A tunnel that is there. */
struct present {
    struct hmap_node node;      /* By both addresses. */
    const struct tunnel_port *tunnel_port;
    const struct vswrec_port *port;
    const char *local_ip;
};

/* State of the look at one chassis. */
struct pass {
    struct encaps *encaps;
    const struct encaps_ctx *ctx;
    struct hmap present;        /* Of "struct present": not ticked off yet. */
};

/* Makes 'encaps' ready for the first pass. */
void
encaps_init(struct encaps *encaps)
{
    *encaps = (struct encaps) {
        .changed = SSET_INITIALIZER(&encaps->changed),
        .all_changed = true,
        .ipsec_options = SMAP_INITIALIZER(&encaps->ipsec_options),
        .names = SIMAP_INITIALIZER(&encaps->names),
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
    simap_destroy(&encaps->names);
    simap_destroy(&encaps->counters);
    troubles_destroy(&encaps->troubles);
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
            && encap->family == ip_family(remote_ip)) {
            first = encap->ip;
        }
    }
    return first;
}

/* What is there. */

/* Returns our end of the tunnel 'p', or null.  One that OVN before 24.03 made
 * goes from wherever its local_ip says, or else from our first address. */
static const char *
local_ip_of(const struct local_config *config, const struct tunnel_port *p,
            const struct vswrec_interface *iface)
{
    const char *local_ip = p->id.local_ip;

    if (!local_ip) {
        local_ip = smap_get(&iface->options, "local_ip");
    }
    if (!local_ip) {
        local_ip = first_local_ip(config, iface->type, p->id.remote_ip);
    }
    return local_ip;
}

static uint32_t
hash_addresses(const char *remote_ip, const char *local_ip)
{
    return hash_string(remote_ip, hash_string(local_ip, 0));
}

static struct present *
find_present(const struct pass *pass, const char *remote_ip,
             const char *local_ip)
{
    struct present *present;

    HMAP_FOR_EACH_WITH_HASH (present, node,
                             hash_addresses(remote_ip, local_ip),
                             &pass->present) {
        if (!strcmp(present->tunnel_port->id.remote_ip, remote_ip)
            && !strcmp(present->local_ip, local_ip)) {
            return present;
        }
    }
    return NULL;
}

static void
remove_port(const struct encaps_ctx *ctx, const struct vswrec_port *port)
{
    VLOG_INFO("removing tunnel port %s", port->name);
    vswrec_bridge_update_ports_delvalue(ctx->br_int, port->header_.uuid);
}

/* Returns false if the tunnel 'p' has no sensible id, or that of another. */
static bool
collect_port(struct pass *pass, const struct tunnel_port *p,
             const struct vswrec_port *port)
{
    struct present *present;
    const char *local_ip;

    if (port->n_interfaces != 1 || !p->id.remote_ip) {
        return false;
    }
    local_ip = local_ip_of(pass->ctx->config, p, port->interfaces[0]);
    if (!local_ip || find_present(pass, p->id.remote_ip, local_ip)) {
        return false;
    }
    present = xmalloc(sizeof *present);
    *present = (struct present) {
        .tunnel_port = p, .port = port, .local_ip = local_ip,
    };
    hmap_insert(&pass->present, &present->node,
                hash_addresses(p->id.remote_ip, local_ip));
    return true;
}

/* Puts the tunnels to the chassis 'name' into 'pass->present'.  Of two with
 * one id, one goes. */
static void
collect_ports(struct pass *pass, const char *name)
{
    const struct tunnel_port *p;

    TUNNEL_PORTS_FOR_EACH (p, name, &pass->encaps->ports) {
        const struct vswrec_port *port
            = vswrec_port_get_for_uuid(pass->ctx->local, &p->port);

        if (port && !collect_port(pass, p, port)) {
            remove_port(pass->ctx, port);
        }
    }
}

/* What should be. */

/* Adds an option, unless 'value' is null. */
static void
add_option(struct tunnel *tunnel, const char *key, const char *value)
{
    if (value) {
        ovs_assert(tunnel->n_options < ARRAY_SIZE(tunnel->options));
        tunnel->options[tunnel->n_options++] = (struct option) { key, value };
    }
}

/* Returns the id of 'tunnel', which the caller must free. */
static char *
tunnel_id(const struct tunnel *tunnel)
{
    return tunnel_id_format(tunnel->chassis->name, tunnel->remote->ip,
                            tunnel->local_ip);
}

static void
report_dst_port(struct pass *pass, const struct tunnel *tunnel,
                const char *dst_port)
{
    char *id = tunnel_id(tunnel);
    char *name = quote(tunnel->chassis->name);
    char *text = quote(dst_port);

    troubles_add(&pass->encaps->troubles, VLL_WARN, id,
                 "chassis %s wants tunnels to port %s, which is no UDP "
                 "port: using the default", name, text);
    free(id);
    free(name);
    free(text);
}

static void
add_remote_options(struct pass *pass, struct tunnel *tunnel)
{
    const struct smap *theirs = &tunnel->remote->options;
    const char *csum = smap_get(theirs, "csum");
    const char *dst_port = smap_get(theirs, "dst_port");
    int port;

    if (csum && (!strcmp(csum, "true") || !strcmp(csum, "false"))) {
        add_option(tunnel, "csum", csum);
    }
    if (!dst_port) {
        return;
    }
    if (str_to_int(dst_port, 10, &port) && port > 0 && port <= UINT16_MAX) {
        snprintf(tunnel->dst_port, sizeof tunnel->dst_port, "%d", port);
        add_option(tunnel, "dst_port", tunnel->dst_port);
    } else {
        report_dst_port(pass, tunnel, dst_port);
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
tunnel_init(struct pass *pass, struct tunnel *tunnel)
{
    const struct local_config *config = pass->ctx->config;

    tunnel->is_vtep = smap_get_bool(&tunnel->chassis->other_config, "is-vtep",
                                    false);
    add_option(tunnel, "remote_ip", tunnel->remote->ip);
    add_option(tunnel, "local_ip", tunnel->local_ip);
    add_option(tunnel, "key", "flow");
    add_option(tunnel, "tos", config->tos);
    add_option(tunnel, "df_default", config->df_default);
    add_remote_options(pass, tunnel);
    if (pass->encaps->ipsec) {
        add_option(tunnel, "remote_name", tunnel->chassis->name);
        tunnel->common = &pass->encaps->ipsec_options;
    }
}

/* From what should be to what is. */

/* Names of ports and interfaces, on whatever bridge. */

/* Returns the length of the part of 'name' that is before the counter, if it
 * is one that choose_port_name() could choose. */
static size_t
stem_length(const char *name)
{
    const char *hyphen = strrchr(name, '-');

    return hyphen ? hyphen + 1 - name : 0;
}

static void
add_name(struct encaps *encaps, const char *name)
{
    simap_increase(&encaps->names, name, 1);
}

/* A port and its interface usually have the same name, so it is free when
 * neither has it. */
static void
remove_name(struct encaps *encaps, const char *name)
{
    struct simap_node *node = simap_find(&encaps->names, name);
    char *stem;

    if (!node || --node->data) {
        return;
    }
    simap_delete(&encaps->names, node);
    stem = xmemdup0(name, stem_length(name));
    simap_find_and_delete(&encaps->counters, stem);
    free(stem);
}

/* Collects all names, unless they are known.  An index would do for this, but
 * costs more at each change of an interface's options than all of this. */
static void
collect_names(struct encaps *encaps, struct ovsdb_idl *local)
{
    const struct vswrec_interface *iface;
    const struct vswrec_port *port;

    if (encaps->names_known) {
        return;
    }
    VSWREC_PORT_FOR_EACH (port, local) {
        add_name(encaps, port->name);
    }
    VSWREC_INTERFACE_FOR_EACH (iface, local) {
        add_name(encaps, iface->name);
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
        if (simap_contains(&pass->encaps->names, name)) {
            free(name);
            name = NULL;
        }
    }
    free(stem);
    return name;
}

static void
report_no_port_name(struct pass *pass, const struct tunnel *tunnel)
{
    char *id = tunnel_id(tunnel);
    char *quoted = quote(id);

    troubles_add(&pass->encaps->troubles, VLL_ERR, id,
                 "no port name is free for tunnel %s", quoted);
    free(id);
    free(quoted);
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
fill_interface(const struct vswrec_interface *iface,
               const struct tunnel *tunnel)
{
    struct smap map = SMAP_INITIALIZER(&map);

    for (size_t i = 0; i < tunnel->n_options; i++) {
        smap_add(&map, tunnel->options[i].key, tunnel->options[i].value);
    }
    if (tunnel->common) {
        add_all(&map, tunnel->common);
    }
    vswrec_interface_set_type(iface, tunnel->remote->type);
    vswrec_interface_set_options(iface, &map);
    if (tunnel->is_vtep) {
        smap_clear(&map);
        smap_add(&map, "is-vtep", "true");
        vswrec_interface_set_other_config(iface, &map);
    }
    smap_destroy(&map);
}

static void
set_new_id(const struct vswrec_port *port, const struct tunnel *tunnel)
{
    struct smap external_ids = SMAP_INITIALIZER(&external_ids);

    smap_add_nocopy(&external_ids, xstrdup(TUNNEL_KEY), tunnel_id(tunnel));
    vswrec_port_set_external_ids(port, &external_ids);
    smap_destroy(&external_ids);
}

/* Adds a port for 'tunnel' to the bridge, unless no name is free. */
static void
create_port(struct pass *pass, const struct tunnel *tunnel)
{
    struct ovsdb_idl_txn *txn = pass->ctx->txn;
    char *name = choose_port_name(pass, tunnel->chassis->name);
    struct vswrec_interface *iface;
    struct vswrec_port *port;

    if (!name) {
        report_no_port_name(pass, tunnel);
        return;
    }
    VLOG_INFO("adding tunnel port %s to %s", name, tunnel->remote->ip);
    iface = vswrec_interface_insert(txn);
    vswrec_interface_set_name(iface, name);
    fill_interface(iface, tunnel);
    port = vswrec_port_insert(txn);
    vswrec_port_set_name(port, name);
    vswrec_port_set_interfaces(port, &iface, 1);
    set_new_id(port, tunnel);
    vswrec_bridge_update_ports_addvalue(pass->ctx->br_int,
                                        port->header_.uuid);
    free(name);
}

/* Returns what the option 'key' of 'tunnel' should be, or null. */
static const char *
wanted_option(const struct tunnel *tunnel, const char *key)
{
    for (size_t i = 0; i < tunnel->n_options; i++) {
        if (!strcmp(tunnel->options[i].key, key)) {
            return tunnel->options[i].value;
        }
    }
    return tunnel->common ? smap_get(tunnel->common, key) : NULL;
}

/* Returns true if 'iface' had the option already, with whatever value. */
static bool
update_option(const struct vswrec_interface *iface, const char *key,
              const char *value)
{
    const char *present = smap_get(&iface->options, key);

    if (!nullable_string_is_equal(present, value)) {
        vswrec_interface_update_options_setkey(iface, key, value);
    }
    return present;
}

static void
remove_options(const struct vswrec_interface *iface,
               const struct tunnel *tunnel)
{
    const struct smap_node *node;

    SMAP_FOR_EACH (node, &iface->options) {
        if (!wanted_option(tunnel, node->key)) {
            vswrec_interface_update_options_delkey(iface, node->key);
        }
    }
}

/* Makes the options of 'iface' be those of 'tunnel', key by key: a transaction
 * is as large as what changes. */
static void
update_options(const struct vswrec_interface *iface,
               const struct tunnel *tunnel)
{
    const struct smap_node *node;
    size_t n_kept = 0;

    for (size_t i = 0; i < tunnel->n_options; i++) {
        n_kept += update_option(iface, tunnel->options[i].key,
                                tunnel->options[i].value);
    }
    if (tunnel->common) {
        SMAP_FOR_EACH (node, tunnel->common) {
            n_kept += update_option(iface, node->key, node->value);
        }
    }
    if (n_kept < smap_count(&iface->options)) {
        remove_options(iface, tunnel);
    }
}

static void
update_other_config(const struct vswrec_interface *iface, bool is_vtep)
{
    const char *present = smap_get(&iface->other_config, "is-vtep");

    if (is_vtep && !nullable_string_is_equal(present, "true")) {
        vswrec_interface_update_other_config_setkey(iface, "is-vtep", "true");
    } else if (!is_vtep && present) {
        vswrec_interface_update_other_config_delkey(iface, "is-vtep");
    }
}

/* Gives 'port' an id in the long form. */
static void
update_id(const struct vswrec_port *port, const struct tunnel *tunnel)
{
    char *id = tunnel_id(tunnel);

    vswrec_port_update_external_ids_setkey(port, TUNNEL_KEY, id);
    free(id);
}

/* Makes 'present' be 'tunnel', by writing just what differs. */
static void
update_port(const struct present *present, const struct tunnel *tunnel)
{
    const struct vswrec_interface *iface = present->port->interfaces[0];

    if (strcmp(iface->type, tunnel->remote->type)) {
        vswrec_interface_set_type(iface, tunnel->remote->type);
    }
    update_options(iface, tunnel);
    update_other_config(iface, tunnel->is_vtep);
    if (!present->tunnel_port->id.local_ip) {
        update_id(present->port, tunnel);
    }
}

static void
run_tunnel(struct pass *pass, const struct sbrec_chassis *chassis,
           const struct sbrec_encap *remote, const char *local_ip)
{
    struct tunnel tunnel = {
        .chassis = chassis, .remote = remote, .local_ip = local_ip,
    };
    struct present *present = find_present(pass, remote->ip, local_ip);

    tunnel_init(pass, &tunnel);
    if (present) {
        update_port(present, &tunnel);
        hmap_remove(&pass->present, &present->node);
        free(present);
    } else {
        create_port(pass, &tunnel);
    }
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

    if (ip_family(encap->ip) != IP_FAMILY_NONE) {
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
    enum ip_family family = ip_family(remote->ip);

    for (size_t i = 0; i < config->n_encaps; i++) {
        const struct local_encap *local = &config->encaps[i];

        if (local->family == family && !strcmp(local->type, remote->type)) {
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
    struct present *present;

    HMAP_FOR_EACH_POP (present, node, &pass->present) {
        remove_port(pass->ctx, present->port);
        free(present);
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
        .present = HMAP_INITIALIZER(&pass.present),
    };

    collect_ports(&pass, name);
    if (chassis) {
        run_chassis(&pass, chassis);
    }
    remove_rest(&pass);
    hmap_destroy(&pass.present);
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
        sset_add(&encaps->changed, p->id.chassis);
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

/* Frees the memory, too: to clear what once was large takes time. */
static void
forget_changed(struct encaps *encaps)
{
    if (!sset_is_empty(&encaps->changed)) {
        sset_destroy(&encaps->changed);
        sset_init(&encaps->changed);
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
    forget_changed(encaps);
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

static void
forget_names(struct encaps *encaps)
{
    simap_clear(&encaps->counters);
    simap_clear(&encaps->names);
    encaps->names_known = false;
}

/* Follows a row that has 'name'. */
static void
track_name(struct encaps *encaps, const char *name, bool is_new,
           bool is_deleted)
{
    if (is_new && !is_deleted) {
        add_name(encaps, name);
    } else if (is_deleted && !is_new) {
        remove_name(encaps, name);
    }
}

static void
track_names(struct encaps *encaps, struct ovsdb_idl *local)
{
    const struct vswrec_interface *iface;
    const struct vswrec_port *port;

    if (!encaps->names_known) {
        return;
    }
    VSWREC_PORT_FOR_EACH_TRACKED (port, local) {
        track_name(encaps, port->name, vswrec_port_is_new(port),
                   vswrec_port_is_deleted(port));
    }
    VSWREC_INTERFACE_FOR_EACH_TRACKED (iface, local) {
        track_name(encaps, iface->name, vswrec_interface_is_new(iface),
                   vswrec_interface_is_deleted(iface));
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
    if (!uuid_equals(&encaps->ports.bridge, &ctx->br_int->header_.uuid)) {
        /* Another bridge, without tunnels. */
        encaps->all_changed = true;
    }
    tunnel_ports_run(&encaps->ports, ctx->local, ctx->br_int,
                     &encaps->changed);
    track_names(encaps, ctx->local);
}

/* Makes the next pass look at everything. */
void
encaps_invalidate(struct encaps *encaps)
{
    encaps->all_changed = true;
    tunnel_ports_clear(&encaps->ports);
    forget_names(encaps);
}

/* Removes all tunnels from 'br_int' in the transaction that is open on
 * 'local'.
 * Returns true if there are none. */
bool
encaps_remove(struct ovsdb_idl *local, const struct vswrec_bridge *br_int)
{
    bool none = true;

    for (size_t i = 0; i < br_int->n_ports; i++) {
        const struct vswrec_port *port
            = vswrec_port_get_for_uuid(local, &br_int->ports[i]);

        if (port && smap_get(&port->external_ids, TUNNEL_KEY)) {
            vswrec_bridge_update_ports_delvalue(br_int, port->header_.uuid);
            none = false;
        }
    }
    return none;
}
