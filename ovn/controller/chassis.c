/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See chassis.h.  Rows that are right already are not written. */

#include <config.h>

#include "ovn/controller/chassis.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "ovn/controller/local-config.h"
#include "ovn/controller/ovn-vswitch-idl.h"
#include "ovn/lib/ovn-sb-idl.h"
#include "ovn/lib/troubles.h"
#include "quote.h"
#include "smap.h"
#include "sset.h"

VLOG_DEFINE_THIS_MODULE(chassis);

/* As ovsdb_idl_index_create1() does it, but faster. */
static int
compare_chassis_names(const void *a_, const void *b_)
{
    const struct sbrec_chassis *a = a_;
    const struct sbrec_chassis *b = b_;

    return strcmp(a->name, b->name);
}

/* Makes the indexes on 'sb', before its first run. */
void
chassis_indexes_init(struct chassis_indexes *indexes, struct ovsdb_idl *sb)
{
    const struct ovsdb_idl_index_column by_name = {
        .column = &sbrec_chassis_col_name,
        .comparer = compare_chassis_names,
    };

    indexes->chassis_by_name = ovsdb_idl_index_create(sb, &by_name, 1);
    indexes->private_by_name
        = ovsdb_idl_index_create1(sb, &sbrec_chassis_private_col_name);
    indexes->encap_by_type_and_ip
        = ovsdb_idl_index_create2(sb, &sbrec_encap_col_type,
                                  &sbrec_encap_col_ip);
}

/* Returns the row of the chassis 'name', or null. */
const struct sbrec_chassis *
chassis_find(const struct chassis_indexes *indexes, const char *name)
{
    struct sbrec_chassis *key
        = sbrec_chassis_index_init_row(indexes->chassis_by_name);
    const struct sbrec_chassis *chassis;

    sbrec_chassis_index_set_name(key, name);
    chassis = sbrec_chassis_index_find(indexes->chassis_by_name, key);
    sbrec_chassis_index_destroy_row(key);
    return chassis;
}

/* Returns the private row of the chassis 'name', or null. */
const struct sbrec_chassis_private *
chassis_private_find(const struct chassis_indexes *indexes, const char *name)
{
    struct sbrec_chassis_private *key
        = sbrec_chassis_private_index_init_row(indexes->private_by_name);
    const struct sbrec_chassis_private *priv;

    sbrec_chassis_private_index_set_name(key, name);
    priv = sbrec_chassis_private_index_find(indexes->private_by_name, key);
    sbrec_chassis_private_index_destroy_row(key);
    return priv;
}

static const struct sbrec_encap *
find_encap(const struct chassis_indexes *indexes,
           const struct local_encap *wanted)
{
    struct sbrec_encap *key
        = sbrec_encap_index_init_row(indexes->encap_by_type_and_ip);
    const struct sbrec_encap *encap;

    sbrec_encap_index_set_type(key, wanted->type);
    sbrec_encap_index_set_ip(key, wanted->ip);
    encap = sbrec_encap_index_find(indexes->encap_by_type_and_ip, key);
    sbrec_encap_index_destroy_row(key);
    return encap;
}

static struct sbrec_encap *
insert_encap(const struct chassis_ctx *ctx, const struct local_encap *wanted)
{
    struct sbrec_encap *encap = sbrec_encap_insert(ctx->txn);

    sbrec_encap_set_type(encap, wanted->type);
    sbrec_encap_set_ip(encap, wanted->ip);
    sbrec_encap_set_chassis_name(encap, ctx->config->chassis);
    return encap;
}

static void
update_encap_options(const struct chassis_ctx *ctx,
                     const struct sbrec_encap *encap, bool is_default)
{
    struct smap options = SMAP_INITIALIZER(&options);

    smap_add(&options, "csum", ctx->config->csum ? "true" : "false");
    if (is_default) {
        smap_add(&options, "is_default", "true");
    }
    if (!smap_equal(&options, &encap->options)) {
        sbrec_encap_set_options(encap, &options);
    }
    smap_destroy(&options);
}

static void
report_taken(const struct chassis_ctx *ctx, const struct sbrec_encap *encap)
{
    char *owner = quote(encap->chassis_name);

    troubles_add(ctx->troubles, VLL_WARN, encap->ip,
                 "tunnel address %s %s of this chassis belongs to chassis "
                 "%s: give one of them another external_ids:ovn-encap-ip or, "
                 "if that one is gone, run \"ovn-sbctl chassis-del\" for it; "
                 "waiting for that", encap->type, encap->ip, owner);
    free(owner);
}

/* Returns our row for 'wanted', made if need be, or null if another chassis
 * has that address. */
static struct sbrec_encap *
claim_encap(const struct chassis_ctx *ctx, const struct local_encap *wanted)
{
    const struct sbrec_encap *encap = find_encap(ctx->indexes, wanted);

    if (encap && strcmp(encap->chassis_name, ctx->config->chassis)) {
        report_taken(ctx, encap);
        return NULL;
    }
    if (!encap) {
        encap = insert_encap(ctx, wanted);
    }
    update_encap_options(ctx, encap, wanted->is_default);
    return CONST_CAST(struct sbrec_encap *, encap);
}

/* Returns our Encap rows, '*n' of them, in an array for the caller to
 * free. */
static struct sbrec_encap **
claim_encaps(const struct chassis_ctx *ctx, size_t *n)
{
    const struct local_config *config = ctx->config;
    struct sbrec_encap **encaps = xcalloc(config->n_encaps, sizeof *encaps);

    *n = 0;
    for (size_t i = 0; i < config->n_encaps; i++) {
        struct sbrec_encap *encap = claim_encap(ctx, &config->encaps[i]);

        if (encap) {
            encaps[(*n)++] = encap;
        }
    }
    return encaps;
}

/* Returns true if 'encap' is one of those of 'chassis'. */
bool
chassis_has_encap(const struct sbrec_chassis *chassis,
                  const struct sbrec_encap *encap)
{
    for (size_t i = 0; i < chassis->n_encaps; i++) {
        if (chassis->encaps[i] == encap) {
            return true;
        }
    }
    return false;
}

static void
update_encaps(const struct sbrec_chassis *chassis,
              struct sbrec_encap **encaps, size_t n)
{
    bool same = n == chassis->n_encaps;

    for (size_t i = 0; i < n && same; i++) {
        same = chassis_has_encap(chassis, encaps[i]);
    }
    if (!same) {
        sbrec_chassis_set_encaps(chassis, encaps, n);
    }
}

static void
update_transport_zones(const struct sbrec_chassis *chassis,
                       const struct sset *zones)
{
    bool same = sset_count(zones) == chassis->n_transport_zones;

    for (size_t i = 0; i < chassis->n_transport_zones && same; i++) {
        same = sset_contains(zones, chassis->transport_zones[i]);
    }
    if (!same) {
        const char **array = sset_array(zones);

        sbrec_chassis_set_transport_zones(chassis, array, sset_count(zones));
        free(array);
    }
}

/* Keys of others, such as is-vtep, stay. */
static void
update_other_config(const struct chassis_ctx *ctx,
                    const struct sbrec_chassis *chassis)
{
    const struct local_config *config = ctx->config;
    struct smap other_config;

    smap_clone(&other_config, &chassis->other_config);
    smap_replace(&other_config, "datapath-type",
                 ctx->br_int ? ctx->br_int->datapath_type : "");
    smap_replace(&other_config, "iface-types", config->iface_types);
    smap_replace(&other_config, "is-interconn",
                 config->is_interconn ? "true" : "false");
    if (!smap_equal(&other_config, &chassis->other_config)) {
        sbrec_chassis_set_other_config(chassis, &other_config);
    }
    smap_destroy(&other_config);
}

static void
update_chassis(const struct chassis_ctx *ctx,
               const struct sbrec_chassis *chassis)
{
    update_transport_zones(chassis, &ctx->config->transport_zones);
    update_other_config(ctx, chassis);
}

static void
update_private(const struct chassis_ctx *ctx,
               const struct sbrec_chassis *chassis)
{
    const char *name = ctx->config->chassis;
    const struct sbrec_chassis_private *priv
        = chassis_private_find(ctx->indexes, name);

    if (!priv) {
        priv = sbrec_chassis_private_insert(ctx->txn);
        sbrec_chassis_private_set_name(priv, name);
    }
    if (priv->chassis != chassis) {
        sbrec_chassis_private_set_chassis(priv, chassis);
    }
}

/* Makes the rows of this chassis say what 'ctx->config', which must be
 * complete, says.  An address that another chassis has is left to that one;
 * with no address left, nothing is registered. */
void
chassis_run(const struct chassis_ctx *ctx)
{
    const char *name = ctx->config->chassis;
    const struct sbrec_chassis *chassis = chassis_find(ctx->indexes, name);
    size_t n;
    struct sbrec_encap **encaps = claim_encaps(ctx, &n);

    if (n) {
        if (!chassis) {
            VLOG_INFO("registering this host as chassis %s", name);
            chassis = sbrec_chassis_insert(ctx->txn);
            sbrec_chassis_set_name(chassis, name);
            sbrec_chassis_set_hostname(chassis, ctx->config->hostname);
        }
        update_encaps(chassis, encaps, n);
        update_chassis(ctx, chassis);
        update_private(ctx, chassis);
    }
    free(encaps);
}

/* Says in 'priv' that this chassis has everything of 'nb_cfg' since
 * 'timestamp', in ms since the epoch. */
void
chassis_report_cfg(const struct sbrec_chassis_private *priv, int64_t nb_cfg,
                   int64_t timestamp)
{
    if (priv->nb_cfg != nb_cfg) {
        sbrec_chassis_private_set_nb_cfg(priv, nb_cfg);
        sbrec_chassis_private_set_nb_cfg_timestamp(priv, timestamp);
    }
}

/* Deletes the rows of chassis 'name' in the transaction that is open.
 * Returns true if there are none. */
bool
chassis_remove(const struct chassis_indexes *indexes, const char *name)
{
    const struct sbrec_chassis *chassis = chassis_find(indexes, name);
    const struct sbrec_chassis_private *priv
        = chassis_private_find(indexes, name);

    if (chassis) {
        sbrec_chassis_delete(chassis);
    }
    if (priv) {
        sbrec_chassis_private_delete(priv);
    }
    return !chassis && !priv;
}
