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
    free(trouble->text);
    free(trouble);
}

/* Makes 't' an empty set, which "troubles" will list. */
void
troubles_init(struct troubles *t)
{
    t->about = NULL;
    shash_init(&t->general);
    shash_init(&t->by_about);
    ovs_list_push_back(&all_troubles, &t->node);
}

static void
destroy_group(struct shash *by_subject)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, by_subject) {
        trouble_free(node->data);
    }
    shash_destroy(by_subject);
}

/* Frees what 't' contains, without a word in the log. */
void
troubles_destroy(struct troubles *t)
{
    struct shash_node *group;

    SHASH_FOR_EACH (group, &t->by_about) {
        destroy_group(group->data);
        free(group->data);
    }
    shash_destroy(&t->by_about);
    destroy_group(&t->general);
    ovs_list_remove(&t->node);
}

static void
begin_group(const struct shash *by_subject)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, by_subject) {
        struct trouble *trouble = node->data;

        trouble->seen = false;
    }
}

/* Begins a look at 'about' alone, which must stay until
 * troubles_end_about(). */
void
troubles_begin_about(struct troubles *t, const char *about)
{
    const struct shash *by_subject = shash_find_data(&t->by_about, about);

    t->about = about;
    if (by_subject) {
        begin_group(by_subject);
    }
}

/* Begins a pass. */
void
troubles_begin(struct troubles *t)
{
    struct shash_node *group;

    t->about = NULL;
    begin_group(&t->general);
    SHASH_FOR_EACH (group, &t->by_about) {
        begin_group(group->data);
    }
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

/* Returns the troubles with what is being looked at, by subject. */
static struct shash *
get_group(struct troubles *t)
{
    struct shash *by_subject;

    if (!t->about) {
        return &t->general;
    }
    by_subject = shash_find_data(&t->by_about, t->about);
    if (!by_subject) {
        by_subject = xmalloc(sizeof *by_subject);
        shash_init(by_subject);
        shash_add(&t->by_about, t->about, by_subject);
    }
    return by_subject;
}

/* Returns the trouble of 'subject', new or not. */
static struct trouble *
get_trouble(struct troubles *t, const char *subject)
{
    struct shash *by_subject = get_group(t);
    struct trouble *trouble = shash_find_data(by_subject, subject);

    if (!trouble) {
        trouble = xzalloc(sizeof *trouble);
        shash_add(by_subject, subject, trouble);
    }
    return trouble;
}

/* Says that this pass found 'subject' at fault, in the words of 'format',
 * which name what is wrong, where, and what to do.  The last of several
 * faults of one subject stays. */
void
troubles_add(struct troubles *t, enum vlog_level level, const char *subject,
             const char *format, ...)
{
    struct trouble *trouble = get_trouble(t, subject);
    va_list args;
    char *text;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);
    make_printable(text);

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

static void
end_group(struct shash *by_subject)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, by_subject) {
        struct trouble *trouble = node->data;

        if (!trouble->seen) {
            VLOG_INFO_RL(&rl, "mended: %s", trouble->text);
            trouble_free(trouble);
            shash_delete(by_subject, node);
        }
    }
}

static void
end_about(struct troubles *t, struct shash_node *group)
{
    struct shash *by_subject = group->data;

    end_group(by_subject);
    if (shash_is_empty(by_subject)) {
        shash_destroy(by_subject);
        free(by_subject);
        shash_delete(&t->by_about, group);
    }
}

/* Ends a look: what it did not find any more is over. */
void
troubles_end_about(struct troubles *t)
{
    struct shash_node *group = shash_find(&t->by_about, t->about);

    if (group) {
        end_about(t, group);
    }
    t->about = NULL;
}

/* Ends a pass. */
void
troubles_end(struct troubles *t)
{
    struct shash_node *group;

    end_group(&t->general);
    SHASH_FOR_EACH_SAFE (group, &t->by_about) {
        end_about(t, group);
    }
    t->about = NULL;
}

static void
format_group(struct ds *reply, const struct shash *by_subject)
{
    const struct shash_node **nodes = shash_sort(by_subject);

    for (size_t i = 0; i < shash_count(by_subject); i++) {
        const struct trouble *trouble = nodes[i]->data;

        ds_put_format(reply, "%s: %s\n", vlog_get_level_name(trouble->level),
                      trouble->text);
    }
    free(nodes);
}

static void
troubles_unixctl(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds reply = DS_EMPTY_INITIALIZER;
    struct troubles *t;

    LIST_FOR_EACH (t, node, &all_troubles) {
        const struct shash_node **groups = shash_sort(&t->by_about);

        format_group(&reply, &t->general);
        for (size_t i = 0; i < shash_count(&t->by_about); i++) {
            format_group(&reply, groups[i]->data);
        }
        free(groups);
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
