/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The settings of IKE and ESP; see tunnel-options.h.
 *
 * An option has a meaning, and each meaning has several names.  Most meanings
 * are a setting.  Those about lifetimes are not: swanctl.conf says when to
 * rekey and how much later the end is, ipsec.conf when the end is and how much
 * earlier to rekey.  They are worked out together when all have been read. */

#include <config.h>

#include "tunnel-options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "hash.h"
#include "smap.h"
#include "util.h"

#include "guard-options.h"
#include "proposal.h"
#include "quote.h"

#define PREFIX "ipsec_"

/* Defaults.  The first proposal of each kind is what the Python
 * ovs-monitor-ipsec offers, so that a fleet of both kinds connects; the next
 * ones are what new peers prefer when the first is not to be had.
 *
 * Rekeying by packets keeps clear of the end of the 32-bit sequence numbers
 * (RFC 4303, 3.3.3), also with the tenth more at which charon gives up.  It
 * rekeys up to a tenth earlier, at random, by default.  A dead peer is noticed
 * after 'dpd_delay' and charon's retransmissions.  'keyingtries' is 1 because
 * the back end starts again by itself, with a backoff of its own. */
static const struct {
    const char *name;           /* In swanctl.conf(5). */
    const char *value;          /* Null: left to charon. */
    bool list;                  /* Elements, separated by commas. */
} settings[N_SETTINGS] = {
    [IKE_VERSION] = { "version", "2", false },
    [IKE_PROPOSALS] = { "proposals",
                        "aes256gcm16-prfsha256-modp2048,"
                        "aes256gcm16-prfsha384-prfsha256-ecp384-ecp256-x25519",
                        true },
    [IKE_MOBIKE] = { "mobike", "no", false },
    [IKE_UNIQUE] = { "unique", "never", false },
    [IKE_KEYINGTRIES] = { "keyingtries", "1", false },
    [IKE_DPD_DELAY] = { "dpd_delay", "10", false },
    [IKE_ENCAP] = { "encap", "no", false },
    [IKE_FRAGMENTATION] = { "fragmentation", "yes", false },
    [IKE_REKEY_TIME] = { "rekey_time", "14400", false },
    [IKE_OVER_TIME] = { "over_time", NULL, false },
    [IKE_RAND_TIME] = { "rand_time", NULL, false },

    [ESP_MODE] = { "mode", "transport", false },
    [ESP_PROPOSALS] = { "esp_proposals",
                        "aes256gcm16-modp2048-esn-noesn,"
                        "aes256gcm16-ecp384-ecp256-x25519-esn-noesn,"
                        "aes256gcm16-esn-noesn", true },
    [ESP_REKEY_TIME] = { "rekey_time", "3600", false },
    [ESP_LIFE_TIME] = { "life_time", NULL, false },
    [ESP_RAND_TIME] = { "rand_time", NULL, false },
    [ESP_REKEY_BYTES] = { "rekey_bytes", NULL, false },
    [ESP_LIFE_BYTES] = { "life_bytes", NULL, false },
    [ESP_RAND_BYTES] = { "rand_bytes", NULL, false },
    [ESP_REKEY_PACKETS] = { "rekey_packets", "3900000000", false },
    [ESP_LIFE_PACKETS] = { "life_packets", NULL, false },
    [ESP_RAND_PACKETS] = { "rand_packets", NULL, false },
    [ESP_REPLAY_WINDOW] = { "replay_window", "128", false },
    [ESP_CLOSE_ACTION] = { "close_action", "trap", false },
    [ESP_DPD_ACTION] = { "dpd_action", "trap", false },
};

struct tunnel_options {
    int ref_cnt;
    char *value[N_SETTINGS];    /* Null: the default. */
};

enum meaning {
    M_IKE_PROPOSALS,
    M_ESP_PROPOSALS,
    M_DPD_DELAY,
    M_DPD_TIMEOUT,
    M_DPD_ACTION,
    M_ENCAP,
    M_FRAGMENTATION,
    M_REPLAY_WINDOW,
    M_IKE_REKEY_TIME,
    M_OVER_TIME,
    M_IKE_RAND_TIME,
    M_IKE_LIFE_TIME,
    M_REKEY_TIME,
    M_LIFE_TIME,
    M_RAND_TIME,
    M_MARGIN_TIME,
    M_REKEY_FUZZ,
    M_REKEY_BYTES,
    M_LIFE_BYTES,
    M_RAND_BYTES,
    M_MARGIN_BYTES,
    M_REKEY_PACKETS,
    M_LIFE_PACKETS,
    M_RAND_PACKETS,
    M_MARGIN_PACKETS,
    N_MEANINGS
};

enum type {
    T_IKE_PROPOSALS,            /* See proposal.h. */
    T_ESP_PROPOSALS,
    T_WORD,                     /* One of 'words'. */
    T_TIME,                     /* In s, or with a unit: s, m, h, d. */
    T_BYTES,                    /* With a unit: k, m, g, Ki, Mi, ... */
    T_NUMBER,
    T_PERCENT,
};

/* Words that are taken, and what they mean. */
struct value_word {
    const char *text;
    const char *value;          /* Null: nothing is to be set. */
};

static const struct value_word encap_words[] = {
    { "yes", "yes" }, { "no", "no" }, { "auto", "no" }, { NULL, NULL },
};
/* "force" is about IKEv1 and is "yes" otherwise. */
static const struct value_word fragmentation_words[] = {
    { "yes", "yes" }, { "accept", "accept" }, { "no", "no" },
    { "never", "no" }, { "force", "yes" }, { "insist", "yes" },
    { NULL, NULL },
};
/* All of these bring the peer back, which is what happens anyhow. */
static const struct value_word dpd_action_words[] = {
    { "trap", NULL }, { "start", NULL }, { "hold", NULL },
    { "restart", NULL }, { NULL, NULL },
};

#define MAX_TIME (30 * 24 * 3600)       /* In s. */
#define MAX_BYTES (UINT64_C(1) << 60)
/* With a tenth more, less than 2^32. */
#define MAX_REKEY_PACKETS UINT64_C(3900000000)
#define MAX_LIFE_PACKETS UINT64_C(4290000000)

/* The allow-list. */
static const struct option {
    const char *names;          /* After "ipsec_", separated by blanks,
                                 * swanctl.conf's first.  What both kinds of
                                 * section have is a child's; a connection's
                                 * is with "ike_" in front. */
    enum setting setting;       /* N_SETTINGS: none, or see 'limits'. */
    enum type type;
    uint64_t min, max;          /* Of T_TIME, T_BYTES, T_NUMBER, T_PERCENT. */
    const struct value_word *words;     /* Of T_WORD. */
} allowed[N_MEANINGS] = {
    [M_IKE_PROPOSALS] = { "proposals ike", IKE_PROPOSALS,
                          T_IKE_PROPOSALS, 0, 0, NULL },
    [M_ESP_PROPOSALS] = { "esp_proposals esp phase2alg", ESP_PROPOSALS,
                          T_ESP_PROPOSALS, 0, 0, NULL },
    [M_DPD_DELAY] = { "dpd_delay dpddelay", IKE_DPD_DELAY,
                      T_TIME, 0, 24 * 3600, NULL },
    /* IKEv2 has no such thing, neither in charon nor in pluto. */
    [M_DPD_TIMEOUT] = { "dpd_timeout dpdtimeout", N_SETTINGS,
                        T_TIME, 0, 24 * 3600, NULL },
    [M_DPD_ACTION] = { "dpd_action dpdaction", N_SETTINGS,
                       T_WORD, 0, 0, dpd_action_words },
    [M_ENCAP] = { "encap encapsulation forceencaps", IKE_ENCAP,
                  T_WORD, 0, 0, encap_words },
    [M_FRAGMENTATION] = { "fragmentation ike-frag ike_frag",
                          IKE_FRAGMENTATION,
                          T_WORD, 0, 0, fragmentation_words },
    [M_REPLAY_WINDOW] = { "replay_window replay-window", ESP_REPLAY_WINDOW,
                          T_NUMBER, 32, 4096, NULL },
    [M_IKE_REKEY_TIME] = { "ike_rekey_time", N_SETTINGS,
                           T_TIME, 10, MAX_TIME, NULL },
    [M_OVER_TIME] = { "over_time", N_SETTINGS, T_TIME, 1, MAX_TIME, NULL },
    [M_IKE_RAND_TIME] = { "ike_rand_time", N_SETTINGS,
                          T_TIME, 0, MAX_TIME, NULL },
    [M_IKE_LIFE_TIME] = { "ikelifetime", N_SETTINGS,
                          T_TIME, 10, MAX_TIME, NULL },
    [M_REKEY_TIME] = { "rekey_time", N_SETTINGS,
                       T_TIME, 10, MAX_TIME, NULL },
    [M_LIFE_TIME] = { "life_time lifetime keylife salifetime ipsec-lifetime",
                      N_SETTINGS, T_TIME, 10, MAX_TIME, NULL },
    [M_RAND_TIME] = { "rand_time", N_SETTINGS, T_TIME, 0, MAX_TIME, NULL },
    [M_MARGIN_TIME] = { "margintime rekeymargin", N_SETTINGS,
                        T_TIME, 1, MAX_TIME, NULL },
    [M_REKEY_FUZZ] = { "rekeyfuzz", N_SETTINGS, T_PERCENT, 0, 1000, NULL },
    [M_REKEY_BYTES] = { "rekey_bytes", N_SETTINGS,
                        T_BYTES, 1000000, MAX_BYTES, NULL },
    [M_LIFE_BYTES] = { "life_bytes lifebytes ipsec-max-bytes", N_SETTINGS,
                       T_BYTES, 1000000, MAX_BYTES, NULL },
    [M_RAND_BYTES] = { "rand_bytes", N_SETTINGS,
                       T_BYTES, 0, MAX_BYTES, NULL },
    [M_MARGIN_BYTES] = { "marginbytes", N_SETTINGS,
                         T_BYTES, 1, MAX_BYTES, NULL },
    [M_REKEY_PACKETS] = { "rekey_packets", N_SETTINGS,
                          T_NUMBER, 1000, MAX_REKEY_PACKETS, NULL },
    [M_LIFE_PACKETS] = { "life_packets lifepackets ipsec-max-packets",
                         N_SETTINGS,
                         T_NUMBER, 1000, MAX_LIFE_PACKETS, NULL },
    [M_RAND_PACKETS] = { "rand_packets", N_SETTINGS,
                         T_NUMBER, 0, MAX_LIFE_PACKETS, NULL },
    [M_MARGIN_PACKETS] = { "marginpackets", N_SETTINGS,
                           T_NUMBER, 1, MAX_LIFE_PACKETS, NULL },
};

/* What limits the life of an SA: when it is replaced, when it ends at the
 * latest, and within how much before it is replaced at random, so that not
 * all are at once.  N_MEANINGS, N_SETTINGS: there is no such thing. */
static const struct limit {
    enum meaning rekey, life, rand, margin;
    enum meaning over;          /* 'life' after 'rekey'. */
    enum setting set_rekey, set_life, set_rand;
    enum setting set_over;
    uint64_t default_rekey;     /* In s; 0: not limited. */
    uint64_t max_margin;        /* Of one that nobody has set. */
} limits[] = {
    { M_IKE_REKEY_TIME, M_IKE_LIFE_TIME, M_IKE_RAND_TIME, M_MARGIN_TIME,
      M_OVER_TIME, IKE_REKEY_TIME, N_SETTINGS, IKE_RAND_TIME, IKE_OVER_TIME,
      14400, 540 },
    { M_REKEY_TIME, M_LIFE_TIME, M_RAND_TIME, M_MARGIN_TIME,
      N_MEANINGS, ESP_REKEY_TIME, ESP_LIFE_TIME, ESP_RAND_TIME, N_SETTINGS,
      3600, 540 },
    { M_REKEY_BYTES, M_LIFE_BYTES, M_RAND_BYTES, M_MARGIN_BYTES,
      N_MEANINGS, ESP_REKEY_BYTES, ESP_LIFE_BYTES, ESP_RAND_BYTES, N_SETTINGS,
      0, UINT64_MAX },
    { M_REKEY_PACKETS, M_LIFE_PACKETS, M_RAND_PACKETS, M_MARGIN_PACKETS,
      N_MEANINGS, ESP_REKEY_PACKETS, ESP_LIFE_PACKETS, ESP_RAND_PACKETS,
      N_SETTINGS, MAX_REKEY_PACKETS, UINT64_MAX },
};

/* What has been read.  The last members have room for N_MEANINGS, which is
 * never given. */
struct parser {
    const char *name[N_MEANINGS + 1];   /* Of the option, or null. */
    uint64_t number[N_MEANINGS + 1];
    struct tunnel_options *result;
    char *error;                /* The first one stays. */
};

/* Settings. */

/* Returns the first setting of 'scope'; setting_end() the one after the
 * last. */
enum setting
setting_first(enum setting_scope scope)
{
    return scope == SETTING_IKE ? IKE_VERSION : ESP_MODE;
}

enum setting
setting_end(enum setting_scope scope)
{
    return scope == SETTING_IKE ? ESP_MODE : N_SETTINGS;
}

/* Returns the name of 'setting' in swanctl.conf(5), which a connection and a
 * child may share. */
const char *
setting_name(enum setting setting)
{
    return settings[setting].name;
}

/* Returns true if a value of 'setting' is elements separated by commas. */
bool
setting_is_list(enum setting setting)
{
    return settings[setting].list;
}

/* What charon is to offer if nobody has said otherwise. */
static bool use_default_crypto;

/* From now on, proposals that no tunnel asks for are the IKE daemon's
 * defaults, not ours.  To be called before the first tunnel is parsed. */
void
settings_use_default_crypto(void)
{
    use_default_crypto = true;
}

/* Returns the value of 'setting' if nothing is said about it, or null. */
static const char *
setting_default(enum setting setting)
{
    return (use_default_crypto && (setting == IKE_PROPOSALS
                                   || setting == ESP_PROPOSALS)
            ? "default" : settings[setting].value);
}

/* Values. */

/* Returns true if 'name' is one of 'names', which blanks separate. */
static bool
has_name(const char *names, const char *name)
{
    size_t n = strlen(name);

    if (strchr(name, ' ')) {
        return false;
    }
    for (const char *p = names; p; p = strchr(p, ' ')) {
        p += *p == ' ';
        if (n && !strncmp(p, name, n) && (!p[n] || p[n] == ' ')) {
            return true;
        }
    }
    return false;
}

static enum meaning
find_meaning(const char *name)
{
    for (enum meaning m = 0; m < N_MEANINGS; m++) {
        if (has_name(allowed[m].names, name)) {
            return m;
        }
    }
    return N_MEANINGS;
}

/* Returns true if there is an option "ipsec_" with 'name'. */
bool
tunnel_options_has(const char *name)
{
    return find_meaning(name) != N_MEANINGS;
}

/* Takes over 'error'. */
static void
fail(struct parser *p, char *error)
{
    if (p->error) {
        free(error);
    } else {
        p->error = error;
    }
}

static void
set(struct parser *p, enum setting setting, const char *value)
{
    if (setting == N_SETTINGS || !value
        || nullable_string_is_equal(value, settings[setting].value)) {
        return;
    }
    if (!p->result) {
        p->result = xzalloc(sizeof *p->result);
        p->result->ref_cnt = 1;
    }
    free(p->result->value[setting]);
    p->result->value[setting] = xstrdup(value);
}

static void
set_number(struct parser *p, enum setting setting, uint64_t number)
{
    char *text = xasprintf("%"PRIu64, number);

    set(p, setting, text);
    free(text);
}

/* Words and numbers. */

static void
describe_words(const struct value_word *words, struct ds *ds)
{
    for (size_t i = 0; words[i].text; i++) {
        ds_put_format(ds, "%s%s", i ? ", " : "", words[i].text);
    }
}

static void
put_time(struct ds *ds, uint64_t seconds)
{
    static const struct { unsigned int s; const char *unit; } units[] = {
        { 86400, "d" }, { 3600, "h" }, { 60, "m" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (seconds && !(seconds % units[i].s)) {
            ds_put_format(ds, "%"PRIu64" %s", seconds / units[i].s,
                          units[i].unit);
            return;
        }
    }
    ds_put_format(ds, "%"PRIu64" s", seconds);
}

/* Appends what values 'o' takes. */
static void
describe_value(const struct option *o, struct ds *ds)
{
    switch (o->type) {
    case T_IKE_PROPOSALS:
        ds_put_cstr(ds, "proposals for IKE");
        break;
    case T_ESP_PROPOSALS:
        ds_put_cstr(ds, "proposals for ESP");
        break;
    case T_WORD:
        ds_put_cstr(ds, "one of ");
        describe_words(o->words, ds);
        break;
    case T_TIME:
        ds_put_cstr(ds, "a time from ");
        put_time(ds, o->min);
        ds_put_cstr(ds, " to ");
        put_time(ds, o->max);
        break;
    case T_BYTES:
        ds_put_format(ds, "bytes from %"PRIu64" to %"PRIu64, o->min, o->max);
        break;
    case T_NUMBER:
        ds_put_format(ds, "a number from %"PRIu64" to %"PRIu64,
                      o->min, o->max);
        break;
    case T_PERCENT:
        ds_put_format(ds, "a percentage from %"PRIu64"%% to %"PRIu64"%%",
                      o->min, o->max);
        break;
    }
}

/* Appends to 'names' the names of option number 'i', separated by commas, and
 * to 'value' what it takes.  Returns false after the last. */
bool
tunnel_options_describe(size_t i, struct ds *names, struct ds *value)
{
    if (i >= N_MEANINGS) {
        return false;
    }
    for (const char *p = allowed[i].names; *p; p++) {
        ds_put_cstr(names, *p == ' ' ? ", " : (char[]) { *p, '\0' });
    }
    describe_value(&allowed[i], value);
    return true;
}

static bool
scale(const char *unit, enum type type, uint64_t *factor)
{
    static const struct {
        const char *unit;
        enum type type;
        uint64_t factor;
    } units[] = {
        { "s", T_TIME, 1 }, { "m", T_TIME, 60 }, { "h", T_TIME, 3600 },
        { "d", T_TIME, 86400 }, { "%", T_PERCENT, 1 },
        /* strongSwan's, by the manual 1024 and powers of it. */
        { "k", T_BYTES, 1 << 10 }, { "m", T_BYTES, 1 << 20 },
        { "g", T_BYTES, 1 << 30 },
        { "Ki", T_BYTES, 1 << 10 }, { "Mi", T_BYTES, 1 << 20 },
        { "Gi", T_BYTES, 1 << 30 }, { "Ti", T_BYTES, UINT64_C(1) << 40 },
    };

    *factor = 1;
    if (!*unit) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (units[i].type == type && !strcmp(units[i].unit, unit)) {
            *factor = units[i].factor;
            return true;
        }
    }
    return false;
}

/* Takes digits, then a unit as far as 'o' has units. */
static bool
parse_number(const struct option *o, const char *text, uint64_t *number)
{
    size_t n = strspn(text, "0123456789");
    uint64_t factor;

    /* 19 digits fit into 64 bits. */
    if (!n || n > 19 || !scale(text + n, o->type, &factor)) {
        return false;
    }
    *number = strtoull(text, NULL, 10);
    if (*number > o->max / factor) {
        return false;
    }
    *number *= factor;
    return *number >= o->min;
}

static bool
parse_word(struct parser *p, const struct option *o, const char *text)
{
    for (const struct value_word *w = o->words; w->text; w++) {
        if (!strcmp(w->text, text)) {
            set(p, o->setting, w->value);
            return true;
        }
    }
    return false;
}

/* Fails with "options:ipsec_NAME=TEXT" and 'what', which it takes over. */
static void
fail_value(struct parser *p, const char *key, const char *text, char *what)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "options:%s=", key);
    put_quoted(&ds, text);
    ds_put_format(&ds, " %s", what);
    free(what);
    fail(p, ds_steal_cstr(&ds));
}

static void
parse_proposals(struct parser *p, const struct option *o, const char *key,
                const char *text)
{
    char *canonical;
    char *error = proposals_parse(text, (o->type == T_IKE_PROPOSALS
                                         ? PROPOSAL_IKE : PROPOSAL_ESP),
                                  &canonical);

    if (error) {
        fail_value(p, key, text, error);
    } else {
        set(p, o->setting, canonical);
        free(canonical);
    }
}

static void
parse_value(struct parser *p, enum meaning m, const char *key,
            const char *text)
{
    const struct option *o = &allowed[m];
    bool ok;

    if (o->type == T_IKE_PROPOSALS || o->type == T_ESP_PROPOSALS) {
        parse_proposals(p, o, key, text);
        return;
    }
    if (o->type == T_WORD) {
        ok = parse_word(p, o, text);
    } else {
        ok = parse_number(o, text, &p->number[m]);
        if (ok) {
            set_number(p, o->setting, p->number[m]);
        }
    }
    if (!ok) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ds_put_cstr(&ds, "is not ");
        describe_value(o, &ds);
        fail_value(p, key, text, ds_steal_cstr(&ds));
    }
}

static void
parse_option(struct parser *p, const char *key, const char *text)
{
    enum meaning m = find_meaning(key + strlen(PREFIX));

    if (m == N_MEANINGS) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ds_put_cstr(&ds, "options has ");
        put_quoted(&ds, key);
        ds_put_cstr(&ds, ", which is not one of the settings that a tunnel "
                    "may have, listed in ovs-monitor-ipsec(8): remove it");
        fail(p, ds_steal_cstr(&ds));
    } else if (p->name[m]) {
        fail(p, xasprintf("options:%s and options:%s set the same: keep one",
                          p->name[m], key));
    } else {
        p->name[m] = key;
        parse_value(p, m, key, text);
    }
}

/* Lifetimes. */

static void
fail_limit(struct parser *p, const struct limit *l, const char *what)
{
    const enum meaning all[] = { l->rekey, l->life, l->over, l->rand,
                                 l->margin, M_REKEY_FUZZ };
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        if (p->name[all[i]]) {
            ds_put_format(&ds, "%soptions:%s", ds.length ? ", " : "",
                          p->name[all[i]]);
        }
    }
    ds_put_format(&ds, ": %s", what);
    fail(p, ds_steal_cstr(&ds));
}

/* Stores when an SA is replaced, at 'rekey', and when it ends, at 'life'; 0:
 * as charon does by default. */
static void
set_limit(struct parser *p, const struct limit *l, uint64_t rekey,
          uint64_t life, uint64_t rand)
{
    if (life && rekey >= life) {
        fail_limit(p, l, "the SA would end before it is replaced");
    } else if (rand >= rekey) {
        fail_limit(p, l, "the SA would be replaced as soon as it is there");
    } else {
        set_number(p, l->set_rekey, rekey);
        if (life) {
            set_number(p, l->set_life, life);
            set_number(p, l->set_over, life - rekey);
        }
    }
}

/* When rekeying is said by how long before the end it begins. */
static void
work_out_margin(struct parser *p, const struct limit *l)
{
    uint64_t life = (p->name[l->life] ? p->number[l->life]
                     : l->default_rekey + l->default_rekey / 10);
    uint64_t margin = (p->name[l->margin] ? p->number[l->margin]
                       : MAX(1, MIN(life / 10, l->max_margin)));
    uint64_t fuzz = p->name[M_REKEY_FUZZ] ? p->number[M_REKEY_FUZZ] : 100;
    uint64_t rand = (p->name[l->rand] ? p->number[l->rand]
                     : margin / 100 * fuzz + margin % 100 * fuzz / 100);

    if (margin >= life) {
        fail_limit(p, l, "the SA would be replaced as soon as it is there");
        return;
    }
    set_limit(p, l, life - margin, life, rand);
    set_number(p, l->set_rand, rand);
}

static void
work_out_limit(struct parser *p, const struct limit *l)
{
    bool by_margin = (p->name[l->life] || p->name[l->margin]
                      || (p->name[M_REKEY_FUZZ]
                          && l->max_margin < UINT64_MAX));
    uint64_t rekey = (p->name[l->rekey] ? p->number[l->rekey]
                      : l->default_rekey);
    uint64_t life = p->name[l->life] ? p->number[l->life] : 0;

    if (p->name[l->over]) {
        if (life) {
            fail_limit(p, l, "both say when the SA ends: keep one");
            return;
        }
        life = rekey + p->number[l->over];
    } else if (by_margin && !p->name[l->rekey]) {
        if (!life && !l->default_rekey) {
            fail_limit(p, l, "there is no limit that it could be before");
            return;
        }
        work_out_margin(p, l);
        return;
    }
    if (p->name[l->rekey] || life) {
        set_limit(p, l, rekey, life, p->number[l->rand]);
    } else if (p->name[l->rand] && p->number[l->rand] >= rekey) {
        fail_limit(p, l, "the SA would be replaced as soon as it is there");
    }
    if (p->name[l->rand]) {
        set_number(p, l->set_rand, p->number[l->rand]);
    }
}

/* Options. */

/* Reads what 'smap', the options of an interface, has under names with
 * "ipsec_".  On success returns null and sets '*optionsp' to the settings,
 * null if all are the defaults; otherwise returns what is wrong, in words, and
 * sets '*optionsp' to null.  The caller owns either. */
char *
tunnel_options_parse(const struct smap *smap, struct tunnel_options **optionsp)
{
    const struct smap_node **nodes = smap_sort(smap);
    struct parser p = { .error = NULL };

    for (size_t i = 0; i < smap_count(smap); i++) {
        if (!strncmp(nodes[i]->key, PREFIX, strlen(PREFIX))
            && !guard_options_has(nodes[i]->key)) {
            parse_option(&p, nodes[i]->key, nodes[i]->value);
        }
    }
    for (size_t i = 0; !p.error && i < ARRAY_SIZE(limits); i++) {
        work_out_limit(&p, &limits[i]);
    }
    free(nodes);
    if (p.error) {
        tunnel_options_unref(p.result);
        p.result = NULL;
    }
    *optionsp = p.result;
    return p.error;
}

/* Returns a new reference to 'options', which may be null. */
struct tunnel_options *
tunnel_options_ref(struct tunnel_options *options)
{
    if (options) {
        options->ref_cnt++;
    }
    return options;
}

/* Gives up a reference to 'options', which may be null. */
void
tunnel_options_unref(struct tunnel_options *options)
{
    if (options && !--options->ref_cnt) {
        for (size_t i = 0; i < N_SETTINGS; i++) {
            free(options->value[i]);
        }
        free(options);
    }
}

/* Returns the value of 'setting' by 'options' or by default, null if charon
 * is to choose.  Good as long as 'options' is. */
const char *
tunnel_options_get(const struct tunnel_options *options, enum setting setting)
{
    return (options && options->value[setting]
            ? options->value[setting] : setting_default(setting));
}

/* Returns true if 'a' and 'b' have the same settings of 'scope'. */
bool
tunnel_options_equals(const struct tunnel_options *a,
                      const struct tunnel_options *b,
                      enum setting_scope scope)
{
    SETTING_FOR_EACH (setting, scope) {
        if (!nullable_string_is_equal(tunnel_options_get(a, setting),
                                      tunnel_options_get(b, setting))) {
            return false;
        }
    }
    return true;
}

/* Returns a hash of all settings of 'options' and of 'basis'. */
uint32_t
tunnel_options_hash(const struct tunnel_options *options, uint32_t basis)
{
    for (enum setting i = 0; i < N_SETTINGS; i++) {
        const char *value = tunnel_options_get(options, i);

        basis = value ? hash_string(value, basis) : hash_add(basis, i);
    }
    return basis;
}

/* Appends to 'ds' a line for each setting that is not the default. */
void
tunnel_options_format(const struct tunnel_options *options, struct ds *ds)
{
    for (enum setting i = 0; options && i < N_SETTINGS; i++) {
        if (options->value[i]) {
            ds_put_format(ds, "  %s %s: %s\n", i < ESP_MODE ? "ike" : "esp",
                          settings[i].name, options->value[i]);
        }
    }
}
