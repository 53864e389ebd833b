/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* From Interface rows to wishes, and from these to guard and peers.
 *
 * A pass takes in the rows that have changed, tells the guard, and, when that
 * is there, folds anew all tunnels to each address that one of these rows has
 * or had.  A pass is full, which means that it takes all rows and addresses
 * for changed ones, when something has changed that concerns them all: the
 * credentials, the host's addresses and routes, certificates of peers, the
 * Open_vSwitch row, or the whole database.  What comes out is the same. */

#include <config.h>

#include "monitor.h"

#include <limits.h>
#ifdef HAVE_MALLOC_TRIM
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "sset.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

#include "credentials-loader.h"
#include "credentials.h"
#include "fold.h"
#include "guard.h"
#include "ike.h"
#include "interface-options.h"
#include "ipsec/ipsec-vswitch-idl.h"
#include "peer.h"
#include "protection.h"
#include "remote-cert.h"
#include "route-source.h"
#include "tunnel.h"
#include "unprotected.h"
#include "wishes.h"

VLOG_DEFINE_THIS_MODULE(monitor);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 60);

/* How long, in ms, the database may be away before we say so. */
#define DATABASE_PATIENCE 5000

/* How often, in ms, all that is down may be hurried because acquires were
 * lost: somebody may make that happen all the time. */
#define HURRY_INTERVAL 1000

/* How long, in ms, the IKE daemon may take to tell what SAs it has when
 * tunnels claim the same address at our start. */
#define LOOK_PATIENCE 5000

/* When so many rows have changed in one pass, their options are compacted.
 * When so many peers have been told to the IKE daemon in one pass, and then,
 * in ms, no more have been loaded for so long, memory is given back.  Both
 * take time for as much as there is. */
#define TRIM_PEERS 100
#define TRIM_INTERVAL 2000

/* How many addresses without a peer are remembered. */
#define MAX_HELD 16

/* A tunnel that asks for no encryption. */
struct plain {
    struct tunnel *tunnel;
    bool flow;                  /* It has remote_ip=flow. */
    bool declared;              /* Its owner means it. */
    bool seen;                  /* In the pass that is under way. */
};

struct monitor {
    struct ovsdb_idl *idl;
    char *database;             /* The remote, for messages. */
    struct ike *ike;
    struct guard *guard;
    struct protection *protection;
    struct credentials_loader *credentials;
    struct remote_certs *remote_certs;

    struct wishes wishes;
    struct shash plains;        /* Name -> struct plain. */
    struct peers peers;
    struct unprotected unprotected;
    bool remote_certs_due;      /* Which of these are needed may be
                                 * different. */
    struct sset held;           /* Addresses without a peer, see 'run'. */
    long long int hurry_at;     /* Not before do we look for peers whose
                                 * acquires were lost; ms. */

    /* What the last pass was made of. */
    unsigned int idl_seqno;
    uint64_t route_seqno;
    uint64_t remote_certs_seqno;
    const struct credentials *last_credentials;
    char *last_credentials_error;
    const void *last_cfg;       /* The Open_vSwitch row. */
    bool refresh;               /* A full pass is due. */
    bool reconnecting;          /* The IDL will begin anew when the database
                                 * is there, and will not tell what has gone
                                 * meanwhile. */
    bool pass_due;

    bool peers_due;             /* 'ike' has not got the last pass yet. */
    bool incumbents_known;      /* Contests of before our start are decided. */
    long long int look_deadline;        /* ms; if they wait for 'ike'. */
    size_t n_told;              /* Peers in the pass that is under way. */
    long long int trim_at;      /* ms; LLONG_MAX: memory is not due to be given
                                 * back. */
    size_t trim_loaded;         /* How many were loaded at the last look. */
    bool stopped;
    long long int database_lost; /* ms; LLONG_MAX if it is there. */
    bool database_reported;
};

/* Only the interfaces that can be tunnels: a hypervisor has many others. */
static void
watch_tunnel_types(struct ovsdb_idl *idl)
{
    struct ovsdb_idl_condition condition;
    const char *name;

    ovsdb_idl_condition_init(&condition);
    for (size_t i = 0; (name = tunnel_type_name(i)) != NULL; i++) {
        vsrec_interface_add_clause_type(&condition, OVSDB_F_EQ, name);
    }
    ovsdb_idl_set_condition(idl, &vsrec_table_interface, &condition);
    ovsdb_idl_condition_destroy(&condition);
}

/* Nothing follows from a change of 'column', but people want to see it. */
static void
add_shown_column(struct ovsdb_idl *idl, const struct ovsdb_idl_column *column)
{
    ovsdb_idl_add_column(idl, column);
    ovsdb_idl_omit_alert(idl, column);
}

/* Makes a monitor of the local database at remote 'database', which states
 * its wishes to 'ike' and 'guard'.  Both must outlive it. */
struct monitor *
monitor_create(const char *database, struct ike *ike, struct guard *guard)
{
    struct monitor *m = xzalloc(sizeof *m);

    m->idl = ovsdb_idl_create(database, &vsrec_idl_class, false, true);
    ovsdb_idl_add_table(m->idl, &vsrec_table_open_vswitch);
    ovsdb_idl_track_add_column(m->idl, &vsrec_open_vswitch_col_other_config);
    ovsdb_idl_add_table(m->idl, &vsrec_table_interface);
    ovsdb_idl_track_add_column(m->idl, &vsrec_interface_col_name);
    ovsdb_idl_track_add_column(m->idl, &vsrec_interface_col_type);
    ovsdb_idl_track_add_column(m->idl, &vsrec_interface_col_options);
    add_shown_column(m->idl, &vsrec_open_vswitch_col_next_cfg);
    add_shown_column(m->idl, &vsrec_interface_col_ofport);
    add_shown_column(m->idl, &vsrec_interface_col_cfm_fault);
    watch_tunnel_types(m->idl);
    unprotected_init(&m->unprotected, m->idl, guard);

    m->database = xstrdup(database);
    m->ike = ike;
    m->guard = guard;
    m->protection = protection_create(guard, ike);
    m->credentials = credentials_loader_create();
    m->remote_certs = remote_certs_create();
    m->database_lost = time_msec();
    m->trim_at = LLONG_MAX;
    m->last_cfg = m;            /* No row, so that the first pass is full. */
    wishes_init(&m->wishes);
    shash_init(&m->plains);
    peers_init(&m->peers);
    sset_init(&m->held);
    return m;
}

static void
remove_plain(struct monitor *m, struct plain *plain)
{
    if (plain) {
        shash_find_and_delete(&m->plains, plain->tunnel->name);
        tunnel_destroy(plain->tunnel);
        free(plain);
    }
}

/* Frees 'm', which may be null.  What was configured stays. */
void
monitor_destroy(struct monitor *m)
{
    struct shash_node *node;

    if (!m) {
        return;
    }
    SHASH_FOR_EACH_SAFE (node, &m->plains) {
        remove_plain(m, node->data);
    }
    shash_destroy(&m->plains);
    wishes_destroy(&m->wishes);
    unprotected_destroy(&m->unprotected);
    peers_destroy(&m->peers);
    sset_destroy(&m->held);
    protection_destroy(m->protection);
    credentials_loader_destroy(m->credentials);
    remote_certs_destroy(m->remote_certs);
    ovsdb_idl_destroy(m->idl);
    free(m->last_credentials_error);
    free(m->database);
    free(m);
}

static const struct smap *
other_config(const struct monitor *m)
{
    static const struct smap empty = SMAP_INITIALIZER(&empty);
    const struct vsrec_open_vswitch *cfg = vsrec_open_vswitch_first(m->idl);

    return cfg ? &cfg->other_config : &empty;
}

/* Rows to tunnels. */

/* Has the guard know of 'wish', or no longer. */
static void
set_guarded(struct monitor *m, struct wish *wish, bool guarded)
{
    void (*tell)(struct protection *, const struct tunnel *)
        = guarded ? protection_add : protection_remove;

    if (guarded != wish->guarded) {
        tell(m->protection, wish->now);
        if (wish->good) {
            tell(m->protection, wish->good);
        }
        wish->guarded = guarded;
    }
}

static bool
has_remote_cert(const struct wish *wish)
{
    const struct tunnel *t = wish->now ? wish_effective(wish) : NULL;

    return t && t->value[TUNNEL_REMOTE_CERT];
}

static void
update_wish(struct monitor *m, const struct vsrec_interface *row,
            const struct smap *options)
{
    struct wish *wish = wishes_get(&m->wishes, row->name);
    struct tunnel *t = tunnel_parse(row->name, row->type, options);

    wish->seen = true;
    wish->flow = !strcmp(smap_get_def(options, "remote_ip", ""), "flow");
    if (wish_is(wish, t)) {
        tunnel_destroy(t);
    } else {
        set_guarded(m, wish, false);
        m->remote_certs_due |= has_remote_cert(wish);
        wish_set(&m->wishes, wish, t);
        m->remote_certs_due |= has_remote_cert(wish);
    }
    set_guarded(m, wish, true);
    unprotected_note_wish(&m->unprotected, &m->wishes, wish);
}

static void
remove_wish(struct monitor *m, struct wish *wish)
{
    if (wish) {
        set_guarded(m, wish, false);
        m->remote_certs_due |= has_remote_cert(wish);
        wishes_remove(&m->wishes, wish);
    }
}

static void
update_plain(struct monitor *m, const struct vsrec_interface *row,
             const struct smap *options)
{
    struct plain *plain = shash_find_data(&m->plains, row->name);

    if (!plain) {
        plain = xzalloc(sizeof *plain);
        shash_add(&m->plains, row->name, plain);
    }
    tunnel_destroy(plain->tunnel);
    plain->tunnel = tunnel_parse(row->name, row->type, options);
    plain->flow = !strcmp(smap_get_def(options, "remote_ip", ""), "flow");
    plain->declared = !strcmp(smap_get_def(options, "ipsec_guard", ""),
                              "off");
    plain->seen = true;
}

static void
update_row(struct monitor *m, const struct vsrec_interface *row)
{
    struct smap options;

    interface_options_get(row, &options);
    if (tunnel_wants_ipsec(row->type, &options)) {
        update_wish(m, row, &options);
    } else if (tunnel_type_lookup(row->type)) {
        update_plain(m, row, &options);
    }
    smap_destroy(&options);
}

/* The interface called 'name' may be gone, or of the other kind. */
static void
forget_row(struct monitor *m, const char *name)
{
    struct wish *wish = wishes_find(&m->wishes, name);
    struct plain *plain = shash_find_data(&m->plains, name);

    if (wish) {
        wish->seen = false;
    }
    if (plain) {
        plain->seen = false;
    }
}

/* Removes what there was of the interface called 'name' and no row has. */
static void
sweep_row(struct monitor *m, const char *name)
{
    struct wish *wish = wishes_find(&m->wishes, name);
    struct plain *plain = shash_find_data(&m->plains, name);

    if (wish && !wish->seen) {
        remove_wish(m, wish);
    }
    if (plain && !plain->seen) {
        remove_plain(m, plain);
    }
}

/* Takes in the rows that have changed.  A row is often replaced by one of the
 * same name, which is then the same interface. */
static void
update_changed_rows(struct monitor *m)
{
    const struct vsrec_interface *row;
    size_t n = 0;

    VSREC_INTERFACE_FOR_EACH_TRACKED (row, m->idl) {
        n++;
    }
    if (n >= TRIM_PEERS) {
        interface_options_compact(m->idl);
    }
    VSREC_INTERFACE_FOR_EACH_TRACKED (row, m->idl) {
        forget_row(m, row->name);
    }
    VSREC_INTERFACE_FOR_EACH_TRACKED (row, m->idl) {
        if (!vsrec_interface_is_deleted(row)) {
            update_row(m, row);
        }
    }
    VSREC_INTERFACE_FOR_EACH_TRACKED (row, m->idl) {
        sweep_row(m, row->name);
    }
}

/* The same when all are taken for changed ones. */
static void
update_all_rows(struct monitor *m)
{
    const struct vsrec_interface *row;
    struct shash_node *node;

    interface_options_compact(m->idl);
    SHASH_FOR_EACH (node, &m->wishes.by_name) {
        forget_row(m, node->name);
    }
    SHASH_FOR_EACH (node, &m->plains) {
        forget_row(m, node->name);
    }
    VSREC_INTERFACE_FOR_EACH (row, m->idl) {
        update_row(m, row);
    }
    SHASH_FOR_EACH_SAFE (node, &m->plains) {
        sweep_row(m, node->name);
    }
    SHASH_FOR_EACH_SAFE (node, &m->wishes.by_name) {
        sweep_row(m, node->name);
    }
}

/* The guard. */

/* The guard knows protocols, ports and addresses, not tunnels, so what
 * becomes of one that asks for no encryption depends on those that do. */
static void
add_plain(struct monitor *m, const struct plain *plain)
{
    const struct tunnel *t = plain->tunnel;
    struct in6_addr local = in6addr_any;

    if (!hmap_is_empty(&m->peers.by_name) && ipv6_addr_is_set(&t->remote)) {
        free(fold_find_local(t, &local));
    }
    protection_add_plain(m->protection, t, plain->flow, &local, &m->peers);
}

static void
update_guard(struct monitor *m)
{
    const struct shash_node *node;

    protection_clear_plain(m->protection);
    SHASH_FOR_EACH (node, &m->plains) {
        add_plain(m, node->data);
    }
    protection_end(m->protection);
}

static void
update_unprotected(struct monitor *m)
{
    bool others_want = !shash_is_empty(&m->wishes.by_name);
    struct protection_state state;
    const struct shash_node *node;

    protection_get_state(m->protection, &state);
    unprotected_begin_plain(&m->unprotected);
    SHASH_FOR_EACH (node, &m->plains) {
        const struct plain *plain = node->data;

        unprotected_note_plain(&m->unprotected, node->name, plain->declared,
                               others_want, &state);
    }
    unprotected_end_plain(&m->unprotected);
}

/* Returns true if 'wish' has its SAs. */
static bool
is_up(const struct monitor *m, const struct wish *wish)
{
    const struct tunnel *t = wish_effective(wish);
    const struct peer *peer = peers_find(&m->peers, wish->peer);

    for (enum child_dir dir = CHILD_OUT; peer && dir < CHILD_N_DIRS; dir++) {
        const struct child *child = peer_find_child(peer, dir, t->type->proto,
                                                    t->port);
        struct ike_child_state state;

        if (child && (ike_get_child(m->ike, peer->name, child->name, &state)
                      || !state.installed)) {
            return false;
        }
    }
    return peer != NULL;
}

/* Returns true if a pass is needed, because tunnels that were in clear now
 * have to be protected. */
static bool
check_transition(struct monitor *m)
{
    const struct shash_node *node;

    if (!protection_check_is_due(m->protection)) {
        return false;
    }
    SHASH_FOR_EACH (node, &m->wishes.by_name) {
        const struct wish *wish = node->data;

        if (!is_up(m, wish)) {
            protection_note_down(m->protection, wish->now);
        }
    }
    return protection_check(m->protection);
}

/* Tunnels to peers. */

static struct fold
get_fold(const struct monitor *m)
{
    return (struct fold) {
        .credentials = m->credentials,
        .remote_certs = m->remote_certs,
        .protection = m->protection,
    };
}

/* After a start nobody knows who was first with an address, but who has an SA
 * was.  Returns false while the IKE daemon still has to tell, for a few
 * seconds at most, and only if there is a contest. */
static bool
find_incumbents(struct monitor *m)
{
    const struct fold fold = get_fold(m);

    if (m->incumbents_known) {
        return true;
    }
    if (fold_has_contest(&fold, &m->wishes)) {
        if (!m->look_deadline) {
            m->look_deadline = time_msec() + LOOK_PATIENCE;
        }
        if (!ike_look(m->ike) && time_msec() < m->look_deadline) {
            return false;
        }
        fold_note_incumbents(&fold, &m->wishes, m->ike);
    }
    m->incumbents_known = true;
    return true;
}

/* A host without credentials has no CRLs either. */
static void
update_crls(struct monitor *m)
{
    const struct credentials *cred = credentials_loader_get(m->credentials);
    const struct svec none = SVEC_EMPTY_INITIALIZER;

    ike_set_crls(m->ike, cred ? &cred->crls : &none);
}

/* Folds all tunnels to 'address' anew.  The peers that it had become part of
 * 'gone'. */
static void
update_address(struct monitor *m, struct wish_address *address,
               struct peers *gone)
{
    const struct fold fold = get_fold(m);
    const struct peer *peer;
    struct peers peers;

    peers_init(&peers);
    peers_take(gone, &m->peers, &address->remote);
    fold_address(&fold, &m->wishes, address, &peers);
    PEERS_FOR_EACH (peer, &peers) {
        protection_wants(m->protection, peer);
        ike_set(m->ike, peer->name, peer);
        m->n_told++;
    }
    peers_take(&m->peers, &peers, &address->remote);
    peers_destroy(&peers);
}

static void
update_peers(struct monitor *m)
{
    struct wish_address *address;
    const struct peer *peer;
    struct peers gone;

    update_crls(m);
    m->n_told = 0;
    peers_init(&gone);
    while ((address = wishes_first_due(&m->wishes)) != NULL) {
        update_address(m, address, &gone);
        wish_address_done(&m->wishes, address);
    }
    /* Names that go are told last, when their successors are there. */
    PEERS_FOR_EACH (peer, &gone) {
        if (!peers_find(&m->peers, peer->name)
            && !protection_keeps(m->protection, peer)) {
            ike_set(m->ike, peer->name, NULL);
        }
    }
    peers_destroy(&gone);
    ike_commit(m->ike);
    if (m->n_told >= TRIM_PEERS) {
        m->trim_at = time_msec() + TRIM_INTERVAL;
    }
}

/* Gives memory back that was needed only while many peers were loaded, and
 * that the allocator keeps for more of the kind. */
static void
run_trim(struct monitor *m)
{
    struct ike_counts counts;

    if (time_msec() < m->trim_at) {
        return;
    }
    ike_get_counts(m->ike, &counts);
    if (counts.n_loaded != m->trim_loaded) {
        m->trim_loaded = counts.n_loaded;
        m->trim_at = time_msec() + TRIM_INTERVAL;
        return;
    }
    m->trim_at = LLONG_MAX;
#ifdef HAVE_MALLOC_TRIM
    malloc_trim(0);
#endif
}

/* The pass. */

static void
update_credentials(struct monitor *m)
{
    credentials_loader_set(m->credentials, other_config(m));
}

/* Returns true if the Open_vSwitch row has changed. */
static bool
cfg_changed(struct monitor *m)
{
    const struct vsrec_open_vswitch *cfg = vsrec_open_vswitch_first(m->idl);
    bool changed = (cfg != m->last_cfg
                    || (cfg
                        && (vsrec_open_vswitch_is_new(cfg)
                            || vsrec_open_vswitch_is_updated(
                                cfg, VSREC_OPEN_VSWITCH_COL_OTHER_CONFIG))));

    m->last_cfg = cfg;
    return changed;
}

/* Takes the inputs of a pass and returns true if a full one is due. */
static bool
inputs_changed(struct monitor *m)
{
    const struct credentials *cred = credentials_loader_get(m->credentials);
    const char *error = credentials_loader_get_error(m->credentials);
    bool changed = (cfg_changed(m)
                    || m->refresh
                    || m->route_seqno != route_source_seqno()
                    || (m->remote_certs_seqno
                        != remote_certs_seqno(m->remote_certs))
                    || m->last_credentials != cred
                    || !nullable_string_is_equal(m->last_credentials_error,
                                                 error));

    m->refresh = false;
    m->route_seqno = route_source_seqno();
    m->remote_certs_seqno = remote_certs_seqno(m->remote_certs);
    m->last_credentials = cred;
    free(m->last_credentials_error);
    m->last_credentials_error = nullable_xstrdup(error);
    return changed;
}

static void
report_database(struct monitor *m)
{
    if (ovsdb_idl_is_connected(m->idl) && ovsdb_idl_has_ever_connected(m->idl)
        && ovsdb_idl_is_alive(m->idl)) {
        if (m->database_reported) {
            VLOG_INFO("%s: the database is there", m->database);
        }
        m->database_lost = LLONG_MAX;
        m->database_reported = false;
        return;
    }
    m->reconnecting = true;
    if (m->database_lost == LLONG_MAX) {
        m->database_lost = time_msec();
    }
    if (!m->database_reported
        && time_msec() >= m->database_lost + DATABASE_PATIENCE) {
        VLOG_WARN("%s: no database with an Open_vSwitch schema there: is the "
                  "ovsdb-server of Open vSwitch running (`systemctl status "
                  "openvswitch-switch`)?  Going on when it is there; what is "
                  "encrypted stays so", m->database);
        m->database_reported = true;
    }
}

/* Traffic may wait of which we were not told. */
static void
hurry_all(struct monitor *m)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &m->wishes.by_name) {
        const struct wish *wish = node->data;

        if (wish->peer[0] && !is_up(m, wish)) {
            ike_hurry(m->ike, wish->peer);
        }
    }
}

/* An acquire is traffic that waits. */
static void
run_acquires(struct monitor *m)
{
    struct guard_acquire acquire;

    while (guard_recv(m->guard, &acquire)) {
        const struct peer *peer = peers_find_address(&m->peers,
                                                     &acquire.local,
                                                     &acquire.remote);
        char address[INET6_ADDRSTRLEN];

        if (peer) {
            ike_hurry(m->ike, peer->name);
            continue;
        }
        ipv6_string_mapped(address, &acquire.remote);
        if (sset_count(&m->held) < MAX_HELD && sset_add(&m->held, address)) {
            VLOG_INFO_RL(&rl, "held: traffic to %s, no encrypted tunnel has "
                         "that address", address);
        }
    }
    if (time_msec() >= m->hurry_at && guard_missed_acquires(m->guard)) {
        m->hurry_at = time_msec() + HURRY_INTERVAL;
        hurry_all(m);
    }
}

/* Says which certificates of peers are needed. */
static void
update_remote_certs(struct monitor *m)
{
    struct sset paths = SSET_INITIALIZER(&paths);
    struct shash_node *node;

    if (!m->remote_certs_due) {
        return;
    }
    m->remote_certs_due = false;
    SHASH_FOR_EACH (node, &m->wishes.by_name) {
        if (has_remote_cert(node->data)) {
            sset_add(&paths,
                     wish_effective(node->data)->value[TUNNEL_REMOTE_CERT]);
        }
    }
    remote_certs_set(m->remote_certs, &paths);
    sset_destroy(&paths);
}

static void
note_host(struct monitor *m)
{
    unprotected_note_host(&m->unprotected, m->idl,
                          smap_get_bool(other_config(m), "hw-offload", false));
}

static void
note_wishes(struct monitor *m)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &m->wishes.by_name) {
        unprotected_note_wish(&m->unprotected, &m->wishes, node->data);
    }
}

/* Takes all tunnels and addresses for changed ones. */
static void
begin_full_pass(struct monitor *m)
{
    struct shash_node *node;

    protection_restart(m->protection, other_config(m));
    SHASH_FOR_EACH (node, &m->wishes.by_name) {
        struct wish *wish = node->data;

        wish->guarded = false;
    }
    wishes_all_due(&m->wishes);
}

static void
run_pass(struct monitor *m, bool full)
{
    if (full) {
        note_host(m);
        begin_full_pass(m);
        update_all_rows(m);
    } else {
        update_changed_rows(m);
        if (unprotected_host_changed(m->idl)) {
            note_host(m);
            note_wishes(m);
        }
    }
    update_remote_certs(m);
    update_guard(m);
    update_unprotected(m);
    sset_clear(&m->held);
    m->peers_due = true;
}

/* Makes a pass if there is reason to. */
static void
check_pass(struct monitor *m)
{
    bool full;

    update_credentials(m);
    credentials_loader_run(m->credentials);
    remote_certs_run(m->remote_certs);
    m->pass_due |= protection_run(m->protection);
    m->pass_due |= check_transition(m);
    if (m->idl_seqno != ovsdb_idl_get_seqno(m->idl)) {
        m->idl_seqno = ovsdb_idl_get_seqno(m->idl);
        m->pass_due = true;
        m->refresh |= m->reconnecting;
        m->reconnecting = false;
    }
    full = inputs_changed(m);
    if (full || m->pass_due) {
        m->pass_due = false;
        run_pass(m, full);
    }
}

/* Takes in what has changed and states what follows from it. */
void
monitor_run(struct monitor *m)
{
    ovsdb_idl_run(m->idl);
    route_source_run();
    report_database(m);
    if (m->stopped) {
        ovsdb_idl_track_clear(m->idl);
        guard_run(m->guard);
        ike_run(m->ike);
        return;
    }

    if (ovsdb_idl_has_ever_connected(m->idl)) {
        check_pass(m);
    }
    ovsdb_idl_track_clear(m->idl);
    guard_run(m->guard);
    if (unprotected_kernel_changed(&m->unprotected)) {
        note_wishes(m);
    }
    run_acquires(m);
    /* Nothing is loaded before the guard is there.  A host that cannot have
     * one gets its SAs all the same, and 'guard' says so. */
    if (m->peers_due && credentials_loader_is_settled(m->credentials)
        && remote_certs_is_settled(m->remote_certs)
        && (guard_is_installed(m->guard) || guard_get_error(m->guard))) {
        if (find_incumbents(m)) {
            m->peers_due = false;
            update_peers(m);
        }
    }
    ike_run(m->ike);
    run_trim(m);
}

/* Wakes the poll loop when there is something for monitor_run(). */
void
monitor_wait(struct monitor *m)
{
    ovsdb_idl_wait(m->idl);
    route_source_wait();
    credentials_loader_wait(m->credentials);
    remote_certs_wait(m->remote_certs);
    guard_wait(m->guard);
    protection_wait(m->protection);
    unprotected_wait(&m->unprotected);
    ike_wait(m->ike);
    if (m->trim_at != LLONG_MAX) {
        poll_timer_wait_until(m->trim_at);
    }
    if (m->look_deadline && !m->incumbents_known) {
        poll_timer_wait_until(m->look_deadline);
    }
    if (m->database_lost != LLONG_MAX && !m->database_reported) {
        poll_timer_wait_until(m->database_lost + DATABASE_PATIENCE);
    }
}

/* Has the next monitor_run() make a full pass, whether or not anything has
 * changed. */
void
monitor_refresh(struct monitor *m)
{
    m->refresh = true;
}

/* Withdraws all wishes, for good.  The guard stays until the caller flushes
 * it. */
void
monitor_stop(struct monitor *m)
{
    struct peer *peer;

    m->stopped = true;
    PEERS_FOR_EACH (peer, &m->peers) {
        ike_set(m->ike, peer->name, NULL);
    }
    protection_stop(m->protection);
    ike_commit(m->ike);
}

/* Reading. */

static int
compare_views(const void *a_, const void *b_)
{
    const struct monitor_view *a = a_;
    const struct monitor_view *b = b_;

    return strcmp(a->name, b->name);
}

static void
find_rows(const struct monitor *m, struct monitor_view *views, size_t n)
{
    const struct vsrec_interface *row;

    VSREC_INTERFACE_FOR_EACH (row, m->idl) {
        const struct monitor_view key = { .name = row->name };
        struct monitor_view *view = bsearch(&key, views, n, sizeof *views,
                                            compare_views);

        if (view) {
            view->row = row;
        }
    }
}

/* Returns a view of the tunnels, sorted by name, '*n' of them.  The caller
 * frees the array; what it points to is good until the next
 * monitor_run(). */
struct monitor_view *
monitor_get_tunnels(const struct monitor *m, size_t *n)
{
    const struct shash_node **nodes = shash_sort(&m->wishes.by_name);
    struct monitor_view *views;

    *n = shash_count(&m->wishes.by_name);
    views = xcalloc(*n, sizeof *views);
    for (size_t i = 0; i < *n; i++) {
        const struct wish *wish = nodes[i]->data;

        views[i] = (struct monitor_view) {
            .name = nodes[i]->name,
            .wish = wish->now,
            .effective = wish_effective(wish),
            .peer = wish->peer[0] ? peers_find(&m->peers, wish->peer) : NULL,
            .error = wish->error,
            .unprotected = wish->unprotected,
            .protection = protection_of(m->protection, wish->now),
            .version = wish->version,
        };
    }
    free(nodes);
    find_rows(m, views, *n);
    return views;
}

/* Returns true if the tunnel called 'name' has its SAs, or does not ask for
 * any. */
bool
monitor_has_sas(const struct monitor *m, const char *name)
{
    const struct wish *wish = wishes_find(&m->wishes, name);

    return !wish || is_up(m, wish);
}

/* Returns true if a tunnel of the type and port of 't' asks for no
 * encryption. */
bool
monitor_has_plain(const struct monitor *m, const struct tunnel *t)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &m->plains) {
        const struct plain *plain = node->data;

        if (plain->tunnel->type == t->type && plain->tunnel->port == t->port) {
            return true;
        }
    }
    return false;
}

/* Returns the tunnels that ask for no encryption and are in clear while others
 * are encrypted: names with the reason in words, constants. */
const struct shash *
monitor_get_in_clear(const struct monitor *m)
{
    return &m->unprotected.in_clear;
}

/* Fills in '*state'.  What it points to is good until the next
 * monitor_run(). */
void
monitor_get_protection(const struct monitor *m, struct protection_state *state)
{
    protection_get_state(m->protection, state);
}

/* Returns the addresses for which traffic is held and that no tunnel has. */
const struct sset *
monitor_get_held(const struct monitor *m)
{
    return &m->held;
}

/* Fills in '*summary'.  What it points to is good until the next
 * monitor_run(). */
void
monitor_get_summary(const struct monitor *m, struct monitor_summary *summary)
{
    struct protection_state protection;
    const struct vsrec_open_vswitch *cfg = vsrec_open_vswitch_first(m->idl);

    monitor_get_protection(m, &protection);
    *summary = (struct monitor_summary) {
        .database_connected = m->database_lost == LLONG_MAX,
        .database_known = ovsdb_idl_has_ever_connected(m->idl),
        .credentials = credentials_loader_get(m->credentials),
        .credentials_error = credentials_loader_get_error(m->credentials),
        .other_config = other_config(m),
        .credentials_needed = m->wishes.n_certificate != 0,
        .credentials_warnings
            = credentials_loader_get_warnings(m->credentials),
        .guard_needed = protection.needed,
        .n_tunnels = shash_count(&m->wishes.by_name),
        .n_failed = m->wishes.n_failed,
        .n_unprotected = m->wishes.n_unprotected,
        .n_in_clear = (shash_count(&m->unprotected.in_clear)
                       - m->unprotected.n_declared),
        .n_declared = m->unprotected.n_declared,
        .settling = (m->refresh || m->pass_due || m->peers_due
                     || m->idl_seqno != ovsdb_idl_get_seqno(m->idl)),
        .seqno = ovsdb_idl_get_seqno(m->idl),
        .next_cfg = cfg ? cfg->next_cfg : 0,
    };
}
