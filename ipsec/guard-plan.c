/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* From tunnels to rules of the guard; see guard-plan.h. */

#include <config.h>

#include "guard-plan.h"

#include <stdlib.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

#include "transition.h"
#include "tunnel.h"

/* A remote address that a selector's tunnels have. */
struct plan_address {
    struct hmap_node node;      /* In struct plan_selector's 'addresses'. */
    struct in6_addr remote;
    size_t n_protect;           /* Tunnels to protect. */
    size_t n_allow;             /* Tunnels that are 'off'. */
    enum guard_action plain;    /* The strongest that a plaintext tunnel needs;
                                 * GUARD_N_ACTIONS: none. */
};

struct plan_selector {
    struct hmap_node node;      /* In struct guard_plan's 'selectors'. */
    struct guard_selector selector;
    struct hmap addresses;      /* Contains "struct plan_address"es. */
    size_t n_exceptions;        /* How many of these are not to protect. */
    size_t n_tunnels;           /* Those that ask for encryption. */
    size_t n_encrypted;         /* Those to be protected. */
    size_t n_strict;            /* Those of these that are 'strict'. */
    size_t n_hasty;             /* Those of these that want the guard
                                 * first. */
    bool flow;                  /* A plaintext tunnel has remote_ip=flow. */
};

/* A tunnel that asks for no encryption. */
struct plan_plain {
    char *name;
    const char *type;           /* Static. */
    struct guard_selector selector;
    struct in6_addr remote;     /* in6addr_any: any (remote_ip=flow), or not
                                 * known. */
    bool declared;              /* Its owner means it. */
    bool flow;
    bool ending;                /* There are SAs for it still. */
};

/* Returns a new plan, which the caller frees with guard_plan_destroy().
 * 'defaults' is for what a tunnel leaves open. */
struct guard_plan *
guard_plan_create(const struct guard_options *defaults)
{
    struct guard_plan *plan = xzalloc(sizeof *plan);

    plan->defaults = *defaults;
    hmap_init(&plan->selectors);
    shash_init(&plan->cut_off);
    shash_init(&plan->weakened);
    return plan;
}

static void
plan_selector_destroy(struct guard_plan *plan, struct plan_selector *ps)
{
    struct plan_address *address;

    HMAP_FOR_EACH_POP (address, node, &ps->addresses) {
        free(address);
    }
    hmap_destroy(&ps->addresses);
    hmap_remove(&plan->selectors, &ps->node);
    free(ps);
}

/* Takes all tunnels out of 'plan'; those that are added from then on have
 * 'defaults' for what they leave open.  What guard_plan_finish() made
 * stays. */
void
guard_plan_clear(struct guard_plan *plan, const struct guard_options *defaults)
{
    struct plan_selector *ps;

    guard_plan_clear_plain(plan);
    HMAP_FOR_EACH_SAFE (ps, node, &plan->selectors) {
        plan_selector_destroy(plan, ps);
    }
    plan->defaults = *defaults;
    plan->n_off = 0;
}

/* Frees 'plan', which may be null. */
void
guard_plan_destroy(struct guard_plan *plan)
{
    if (!plan) {
        return;
    }
    guard_plan_clear(plan, &plan->defaults);
    hmap_destroy(&plan->selectors);
    free(plan->plains);
    free(plan->rules);
    shash_destroy_free_data(&plan->cut_off);
    shash_destroy_free_data(&plan->weakened);
    free(plan);
}

/* Selectors and addresses. */

static struct plan_selector *
find_selector(const struct guard_plan *plan, const struct guard_selector *s)
{
    uint32_t hash = guard_selector_hash(s);
    struct plan_selector *ps;

    HMAP_FOR_EACH_WITH_HASH (ps, node, hash, &plan->selectors) {
        if (!guard_selector_compare(&ps->selector, s)) {
            return ps;
        }
    }
    return NULL;
}

static struct plan_selector *
get_selector(struct guard_plan *plan, const struct guard_selector *s)
{
    struct plan_selector *ps = find_selector(plan, s);

    if (!ps) {
        ps = xzalloc(sizeof *ps);
        ps->selector = *s;
        hmap_init(&ps->addresses);
        hmap_insert(&plan->selectors, &ps->node, guard_selector_hash(s));
    }
    return ps;
}

static struct plan_address *
find_address(const struct plan_selector *ps, const struct in6_addr *remote)
{
    uint32_t hash = hash_bytes(remote, sizeof *remote, 0);
    struct plan_address *address;

    HMAP_FOR_EACH_WITH_HASH (address, node, hash, &ps->addresses) {
        if (ipv6_addr_equals(&address->remote, remote)) {
            return address;
        }
    }
    return NULL;
}

static struct plan_address *
get_address(struct plan_selector *ps, const struct in6_addr *remote)
{
    struct plan_address *address = find_address(ps, remote);

    if (!address) {
        address = xzalloc(sizeof *address);
        address->remote = *remote;
        address->plain = GUARD_N_ACTIONS;
        hmap_insert(&ps->addresses, &address->node,
                    hash_bytes(remote, sizeof *remote, 0));
        ps->n_exceptions++;
    }
    return address;
}

/* The strongest action for an address wins. */
static enum guard_action
address_action(const struct plan_address *address)
{
    return (address->n_protect ? GUARD_PROTECT
            : address->n_allow ? GUARD_ALLOW
            : address->plain);
}

/* Returns how many tunnels to 'address' nothing protects. */
static size_t
count_off(const struct plan_address *address)
{
    return address->n_protect ? 0 : address->n_allow;
}

/* Counts 'n' more (1 or -1) tunnels that need 'action' for 'address'. */
static void
count_address(struct guard_plan *plan, struct plan_selector *ps,
              struct plan_address *address, enum guard_action action, int n)
{
    ps->n_exceptions += address->n_protect != 0;
    plan->n_off -= count_off(address);
    *(action == GUARD_PROTECT ? &address->n_protect : &address->n_allow) += n;
    plan->n_off += count_off(address);
    ps->n_exceptions -= address->n_protect != 0;
}

/* Frees 'address' if no tunnel has it any more. */
static void
tidy_address(struct plan_selector *ps, struct plan_address *address)
{
    if (address_action(address) == GUARD_N_ACTIONS) {
        hmap_remove(&ps->addresses, &address->node);
        free(address);
        ps->n_exceptions--;
    }
}

/* Frees 'ps' if no tunnel has it any more. */
static void
tidy_selector(struct guard_plan *plan, struct plan_selector *ps)
{
    if (!ps->n_tunnels && hmap_is_empty(&ps->addresses)) {
        plan_selector_destroy(plan, ps);
    }
}

/* Fills in 'selectors' with those of 't', two if not even its family is
 * known, and returns how many these are. */
size_t
tunnel_selectors(const struct tunnel *t, struct guard_selector selectors[2])
{
    size_t n = 0;

    for (size_t i = 0; i < 2; i++) {
        int family = i ? AF_INET6 : AF_INET;

        if (t->family == AF_UNSPEC || t->family == family) {
            selectors[n++] = (struct guard_selector) {
                .family = family,
                .proto = t->type->proto,
                .port = t->port,
            };
        }
    }
    return n;
}

/* Tunnels. */

/* Returns how 't', which asks for encryption, is to be guarded. */
enum guard_mode
guard_plan_mode(const struct guard_plan *plan, const struct tunnel *t)
{
    return t->guard.mode ? t->guard.mode : plan->defaults.mode;
}

/* Counts 'n' more (1 or -1) of 't' for 'ps'. */
static void
count_encrypted(struct guard_plan *plan, const struct tunnel *t,
                struct plan_selector *ps, int n)
{
    enum guard_mode mode = guard_plan_mode(plan, t);
    enum guard_transition transition = (t->guard.transition
                                        ? t->guard.transition
                                        : plan->defaults.transition);

    ps->n_tunnels += n;
    if (mode != GUARD_MODE_OFF) {
        ps->n_encrypted += n;
        /* Without an address of its own it cannot be told from others. */
        ps->n_strict += (mode == GUARD_MODE_STRICT
                         || !ipv6_addr_is_set(&t->remote) ? n : 0);
        ps->n_hasty += transition != GUARD_TRANSITION_SEAMLESS ? n : 0;
    }
    if (ipv6_addr_is_set(&t->remote)) {
        struct plan_address *address = get_address(ps, &t->remote);

        count_address(plan, ps, address,
                      mode == GUARD_MODE_OFF ? GUARD_ALLOW : GUARD_PROTECT, n);
        tidy_address(ps, address);
    }
}

/* Adds 't', which asks for encryption.  One that is INVALID is protected
 * too. */
void
guard_plan_add(struct guard_plan *plan, const struct tunnel *t)
{
    struct guard_selector selectors[2];
    size_t n = tunnel_selectors(t, selectors);

    for (size_t i = 0; i < n; i++) {
        count_encrypted(plan, t, get_selector(plan, &selectors[i]), 1);
    }
}

/* Takes 't' out, which guard_plan_add() has added. */
void
guard_plan_remove(struct guard_plan *plan, const struct tunnel *t)
{
    struct guard_selector selectors[2];
    size_t n = tunnel_selectors(t, selectors);

    for (size_t i = 0; i < n; i++) {
        struct plan_selector *ps = find_selector(plan, &selectors[i]);

        count_encrypted(plan, t, ps, -1);
        tidy_selector(plan, ps);
    }
}

static void
add_plain(struct guard_plan *plan, const struct plan_plain *plain)
{
    if (plan->n_plains >= plan->allocated_plains) {
        plan->plains = x2nrealloc(plan->plains, &plan->allocated_plains,
                                  sizeof *plan->plains);
    }
    plan->plains[plan->n_plains++] = *plain;
}

/* Adds 't', which asks for no encryption.  'flow': it has remote_ip=flow, so
 * that its address is whatever a flow says.  'ending': it asked for encryption
 * before, and still has SAs. */
void
guard_plan_add_plain(struct guard_plan *plan, const struct tunnel *t,
                     bool flow, bool ending)
{
    struct guard_selector selectors[2];
    size_t n = tunnel_selectors(t, selectors);

    for (size_t i = 0; i < n; i++) {
        const struct plan_plain plain = {
            .name = xstrdup(t->name),
            .type = t->type->name,
            .selector = selectors[i],
            .remote = flow ? in6addr_any : t->remote,
            .declared = t->guard.mode == GUARD_MODE_OFF,
            .flow = flow,
            .ending = ending,
        };

        add_plain(plan, &plain);
    }
}

/* Takes back what was decided for 'plain'. */
static void
forget_plain(struct guard_plan *plan, const struct plan_plain *plain)
{
    struct plan_selector *ps = find_selector(plan, &plain->selector);
    struct plan_address *address;

    if (!ps) {
        return;
    }
    ps->flow = false;
    address = find_address(ps, &plain->remote);
    if (address) {
        address->plain = GUARD_N_ACTIONS;
        tidy_address(ps, address);
    }
    tidy_selector(plan, ps);
}

/* Takes all tunnels out that ask for no encryption. */
void
guard_plan_clear_plain(struct guard_plan *plan)
{
    for (size_t i = 0; i < plan->n_plains; i++) {
        forget_plain(plan, &plan->plains[i]);
        free(plan->plains[i].name);
    }
    plan->n_plains = 0;
}

/* Decisions. */

/* Returns true if every address of 'ps' is protected. */
static bool
has_wildcard(const struct plan_selector *ps)
{
    return ps->n_strict && !ps->flow;
}

static void
note_flow(struct guard_plan *plan, const struct plan_plain *plain,
          struct plan_selector *ps)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (!plain->flow || !ps->n_encrypted) {
        return;
    }
    ps->flow = true;
    if (!ps->n_strict || shash_find(&plan->weakened, plain->name)) {
        return;
    }
    guard_selector_format(&ps->selector, &ds);
    ds_put_format(&ds, ": because this %s tunnel with remote_ip=flow asks for "
                  "no encryption, only the addresses of encrypted tunnels are "
                  "protected, and packets from strangers get in: give it "
                  "another dst_port, or remove it", plain->type);
    shash_add(&plan->weakened, plain->name, ds_steal_cstr(&ds));
}

/* A plaintext tunnel may stay in clear if somebody means it or if it is in
 * nobody's way. */
static void
allow_plain(struct guard_plan *plan OVS_UNUSED,
            const struct plan_plain *plain, struct plan_selector *ps)
{
    if (ipv6_addr_is_set(&plain->remote)
        && (plain->declared || !has_wildcard(ps))) {
        struct plan_address *address = get_address(ps, &plain->remote);

        address->plain = MIN(address->plain, (plain->ending ? GUARD_ACCEPT
                                              : GUARD_ALLOW));
    }
}

static void
note_cut_off(struct guard_plan *plan, const struct plan_plain *plain,
             struct plan_selector *ps)
{
    const struct plan_address *address = find_address(ps, &plain->remote);
    char *why;

    if (shash_find(&plan->cut_off, plain->name) || plain->flow) {
        return;
    }
    if (address && address->n_protect) {
        why = xasprintf("it asks for no encryption, but another %s tunnel to "
                        "the same address does, so its packets are dropped: "
                        "set options:remote_name or options:psk on it, or "
                        "give it another dst_port", plain->type);
    } else if (has_wildcard(ps) && !address) {
        why = xasprintf("it asks for no encryption, but other %s tunnels on "
                        "this host do, so its packets are dropped: set "
                        "options:remote_name or options:psk on it, or "
                        "options:ipsec_guard=off if it is to be in clear",
                        plain->type);
    } else {
        return;
    }
    shash_add(&plan->cut_off, plain->name, why);
}

/* Calls 'decide' for each plaintext tunnel and its selector, if that has
 * encrypted tunnels or the tunnel is 'ending'. */
static void
for_each_plain(struct guard_plan *plan,
               void (*decide)(struct guard_plan *, const struct plan_plain *,
                              struct plan_selector *))
{
    for (size_t i = 0; i < plan->n_plains; i++) {
        const struct plan_plain *plain = &plan->plains[i];
        struct plan_selector *ps = find_selector(plan, &plain->selector);

        if (!ps && plain->ending) {
            ps = get_selector(plan, &plain->selector);
        }
        if (ps) {
            decide(plan, plain, ps);
        }
    }
}

static void
add_rule(struct guard_plan *plan, const struct plan_selector *ps,
         const struct in6_addr *remote, enum guard_action action)
{
    if (plan->n_rules >= plan->allocated_rules) {
        plan->rules = x2nrealloc(plan->rules, &plan->allocated_rules,
                                 sizeof *plan->rules);
    }
    plan->rules[plan->n_rules++] = (struct guard_rule) {
        .selector = ps->selector,
        .remote = *remote,
        .action = action,
    };
}

/* Protection of single addresses is for where not every one is protected, an
 * allow for where every one is. */
static void
add_rules(struct guard_plan *plan, const struct plan_selector *ps,
          bool deferred)
{
    bool wildcard = has_wildcard(ps) && !deferred;
    const struct plan_address *address;

    if (wildcard) {
        add_rule(plan, ps, &in6addr_any, GUARD_PROTECT);
    }
    if ((wildcard || deferred) && !ps->n_exceptions) {
        /* As it is nearly always, and there are as many addresses as
         * tunnels. */
        return;
    }
    HMAP_FOR_EACH (address, node, &ps->addresses) {
        enum guard_action action = address_action(address);

        if (action == GUARD_PROTECT ? !wildcard && !deferred
            : action == GUARD_ALLOW ? wildcard
            : true) {
            add_rule(plan, ps, &address->remote, action);
        }
    }
}

/* No packet with 'mark' under 'mark_mask' (0: there is no such) that is one of
 * a tunnel leaves unencrypted, whichever tunnels there are. */
void
guard_plan_add_mark(struct guard_plan *plan, uint32_t mark,
                    uint32_t mark_mask)
{
    plan->mark = mark;
    plan->mark_mask = mark_mask;
}

static void
add_drop(struct guard_plan *plan, const struct guard_selector *selector)
{
    const struct plan_selector ps = { .selector = *selector };

    add_rule(plan, &ps, &in6addr_any, GUARD_DROP);
    plan->rules[plan->n_rules - 1].mark = plan->mark;
    plan->rules[plan->n_rules - 1].mark_mask = plan->mark_mask;
}

/* Every type's own port, and those that tunnels have. */
static void
add_drops(struct guard_plan *plan)
{
    static const int families[] = { AF_INET, AF_INET6 };
    const struct plan_selector *ps;
    const char *name;

    for (size_t i = 0; (name = tunnel_type_name(i)) != NULL; i++) {
        const struct tunnel_type *type = tunnel_type_lookup(name);

        for (size_t j = 0; j < ARRAY_SIZE(families); j++) {
            add_drop(plan, &(struct guard_selector) {
                .family = families[j], .proto = type->proto,
                .port = type->port,
            });
        }
    }
    HMAP_FOR_EACH (ps, node, &plan->selectors) {
        add_drop(plan, &ps->selector);
    }
}

static bool
has_plain(const struct guard_plan *plan, const struct guard_selector *s)
{
    for (size_t i = 0; i < plan->n_plains; i++) {
        if (!guard_selector_compare(&plan->plains[i].selector, s)) {
            return true;
        }
    }
    return false;
}

/* What has been protected and has no tunnels now is protected at once when it
 * has some again, unless they have been in clear meanwhile. */
static void
keep_protected(const struct guard_plan *plan, struct transition *transition)
{
    struct transition_selector *ts;

    TRANSITION_FOR_EACH (ts, transition) {
        ts->seen |= !ts->deferred && !has_plain(plan, &ts->selector);
    }
}

/* Makes the rules anew, when all changes have been made.  What 'transition'
 * defers, until 'deadline' (ms) if that is new, has none yet. */
void
guard_plan_finish(struct guard_plan *plan, struct transition *transition,
                  long long int deadline)
{
    struct plan_selector *ps;

    plan->n_rules = 0;
    shash_clear_free_data(&plan->cut_off);
    shash_clear_free_data(&plan->weakened);
    for_each_plain(plan, note_flow);
    for_each_plain(plan, allow_plain);
    for_each_plain(plan, note_cut_off);

    transition_begin(transition);
    HMAP_FOR_EACH (ps, node, &plan->selectors) {
        bool deferred = (ps->n_encrypted
                         && transition_defers(transition, &ps->selector,
                                              !ps->n_hasty, deadline));

        add_rules(plan, ps, deferred);
    }
    keep_protected(plan, transition);
    transition_end(transition);
    if (plan->mark_mask) {
        add_drops(plan);
    }
    guard_rules_normalize(plan->rules, &plan->n_rules);
}

/* Returns true if no tunnel is to be protected. */
bool
guard_plan_is_empty(const struct guard_plan *plan)
{
    const struct plan_selector *ps;

    HMAP_FOR_EACH (ps, node, &plan->selectors) {
        if (ps->n_encrypted) {
            return false;
        }
    }
    return true;
}

/* Returns true if the packets of 't', which has been added, are to be
 * protected, be it because of another tunnel to the same address. */
bool
guard_plan_protects(const struct guard_plan *plan, const struct tunnel *t)
{
    struct guard_selector selectors[2];
    size_t n = tunnel_selectors(t, selectors);

    for (size_t i = 0; i < n; i++) {
        const struct plan_selector *ps = find_selector(plan, &selectors[i]);
        const struct plan_address *address
            = ps ? find_address(ps, &t->remote) : NULL;

        if (address && !address->n_protect) {
            return false;
        }
    }
    return true;
}

/* Returns true if what comes from 'remote' may already be in clear. */
bool
guard_plan_accepts(const struct guard_plan *plan,
                   const struct in6_addr *remote)
{
    for (size_t i = 0; i < plan->n_rules; i++) {
        if (plan->rules[i].action == GUARD_ACCEPT
            && ipv6_addr_equals(&plan->rules[i].remote, remote)) {
            return true;
        }
    }
    return false;
}
