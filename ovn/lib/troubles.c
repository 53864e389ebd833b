/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See troubles.h. */

#include <config.h>

#include "ovn/lib/troubles.h"

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(troubles);

/* Time until a trouble that lasts is logged again, in ms. */
#define REPEAT_MS (60 * 1000)

struct trouble {
    char *about;                /* Empty: nothing in particular. */
    char *text;
    enum vlog_level level;
    long long int repeat_at;    /* In terms of time_msec(). */
    bool seen;                  /* Added since troubles_begin()? */
};

static struct ovs_list all_troubles = OVS_LIST_INITIALIZER(&all_troubles);

/* 2,000 tunnels can have the same fault. */
static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);

static void
trouble_free(struct trouble *trouble)
{
    free(trouble->about);
    free(trouble->text);
    free(trouble);
}

/* Makes 't' an empty set, which "troubles" will list.  'shash_find' and
 * others may be used on 't->by_subject' to look at it. */
void
troubles_init(struct troubles *t)
{
    t->about = NULL;
    shash_init(&t->by_subject);
    ovs_list_push_back(&all_troubles, &t->node);
}

/* Frees what 't' contains, without a word in the log. */
void
troubles_destroy(struct troubles *t)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &t->by_subject) {
        trouble_free(node->data);
    }
    shash_destroy(&t->by_subject);
    ovs_list_remove(&t->node);
}

static bool
is_about(const struct trouble *trouble, const char *about)
{
    return !about || !strcmp(trouble->about, about);
}

/* Begins a look at 'about' alone, which must stay until
 * troubles_end_about(). */
void
troubles_begin_about(struct troubles *t, const char *about)
{
    struct shash_node *node;

    t->about = about;
    SHASH_FOR_EACH (node, &t->by_subject) {
        struct trouble *trouble = node->data;

        if (is_about(trouble, about)) {
            trouble->seen = false;
        }
    }
}

/* Begins a pass. */
void
troubles_begin(struct troubles *t)
{
    troubles_begin_about(t, NULL);
}

static void
make_printable(char *text)
{
    for (char *p = text; *p; p++) {
        if ((unsigned char) *p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }
}

/* Says that this pass found 'subject' at fault, in the words of 'format',
 * which name what is wrong, where, and what to do.  The last of several
 * faults of one subject stays. */
void
troubles_add(struct troubles *t, enum vlog_level level, const char *subject,
             const char *format, ...)
{
    const char *about = t->about ? t->about : "";
    char *key = xasprintf("%s\n%s", about, subject);
    struct trouble *trouble = shash_find_data(&t->by_subject, key);
    va_list args;
    char *text;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);
    make_printable(text);

    if (!trouble) {
        trouble = xzalloc(sizeof *trouble);
        trouble->about = xstrdup(about);
        shash_add(&t->by_subject, key, trouble);
    }
    free(key);
    trouble->seen = true;
    trouble->level = level;
    if (!trouble->text || strcmp(text, trouble->text)) {
        trouble->repeat_at = LLONG_MIN;
    }
    free(trouble->text);
    trouble->text = text;
    if (time_msec() >= trouble->repeat_at) {
        trouble->repeat_at = time_msec() + REPEAT_MS;
        vlog_rate_limit(&this_module, level, &rl, "%s", text);
    }
}

/* Ends a look: what it did not find any more is over. */
void
troubles_end_about(struct troubles *t)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &t->by_subject) {
        struct trouble *trouble = node->data;

        if (!trouble->seen && is_about(trouble, t->about)) {
            VLOG_INFO_RL(&rl, "mended: %s", trouble->text);
            trouble_free(trouble);
            shash_delete(&t->by_subject, node);
        }
    }
    t->about = NULL;
}

/* Ends a pass. */
void
troubles_end(struct troubles *t)
{
    t->about = NULL;
    troubles_end_about(t);
}

static void
troubles_unixctl(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds reply = DS_EMPTY_INITIALIZER;
    struct troubles *t;

    LIST_FOR_EACH (t, node, &all_troubles) {
        const struct shash_node **nodes = shash_sort(&t->by_subject);

        for (size_t i = 0; i < shash_count(&t->by_subject); i++) {
            const struct trouble *trouble = nodes[i]->data;
            ds_put_format(&reply, "%s: %s\n",
                          vlog_get_level_name(trouble->level), trouble->text);
        }
        free(nodes);
    }
    unixctl_command_reply(conn, ds_cstr(&reply));
    ds_destroy(&reply);
}

/* Registers the command "troubles". */
void
troubles_unixctl_register(void)
{
    unixctl_command_register("troubles", "", 0, 0, troubles_unixctl, NULL);
}
