/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See global.h.  The rules are those of ovn-ipsec-nb(5), table NB_Global, and
 * ovn-ipsec-sb(5), table SB_Global. */

#include <config.h>

#include "ovn/northd/global.h"

#include "openvswitch/vlog.h"
#include "ovn/lib/ovn-nb-idl.h"
#include "ovn/lib/ovn-sb-idl.h"
#include "quote.h"
#include "smap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(global);

/* Keys of SB_Global:options that do not come from NB_Global:options.  Another
 * ovn-northd, or ovn-sbctl, put them there; they stay. */
static const char *const southbound_keys[] = {
    "arp_ns_explicit_output",
    "mac_prefix",
    "max_tunid",
    "northd_internal_version",
    "sbctl_probe_interval",
    "svc_monitor_mac",
};

/* How far the configuration has come. */
struct progress {
    int64_t cfg;
    int64_t timestamp;          /* Milliseconds since the epoch. */
};

static const struct nbrec_nb_global *
get_or_insert_nb_global(const struct global_ctx *ctx)
{
    const struct nbrec_nb_global *nb = nbrec_nb_global_first(ctx->nb);

    return nb ? nb : nbrec_nb_global_insert(ctx->nb_txn);
}

static const struct sbrec_sb_global *
get_or_insert_sb_global(const struct global_ctx *ctx)
{
    const struct sbrec_sb_global *sb = sbrec_sb_global_first(ctx->sb);

    return sb ? sb : sbrec_sb_global_insert(ctx->sb_txn);
}

static void
sync_ipsec(const struct nbrec_nb_global *nb, const struct sbrec_sb_global *sb)
{
    if (nb->ipsec != sb->ipsec) {
        VLOG_INFO("encryption of tunnels is now %s",
                  nb->ipsec ? "on" : "off");
        sbrec_sb_global_set_ipsec(sb, nb->ipsec);
    }
}

static void
sync_options(const struct nbrec_nb_global *nb,
             const struct sbrec_sb_global *sb)
{
    struct smap options;

    smap_clone(&options, &nb->options);
    for (size_t i = 0; i < ARRAY_SIZE(southbound_keys); i++) {
        const char *value = smap_get(&sb->options, southbound_keys[i]);

        if (value) {
            smap_add_once(&options, southbound_keys[i], value);
        }
    }
    if (!smap_equal(&options, &sb->options)) {
        sbrec_sb_global_set_options(sb, &options);
    }
    smap_destroy(&options);
}

/* Returns how far the southbound database has come.  What its replica shows
 * is committed, and was committed together with all that it covers. */
static struct progress
southbound_progress(const struct nbrec_nb_global *nb,
                    const struct sbrec_sb_global *sb, long long int now)
{
    return (struct progress) {
        .cfg = sb->nb_cfg,
        .timestamp = (sb->nb_cfg == nb->sb_cfg ? nb->sb_cfg_timestamp : now),
    };
}

static bool
is_remote(const struct sbrec_chassis *chassis)
{
    return (chassis
            && smap_get_bool(&chassis->other_config, "is-remote", false));
}

static void
report_orphan(const struct global_ctx *ctx,
              const struct sbrec_chassis_private *priv)
{
    char *name = quote(priv->name);

    troubles_add(ctx->troubles, VLL_WARN, priv->name,
                 "Chassis_Private %s has no row in Chassis and can hold back "
                 "\"ovn-nbctl --wait=hv\"; if that host is gone, run "
                 "\"ovn-sbctl destroy Chassis_Private "UUID_FMT"\"",
                 name, UUID_ARGS(&priv->header_.uuid));
    free(name);
}

/* Returns how far the slowest chassis has come; without chassis, that is as
 * far as the southbound database. */
static struct progress
chassis_progress(const struct global_ctx *ctx, struct progress southbound)
{
    const struct sbrec_chassis_private *priv;
    struct progress slowest = southbound;
    int64_t timestamp = 0;

    SBREC_CHASSIS_PRIVATE_FOR_EACH (priv, ctx->sb) {
        if (is_remote(priv->chassis)) {
            continue;
        }
        if (!priv->chassis) {
            report_orphan(ctx, priv);
        }
        slowest.cfg = MIN(slowest.cfg, priv->nb_cfg);
        timestamp = MAX(timestamp, priv->nb_cfg_timestamp);
    }
    if (timestamp) {
        slowest.timestamp = timestamp;
    }
    return slowest;
}

/* Carries NB_Global:nb_cfg to the south, and to the north how far it has
 * come: that is what "ovn-nbctl --wait" waits for. */
static void
sync_sequence(const struct global_ctx *ctx, const struct nbrec_nb_global *nb,
              const struct sbrec_sb_global *sb)
{
    struct progress southbound = southbound_progress(nb, sb, ctx->now);
    struct progress chassis = chassis_progress(ctx, southbound);

    if (sb->nb_cfg != nb->nb_cfg) {
        sbrec_sb_global_set_nb_cfg(sb, nb->nb_cfg);
        nbrec_nb_global_set_nb_cfg_timestamp(nb, ctx->now);
    }
    if (nb->sb_cfg != southbound.cfg) {
        nbrec_nb_global_set_sb_cfg(nb, southbound.cfg);
        nbrec_nb_global_set_sb_cfg_timestamp(nb, southbound.timestamp);
    }
    if (nb->hv_cfg != chassis.cfg) {
        nbrec_nb_global_set_hv_cfg(nb, chassis.cfg);
        nbrec_nb_global_set_hv_cfg_timestamp(nb, chassis.timestamp);
    }
}

/* Makes SB_Global follow NB_Global, and NB_Global:sb_cfg and hv_cfg follow
 * what the southbound database and the chassis report.  Makes either row if
 * it is missing.  Both transactions of 'ctx' must be open. */
void
global_run(const struct global_ctx *ctx)
{
    const struct nbrec_nb_global *nb = get_or_insert_nb_global(ctx);
    const struct sbrec_sb_global *sb = get_or_insert_sb_global(ctx);

    sync_ipsec(nb, sb);
    sync_options(nb, sb);
    sync_sequence(ctx, nb, sb);
}
