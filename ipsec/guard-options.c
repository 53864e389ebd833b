/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The options of the guard; see guard-options.h. */

#include <config.h>

#include "guard-options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "quote.h"
#include "smap.h"
#include "util.h"

#define MODE "ipsec_guard"
#define TRANSITION "ipsec_transition"
#define TIMEOUT "ipsec_transition_timeout"
#define MARK "ipsec_skb_mark"

/* In s. */
#define TIMEOUT_DEFAULT 30
#define TIMEOUT_MAX 3600

/* A word that may stand as value, and what it stands for; ends with null. */
struct word {
    const char *text;
    int value;
};

static const struct word modes[] = {
    { "strict", GUARD_MODE_STRICT },
    { "peer", GUARD_MODE_PEER },
    { "off", GUARD_MODE_OFF },
    { NULL, GUARD_MODE_UNSET },
};

static const struct word transitions[] = {
    { "strict", GUARD_TRANSITION_STRICT },
    { "seamless", GUARD_TRANSITION_SEAMLESS },
    { NULL, GUARD_TRANSITION_UNSET },
};

static const struct word *
find_word(const struct word *words, const char *text)
{
    while (words->text && strcmp(words->text, text)) {
        words++;
    }
    return words;
}

/* Returns what 'name' is set to in 'map', 0 if it is absent or none of
 * 'words'; then fills in '*errorp', if that is null, with 'expected'. */
static int
get_word(const struct smap *map, const char *column, const char *name,
         const struct word *words, const char *expected, char **errorp)
{
    const char *text = smap_get(map, name);
    const struct word *word;

    if (!text) {
        return 0;
    }
    word = find_word(words, text);
    if (!word->text && !*errorp) {
        *errorp = xasprintf("%s:%s is not %s", column, name, expected);
    }
    return word->value;
}

/* Sets '*options' from 'map', the column that is called 'column' for people.
 * Returns null, or what is wrong in words, which the caller frees; what is
 * wrong is left unset. */
char *
guard_options_parse(const struct smap *map, const char *column,
                    struct guard_options *options)
{
    char *error = NULL;

    options->mode = get_word(map, column, MODE, modes,
                             "strict, peer or off", &error);
    options->transition = get_word(map, column, TRANSITION, transitions,
                                   "strict or seamless", &error);
    return error;
}

/* Returns true if 'a' and 'b' are the same. */
bool
guard_options_equal(const struct guard_options *a,
                    const struct guard_options *b)
{
    return a->mode == b->mode && a->transition == b->transition;
}

/* Returns a hash of what guard_options_equal() compares. */
uint32_t
guard_options_hash(const struct guard_options *options)
{
    return hash_2words(options->mode, options->transition);
}

static void
format_word(const char *name, const struct word *words, int value,
            struct ds *ds)
{
    while (words->text && words->value != value) {
        words++;
    }
    if (words->text) {
        ds_put_format(ds, "  %s: %s\n", name, words->text);
    }
}

/* Appends to 'ds' a line for each option that is set. */
void
guard_options_format(const struct guard_options *options, struct ds *ds)
{
    format_word(MODE, modes, options->mode, ds);
    format_word(TRANSITION, transitions, options->transition, ds);
}

/* Returns true if 'name' is one of the options of a tunnel that are ours. */
bool
guard_options_has(const char *name)
{
    return !strcmp(name, MODE) || !strcmp(name, TRANSITION);
}

/* Returns true if the option 'name' with 'value' is the one that declares a
 * tunnel without authentication to be in clear on purpose. */
bool
guard_options_declares_plain(const char *name, const char *value)
{
    return !strcmp(name, MODE) && !strcmp(value, "off");
}

static int
parse_timeout(const struct smap *other_config, char **errorp)
{
    const char *text = smap_get(other_config, TIMEOUT);
    unsigned int seconds = TIMEOUT_DEFAULT;

    if (text && (!str_to_uint(text, 10, &seconds)
                 || seconds > TIMEOUT_MAX)) {
        if (!*errorp) {
            *errorp = xasprintf("other_config:"TIMEOUT" is not a number of "
                                "seconds from 0 to %d", TIMEOUT_MAX);
        }
        seconds = TIMEOUT_DEFAULT;
    }
    return seconds * 1000;
}

/* Takes VALUE[/MASK], each decimal or hexadecimal. */
static bool
parse_mark(const char *text, uint32_t *value, uint32_t *mask)
{
    unsigned long long int v, m = UINT32_MAX;
    char *copy = xstrdup(text);
    char *slash = strchr(copy, '/');
    bool ok;

    if (slash) {
        *slash++ = '\0';
    }
    ok = (isdigit((unsigned char) copy[0])
          && (!slash || isdigit((unsigned char) slash[0]))
          && str_to_ullong(copy, 0, &v)
          && (!slash || str_to_ullong(slash, 0, &m))
          && v <= UINT32_MAX && m && m <= UINT32_MAX && !(v & ~m));
    free(copy);
    if (ok) {
        *value = v;
        *mask = m;
    }
    return ok;
}

/* An unusable mark changes nothing: what was never to leave still does not. */
static void
update_mark(const struct smap *other_config, struct guard_settings *settings,
            char **errorp)
{
    const char *text = smap_get(other_config, MARK);

    if (!text) {
        settings->mark = settings->mark_mask = 0;
    } else if (!parse_mark(text, &settings->mark, &settings->mark_mask)
               && !*errorp) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ds_put_cstr(&ds, "other_config:"MARK"=");
        put_quoted(&ds, text);
        ds_put_cstr(&ds, " is not VALUE/MASK of a packet mark, such as "
                    "0x1/0x1, with no bit in VALUE that MASK does not have");
        *errorp = ds_steal_cstr(&ds);
    }
}

/* Sets '*settings' from 'other_config' of table Open_vSwitch.  Returns null,
 * or what is wrong in words, which the caller frees; then the default takes
 * its place, which is the safest, and the mark stays as it was. */
char *
guard_settings_parse(const struct smap *other_config,
                     struct guard_settings *settings)
{
    char *error = guard_options_parse(other_config, "other_config",
                                      &settings->options);

    if (!settings->options.mode) {
        settings->options.mode = GUARD_MODE_STRICT;
    }
    if (!settings->options.transition) {
        settings->options.transition = GUARD_TRANSITION_STRICT;
    }
    settings->timeout = parse_timeout(other_config, &error);
    update_mark(other_config, settings, &error);
    return error;
}
