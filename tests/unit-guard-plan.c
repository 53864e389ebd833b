/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/guard-plan, ipsec/guard-options and ipsec/transition. */

#include <config.h>

#include "guard-plan.h"
#include "unit.h"
#include "xfrm.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "smap.h"
#include "transition.h"
#include "tunnel.h"

/* A host with up to 4 tunnels, each written as "NAME TYPE OPTION=VALUE...",
 * those after the null in clear. */
struct scene {
    const char *other_config;   /* As "KEY=VALUE KEY=VALUE". */
    const char *encrypted[4];
    const char *plain[4];
    bool ending;                /* The plaintext ones have SAs still. */

    const char *rules;
    const char *cut_off;        /* Names. */
    const char *weakened;
    size_t n_off;
};

static void
parse_smap(const char *text, struct smap *map)
{
    char *copy = xstrdup(text);
    char *save = NULL;

    smap_init(map);
    for (char *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');

        *value++ = '\0';
        smap_add(map, word, value);
    }
    free(copy);
}

static struct tunnel *
parse_tunnel(const char *text, struct smap *options)
{
    char name[16], type[16];
    int n;

    ovs_assert(ovs_scan(text, "%15s %15s%n", name, type, &n));
    parse_smap(text + n, options);
    return tunnel_parse(name, type, options);
}

static void
add_all(struct guard_plan *plan, const struct scene *scene)
{
    struct smap options;
    struct tunnel *t;

    for (size_t i = 0; i < 4 && scene->encrypted[i]; i++) {
        t = parse_tunnel(scene->encrypted[i], &options);
        CHECK(tunnel_wants_ipsec(t->type->name, &options));
        guard_plan_add(plan, t);
        tunnel_destroy(t);
        smap_destroy(&options);
    }
    for (size_t i = 0; i < 4 && scene->plain[i]; i++) {
        const char *remote_ip;

        t = parse_tunnel(scene->plain[i], &options);
        remote_ip = smap_get_def(&options, "remote_ip", "");
        CHECK(!tunnel_wants_ipsec(t->type->name, &options));
        guard_plan_add_plain(plan, t, !strcmp(remote_ip, "flow"),
                             scene->ending);
        tunnel_destroy(t);
        smap_destroy(&options);
    }
}

static void
remove_encrypted(struct guard_plan *plan, const struct scene *scene)
{
    for (size_t i = 0; i < 4 && scene->encrypted[i]; i++) {
        struct smap options;
        struct tunnel *t = parse_tunnel(scene->encrypted[i], &options);

        guard_plan_remove(plan, t);
        tunnel_destroy(t);
        smap_destroy(&options);
    }
}

static char *
format_rules(const struct guard_plan *plan)
{
    static const char *actions[] = { "protect", "allow", "accept" };
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < plan->n_rules; i++) {
        const struct guard_rule *rule = &plan->rules[i];

        ds_put_format(&ds, "%s%s %d/%d ", i ? "; " : "",
                      actions[rule->action], rule->selector.proto,
                      rule->selector.port);
        if (guard_rule_is_wildcard(rule)) {
            ds_put_cstr(&ds, (rule->selector.family == AF_INET
                              ? "ipv4" : "ipv6"));
        } else {
            ipv6_format_mapped(&rule->remote, &ds);
        }
    }
    return ds_steal_cstr(&ds);
}

static char *
format_names(const struct shash *shash)
{
    const struct shash_node **nodes = shash_sort(shash);
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < shash_count(shash); i++) {
        ds_put_format(&ds, "%s%s", i ? " " : "", nodes[i]->name);
    }
    free(nodes);
    return ds_steal_cstr(&ds);
}

static void
check_text(char *got, const char *expected)
{
    CHECK_STRING(got, expected ? expected : "");
    free(got);
}

static struct guard_plan *
create_plan(const struct scene *scene)
{
    struct guard_settings settings;
    struct guard_plan *plan;
    struct smap config;

    parse_smap(scene->other_config ? scene->other_config : "", &config);
    memset(&settings, 0, sizeof settings);
    CHECK_STRING(guard_settings_parse(&config, &settings), NULL);
    plan = guard_plan_create(&settings.options);
    smap_destroy(&config);
    return plan;
}

static void
finish(struct guard_plan *plan)
{
    struct transition transition;

    transition_init(&transition, NULL);
    guard_plan_finish(plan, &transition, 0);
    transition_destroy(&transition);
}

static void
check_plan(const struct guard_plan *plan, const struct scene *scene)
{
    check_text(format_rules(plan), scene->rules);
    check_text(format_names(&plan->cut_off), scene->cut_off);
    check_text(format_names(&plan->weakened), scene->weakened);
    CHECK(plan->n_off == scene->n_off);
}

static void
check_scene(const struct scene *scene)
{
    struct guard_plan *plan = create_plan(scene);

    add_all(plan, scene);
    finish(plan);
    check_plan(plan, scene);
    guard_plan_destroy(plan);
}

/* What was there before leaves no trace, whether it goes before or after the
 * new comes. */
static void
check_change(const struct scene *old, const struct scene *new, bool add_first)
{
    struct guard_plan *plan = create_plan(new);

    add_all(plan, old);
    finish(plan);
    guard_plan_clear_plain(plan);
    if (add_first) {
        add_all(plan, new);
        remove_encrypted(plan, old);
    } else {
        remove_encrypted(plan, old);
        add_all(plan, new);
    }
    finish(plan);
    check_plan(plan, new);
    guard_plan_destroy(plan);
}

#define ONE "a geneve remote_ip=10.0.0.1 psk=x"
#define ONE_PLAIN "p geneve remote_ip=10.0.0.1"
#define TWO_PLAIN "q geneve remote_ip=10.0.0.2"

static const struct scene scenes[] = {
    /* Nothing to protect. */
    { .rules = "" },
    { .plain = { ONE_PLAIN, "f geneve remote_ip=flow" } },
    /* Every address is protected, whatever the number of tunnels. */
    { .encrypted = { ONE, "b geneve remote_ip=10.0.0.2 psk=x",
                     "c vxlan remote_ip=2001:db8::1 psk=x" },
      .rules = "protect 17/6081 ipv4; protect 17/4789 ipv6" },
    /* Another port is another matter. */
    { .encrypted = { "a geneve remote_ip=10.0.0.1 psk=x dst_port=7000" },
      .plain = { ONE_PLAIN },
      .rules = "protect 17/7000 ipv4" },
    /* An INVALID tunnel is protected too, in both families if its own is not
     * known. */
    { .encrypted = { "a geneve remote_ip=10.0.0.1 psk=x ipsec_foo=1",
                     "b vxlan remote_ip=flow psk=x" },
      .rules = "protect 17/4789 ipv4; protect 17/6081 ipv4; "
               "protect 17/4789 ipv6" },
    /* What Open vSwitch makes of an INVALID tunnel is protected: 70326 modulo
     * 65536, and addresses that it reads in its own way. */
    { .encrypted = { "a geneve remote_ip=10.0.0.1 psk=x dst_port=70326",
                     "b vxlan remote_ip=10.0.0.1 psk=x dst_port=4790x" },
      .rules = "protect 17/4790 ipv4" },
    { .other_config = "ipsec_guard=peer",
      .encrypted = { "a geneve remote_ip=::ffff:10.0.0.1 psk=x",
                     "b vxlan remote_ip=fe80::1 psk=x" },
      .rules = "protect 17/6081 10.0.0.1; protect 17/4789 fe80::1" },
    { .other_config = "ipsec_guard=peer",
      .encrypted = { "a geneve remote_ip=flow psk=x" },
      .rules = "protect 17/6081 ipv4; protect 17/6081 ipv6" },
    /* A forgotten tunnel is cut off, a declared one is not. */
    { .encrypted = { ONE },
      .plain = { TWO_PLAIN, "r geneve remote_ip=10.0.0.3 ipsec_guard=off" },
      .rules = "protect 17/6081 ipv4; allow 17/6081 10.0.0.3",
      .cut_off = "q" },
    /* Not even a declared one may weaken the tunnel to the same address. */
    { .encrypted = { ONE },
      .plain = { "p geneve remote_ip=10.0.0.1 ipsec_guard=off" },
      .rules = "protect 17/6081 ipv4",
      .cut_off = "p" },
    /* Protection of the addresses of tunnels only. */
    { .other_config = "ipsec_guard=peer",
      .encrypted = { ONE, "b geneve remote_ip=10.0.0.2 psk=x" },
      .plain = { ONE_PLAIN, "r geneve remote_ip=10.0.0.3" },
      .rules = "protect 17/6081 10.0.0.1; protect 17/6081 10.0.0.2",
      .cut_off = "p" },
    { .encrypted = { ONE " ipsec_guard=peer" },
      .rules = "protect 17/6081 10.0.0.1" },
    /* One that is strict is enough. */
    { .other_config = "ipsec_guard=peer",
      .encrypted = { ONE, "b geneve remote_ip=10.0.0.2 psk=x "
                     "ipsec_guard=strict" },
      .rules = "protect 17/6081 ipv4" },
    /* No guard. */
    { .other_config = "ipsec_guard=off", .n_off = 1, .encrypted = { ONE },
      .plain = { ONE_PLAIN, "f geneve remote_ip=flow" } },
    /* Off for one tunnel. */
    { .encrypted = { ONE, "b geneve remote_ip=10.0.0.2 psk=x "
                     "ipsec_guard=off" },
      .rules = "protect 17/6081 ipv4; allow 17/6081 10.0.0.2",
      .n_off = 1 },
    /* But not for the other one to the same address. */
    { .encrypted = { ONE, "b geneve remote_ip=10.0.0.1 psk=x key=1 "
                     "ipsec_guard=off" },
      .rules = "protect 17/6081 ipv4" },
    /* A plaintext tunnel without an address of its own. */
    { .encrypted = { ONE }, .plain = { "f geneve remote_ip=flow" },
      .rules = "protect 17/6081 10.0.0.1", .weakened = "f" },
    { .encrypted = { ONE },
      .plain = { "f geneve remote_ip=flow ipsec_guard=off", TWO_PLAIN },
      .rules = "protect 17/6081 10.0.0.1", .weakened = "f" },
    { .encrypted = { ONE }, .plain = { "f vxlan remote_ip=flow" },
      .rules = "protect 17/6081 ipv4" },
    { .other_config = "ipsec_guard=peer",
      .encrypted = { ONE }, .plain = { "f geneve remote_ip=flow" },
      .rules = "protect 17/6081 10.0.0.1" },
    /* On the way to clear: only where clear is allowed. */
    { .plain = { ONE_PLAIN }, .ending = true,
      .rules = "accept 17/6081 10.0.0.1" },
    { .encrypted = { ONE }, .plain = { TWO_PLAIN }, .ending = true,
      .rules = "protect 17/6081 ipv4", .cut_off = "q" },
    { .encrypted = { ONE }, .plain = { TWO_PLAIN " ipsec_guard=off" },
      .ending = true,
      .rules = "protect 17/6081 ipv4; accept 17/6081 10.0.0.2" },
    /* On the way to encryption. */
    { .other_config = "ipsec_transition=seamless",
      .encrypted = { ONE } },
    { .other_config = "ipsec_transition=seamless ipsec_guard=peer",
      .encrypted = { ONE } },
    { .encrypted = { ONE " ipsec_transition=seamless",
                     "b geneve remote_ip=10.0.0.2 psk=x" },
      .rules = "protect 17/6081 ipv4" },
    { .encrypted = { ONE " ipsec_transition=seamless",
                     "b vxlan remote_ip=10.0.0.2 psk=x" },
      .rules = "protect 17/4789 ipv4" },
};

/* Who is protected. */
static void
test_protects(void)
{
    static const struct {
        const char *other_config;
        const char *tunnel;
        bool protects;
    } cases[] = {
        { "", ONE, true },
        { "ipsec_guard=peer", ONE, true },
        { "ipsec_guard=off", ONE, false },
        { "", ONE " ipsec_guard=off", false },
        { "ipsec_guard=off", ONE " ipsec_guard=peer", true },
        /* Another tunnel to the same address is protected. */
        { "", "b geneve remote_ip=10.0.0.9 psk=x ipsec_guard=off", true },
        { "", "b vxlan remote_ip=10.0.0.9 psk=x ipsec_guard=off", false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct scene scene = { .other_config = cases[i].other_config };
        struct guard_plan *plan = create_plan(&scene);
        struct smap options, other_options;
        struct tunnel *t = parse_tunnel(cases[i].tunnel, &options);
        struct tunnel *other = parse_tunnel(
            "o geneve remote_ip=10.0.0.9 psk=x ipsec_guard=strict",
            &other_options);

        guard_plan_add(plan, t);
        guard_plan_add(plan, other);
        CHECK(guard_plan_protects(plan, t) == cases[i].protects);
        CHECK(plan->n_off == !cases[i].protects);
        guard_plan_remove(plan, other);
        guard_plan_remove(plan, t);
        CHECK(!plan->n_off);
        smap_destroy(&options);
        smap_destroy(&other_options);
        tunnel_destroy(other);
        tunnel_destroy(t);
        guard_plan_destroy(plan);
    }
}

/* The names of what is down are those of the selector. */
static void
test_down(void)
{
    const struct guard_selector s = {
        .family = AF_INET, .proto = IPPROTO_UDP, .port = 6081,
    };
    const struct guard_selector other = {
        .family = AF_INET6, .proto = IPPROTO_UDP, .port = 6081,
    };
    struct transition_selector *ts;
    struct transition tr;
    char name[8];

    transition_init(&tr, NULL);
    transition_begin(&tr);
    transition_defers(&tr, &s, true, 1000);
    transition_defers(&tr, &other, false, 1000);
    transition_end(&tr);
    CHECK(transition_has_deferred(&tr, &s));
    CHECK(!transition_has_deferred(&tr, &other));
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "t%d", i);
        transition_note_down(&tr, &s, name);
        transition_note_down(&tr, &other, name);
    }
    TRANSITION_FOR_EACH (ts, &tr) {
        CHECK(ts->n_down == (ts->selector.family == AF_INET ? 30 : 0));
        CHECK(sset_count(&ts->down) == (ts->n_down ? TRANSITION_MAX_NAMES
                                        : 0));
        transition_selector_clear_down(ts);
        CHECK(!ts->n_down && sset_is_empty(&ts->down));
    }
    transition_destroy(&tr);
}

/* A selector is deferred once. */
static void
test_transition(void)
{
    const struct guard_selector s = {
        .family = AF_INET, .proto = IPPROTO_UDP, .port = 6081,
    };
    struct transition_selector *ts;
    struct transition tr;

    transition_init(&tr, NULL);
    transition_begin(&tr);
    CHECK(transition_defers(&tr, &s, true, 1000));
    transition_end(&tr);
    CHECK(transition_is_under_way(&tr));

    /* The deadline stays as it was. */
    transition_begin(&tr);
    CHECK(transition_defers(&tr, &s, true, 2000));
    transition_end(&tr);
    TRANSITION_FOR_EACH (ts, &tr) {
        CHECK(ts->deadline == 1000);
        ts->deferred = false;
    }
    transition_begin(&tr);
    CHECK(!transition_defers(&tr, &s, true, 3000));
    transition_end(&tr);
    CHECK(!transition_is_under_way(&tr));

    /* It goes, and comes back strict, then seamless. */
    transition_begin(&tr);
    transition_end(&tr);
    transition_begin(&tr);
    CHECK(!transition_defers(&tr, &s, false, 3000));
    transition_end(&tr);
    transition_begin(&tr);
    CHECK(!transition_defers(&tr, &s, true, 3000));
    transition_end(&tr);
    transition_destroy(&tr);
}

static void
check_settings(const char *text, const char *error, enum guard_mode mode,
               enum guard_transition transition, int timeout)
{
    struct guard_settings settings;
    struct smap config;
    char *got;

    memset(&settings, 0, sizeof settings);
    parse_smap(text, &config);
    got = guard_settings_parse(&config, &settings);
    CHECK_STRING(got, error);
    CHECK(settings.options.mode == mode);
    CHECK(settings.options.transition == transition);
    CHECK(settings.timeout == timeout);
    free(got);
    smap_destroy(&config);
}

/* A mark that cannot be used leaves the last one in force. */
static void
test_mark(void)
{
    static const struct {
        const char *text;
        bool ok;
        uint32_t mark, mask;
    } cases[] = {
        { "1/1", true, 1, 1 }, { "0x10/0xf0", true, 0x10, 0xf0 },
        { "0/1", true, 0, 1 }, { "7", true, 7, UINT32_MAX },
        { "0xffffffff/0xffffffff", true, UINT32_MAX, UINT32_MAX },
        { "", false, 0, 0 }, { "/", false, 0, 0 }, { "1/", false, 0, 0 },
        { "/1", false, 0, 0 }, { "1/0", false, 0, 0 }, { "2/1", false, 0, 0 },
        { "1/1/1", false, 0, 0 }, { "-1/1", false, 0, 0 },
        { "x/1", false, 0, 0 }, { "1/x", false, 0, 0 },
        { "0x100000000/0x100000000", false, 0, 0 }, { "%unique", false, 0, 0 },
        { " 1/1", false, 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct guard_settings settings = { .mark = 5, .mark_mask = 5 };
        struct smap config = SMAP_INITIALIZER(&config);

        smap_add(&config, "ipsec_skb_mark", cases[i].text);
        char *error = guard_settings_parse(&config, &settings);
        CHECK(!error == cases[i].ok);
        CHECK(settings.mark == (cases[i].ok ? cases[i].mark : 5));
        CHECK(settings.mark_mask == (cases[i].ok ? cases[i].mask : 5));
        free(error);
        smap_destroy(&config);
    }

    /* Without a tunnel there are rules for every type: GRE, Geneve, VXLAN and
     * STT, in both families. */
    const struct guard_options none = { .mode = GUARD_MODE_STRICT };
    struct guard_plan *plan = guard_plan_create(&none);
    struct transition transition;

    transition_init(&transition, NULL);
    guard_plan_add_mark(plan, 1, 1);
    guard_plan_finish(plan, &transition, 0);
    CHECK(plan->n_rules == 8);
    CHECK(guard_plan_is_empty(plan));
    for (size_t i = 0; i < plan->n_rules; i++) {
        struct xfrm_policy policies[GUARD_N_POLICIES];

        CHECK(guard_rule_policies(&plan->rules[i], policies) == 1);
        CHECK(policies[0].block && policies[0].dir == XFRM_OUT);
        CHECK(policies[0].mark == 1 && policies[0].mark_mask == 1);
    }
    guard_plan_destroy(plan);
    transition_destroy(&transition);
}

/* What is wrong becomes the default, which is the safest. */
static void
test_settings(void)
{
    check_settings("", NULL, GUARD_MODE_STRICT, GUARD_TRANSITION_STRICT,
                   30000);
    check_settings("ipsec_guard=off ipsec_transition=seamless "
                   "ipsec_transition_timeout=0", NULL, GUARD_MODE_OFF,
                   GUARD_TRANSITION_SEAMLESS, 0);
    check_settings("ipsec_guard=Off",
                   "other_config:ipsec_guard is not strict, peer or off",
                   GUARD_MODE_STRICT, GUARD_TRANSITION_STRICT, 30000);
    check_settings("ipsec_guard=peer ipsec_transition=fast",
                   "other_config:ipsec_transition is not strict or seamless",
                   GUARD_MODE_PEER, GUARD_TRANSITION_STRICT, 30000);
    check_settings("ipsec_transition_timeout=-1",
                   "other_config:ipsec_transition_timeout is not a number of "
                   "seconds from 0 to 3600",
                   GUARD_MODE_STRICT, GUARD_TRANSITION_STRICT, 30000);
}

/* A word that nobody knows makes a tunnel INVALID, and protected. */
static void
test_tunnel_options(void)
{
    struct smap options;
    struct tunnel *t, *u;

    t = parse_tunnel(ONE " ipsec_guard=on", &options);
    CHECK_STRING(t->error, "options:ipsec_guard is not strict, peer or off");
    CHECK(t->guard.mode == GUARD_MODE_UNSET);
    smap_destroy(&options);
    tunnel_destroy(t);

    /* To ask for protection is to ask for encryption. */
    t = parse_tunnel(ONE_PLAIN " ipsec_guard=strict", &options);
    CHECK(tunnel_wants_ipsec("geneve", &options));
    smap_destroy(&options);
    tunnel_destroy(t);

    t = parse_tunnel(ONE, &options);
    smap_destroy(&options);
    u = parse_tunnel(ONE " ipsec_transition=seamless", &options);
    smap_destroy(&options);
    CHECK_STRING(u->error, NULL);
    CHECK(!tunnel_equals(t, u));
    CHECK(tunnel_hash(t) != tunnel_hash(u));
    tunnel_destroy(t);
    tunnel_destroy(u);
}

void
unit_guard_plan(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
        check_scene(&scenes[i]);
        for (size_t j = 0; j < ARRAY_SIZE(scenes); j++) {
            check_change(&scenes[j], &scenes[i], true);
            check_change(&scenes[j], &scenes[i], false);
        }
    }
    test_protects();
    test_transition();
    test_down();
    test_mark();
    test_settings();
    test_tunnel_options();
}
