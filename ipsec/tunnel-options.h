/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef TUNNEL_OPTIONS_H
#define TUNNEL_OPTIONS_H 1

/* The settings of IKE and ESP, and which of them a tunnel may have otherwise,
 * by options:ipsec_* of its interface.
 *
 * One table has every option that exists, by its name in swanctl.conf and in
 * strongSwan's and libreswan's ipsec.conf.  All others are refused: those
 * that run programs, that change identity, selector, mode or mark, and those
 * nobody has heard of.  'tunnel' parses, 'peer' makes names of what comes out,
 * and IKE back ends write it.  No input or output. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds;
struct smap;

/* What a setting is of: a connection or a child. */
enum setting_scope { SETTING_IKE, SETTING_ESP };

/* Settings in the order in which they are written. */
enum setting {
    IKE_VERSION,
    IKE_PROPOSALS,
    IKE_MOBIKE,
    IKE_UNIQUE,
    IKE_KEYINGTRIES,
    IKE_DPD_DELAY,
    IKE_ENCAP,
    IKE_FRAGMENTATION,
    IKE_REKEY_TIME,
    IKE_OVER_TIME,
    IKE_RAND_TIME,

    ESP_MODE,
    ESP_PROPOSALS,
    ESP_REKEY_TIME,
    ESP_LIFE_TIME,
    ESP_RAND_TIME,
    ESP_REKEY_BYTES,
    ESP_LIFE_BYTES,
    ESP_RAND_BYTES,
    ESP_REKEY_PACKETS,
    ESP_LIFE_PACKETS,
    ESP_RAND_PACKETS,
    ESP_REPLAY_WINDOW,
    ESP_CLOSE_ACTION,
    ESP_DPD_ACTION,

    N_SETTINGS
};

#define SETTING_FOR_EACH(SETTING, SCOPE) \
    for (enum setting SETTING = setting_first(SCOPE); \
         SETTING < setting_end(SCOPE); SETTING++)

enum setting setting_first(enum setting_scope);
enum setting setting_end(enum setting_scope);
const char *setting_name(enum setting);
bool setting_is_list(enum setting);

void settings_use_default_crypto(void);

/* Settings that differ from the defaults.  Immutable, counted by reference,
 * for the main thread only.  A null pointer stands for the defaults. */
struct tunnel_options;

char *tunnel_options_parse(const struct smap *, struct tunnel_options **);
struct tunnel_options *tunnel_options_ref(struct tunnel_options *);
void tunnel_options_unref(struct tunnel_options *);

const char *tunnel_options_get(const struct tunnel_options *, enum setting);
bool tunnel_options_equals(const struct tunnel_options *,
                           const struct tunnel_options *,
                           enum setting_scope);
uint32_t tunnel_options_hash(const struct tunnel_options *, uint32_t basis);
void tunnel_options_format(const struct tunnel_options *, struct ds *);

/* Documentation. */
bool tunnel_options_describe(size_t i, struct ds *names, struct ds *value);
bool tunnel_options_has(const char *name);

#endif /* tunnel-options.h */
