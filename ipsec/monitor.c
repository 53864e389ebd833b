/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* From Interface rows to wishes.
 *
 * A pass reads all rows anew and states the whole: the selectors to guard,
 * then the peers to have.  Guard and back end find the differences, so a pass
 * that changes nothing costs them nothing.  A pass is made when the database,
 * the credentials or the host's addresses and routes have changed. */

#include <config.h>

#include "monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "sset.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "vswitch-idl.h"

#include "credentials-loader.h"
#include "credentials.h"
#include "guard.h"
#include "ike.h"
#include "peer.h"
#include "protection.h"
#include "remote-cert.h"
#include "route-source.h"
#include "tunnel.h"
#include "unprotected.h"

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

/* How many addresses without a peer are remembered. */
#define MAX_HELD 16

/* One interface that asks for encryption. */
struct monitor_tunnel {
    struct tunnel *wish;        /* What the row says now. */
    struct tunnel *good;        /* If 'wish' is INVALID, what it said when it
                                 * was valid last, or null. */
    unsigned int version;       /* How many wishes there were. */
    char peer[PEER_NAME_LEN + 1];       /* Name of its peer, or "". */
    char *error;                /* Why it has no peer, or null. */
    const char *unprotected;    /* Why IPsec cannot help, or null. */
    bool had_sa;                /* When we started, in a contest. */
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

    struct shash tunnels;       /* Name -> struct monitor_tunnel. */
    size_t n_failed;            /* How many of them have an 'error'. */
    bool credentials_needed;    /* One of them needs our certificate. */
    struct peers peers;
    struct shash in_clear;      /* Name -> why, a constant: tunnels that ask
                                 * for no encryption while others do. */
    struct sset held;           /* Addresses without a peer, see 'run'. */
    long long int hurry_at;     /* Not before do we look for peers whose
                                 * acquires were lost; ms. */

    /* What the last pass was made of. */
    unsigned int idl_seqno;
    uint64_t route_seqno;
    uint64_t remote_certs_seqno;
    const struct credentials *last_credentials;
    char *last_credentials_error;
    bool refresh;

    bool peers_due;             /* 'ike' has not got the last pass yet. */
    bool incumbents_known;      /* Contests of before our start are decided. */
    long long int look_deadline;        /* ms; if they wait for 'ike'. */
    bool stopped;
    long long int database_lost; /* ms; LLONG_MAX if it is there. */
    bool database_reported;
};

static void
monitor_tunnel_destroy(struct monitor_tunnel *mt)
{
    tunnel_destroy(mt->wish);
    tunnel_destroy(mt->good);
    free(mt->error);
    free(mt);
}

/* Only the interfaces that can be tunnels: a hypervisor has many others. */
static void
watch_tunnel_types(struct ovsdb_idl *idl)
{
    struct ovsdb_idl_condition condition;
    const char *name;

    ovsdb_idl_condition_init(&condition);
    for (size_t i = 0; (name = tunnel_type_name(i)) != NULL; i++) {
        ovsrec_interface_add_clause_type(&condition, OVSDB_F_EQ, name);
    }
    ovsdb_idl_set_condition(idl, &ovsrec_table_interface, &condition);
    ovsdb_idl_condition_destroy(&condition);
}

/* Bridges whose tunnels the kernel does not see. */
static void
watch_userspace_bridges(struct monitor *m)
{
    struct ovsdb_idl_condition condition;

    ovsdb_idl_add_table(m->idl, &ovsrec_table_bridge);
    ovsdb_idl_add_column(m->idl, &ovsrec_bridge_col_datapath_type);
    ovsdb_idl_add_column(m->idl, &ovsrec_bridge_col_ports);
    ovsdb_idl_add_table(m->idl, &ovsrec_table_port);
    ovsdb_idl_add_column(m->idl, &ovsrec_port_col_interfaces);

    ovsdb_idl_condition_init(&condition);
    ovsrec_bridge_add_clause_datapath_type(&condition, OVSDB_F_EQ, "netdev");
    ovsdb_idl_set_condition(m->idl, &ovsrec_table_bridge, &condition);
    ovsdb_idl_condition_destroy(&condition);
    ovsdb_idl_condition_init(&condition);
    ovsdb_idl_set_condition(m->idl, &ovsrec_table_port, &condition);
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

    m->idl = ovsdb_idl_create(database, &ovsrec_idl_class, false, true);
    ovsdb_idl_add_table(m->idl, &ovsrec_table_open_vswitch);
    ovsdb_idl_add_column(m->idl, &ovsrec_open_vswitch_col_other_config);
    ovsdb_idl_add_table(m->idl, &ovsrec_table_interface);
    ovsdb_idl_add_column(m->idl, &ovsrec_interface_col_name);
    ovsdb_idl_add_column(m->idl, &ovsrec_interface_col_type);
    ovsdb_idl_add_column(m->idl, &ovsrec_interface_col_options);
    add_shown_column(m->idl, &ovsrec_open_vswitch_col_next_cfg);
    add_shown_column(m->idl, &ovsrec_interface_col_ofport);
    add_shown_column(m->idl, &ovsrec_interface_col_cfm_fault);
    watch_tunnel_types(m->idl);
    watch_userspace_bridges(m);

    m->database = xstrdup(database);
    m->ike = ike;
    m->guard = guard;
    m->protection = protection_create(guard, ike);
    m->credentials = credentials_loader_create();
    m->remote_certs = remote_certs_create();
    m->database_lost = time_msec();
    shash_init(&m->tunnels);
    shash_init(&m->in_clear);
    peers_init(&m->peers);
    sset_init(&m->held);
    return m;
}

/* Frees 'm', which may be null.  What was configured stays. */
void
monitor_destroy(struct monitor *m)
{
    struct shash_node *node;

    if (!m) {
        return;
    }
    SHASH_FOR_EACH (node, &m->tunnels) {
        monitor_tunnel_destroy(node->data);
    }
    shash_destroy(&m->tunnels);
    shash_destroy(&m->in_clear);
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
    const struct ovsrec_open_vswitch *cfg = ovsrec_open_vswitch_first(m->idl);

    return cfg ? &cfg->other_config : &empty;
}

/* Rows to tunnels. */

static void
set_error(struct monitor_tunnel *mt, const char *error)
{
    if (error && !nullable_string_is_equal(mt->error, error)) {
        VLOG_WARN_RL(&rl, "%s: %s", mt->wish->name, error);
    }
    if (error != mt->error) {
        free(mt->error);
        mt->error = nullable_xstrdup(error);
    }
}

/* An invalid change must not take down a tunnel that works: what was valid
 * goes on until it is mended or withdrawn. */
static void
monitor_tunnel_update(struct monitor_tunnel *mt, struct tunnel *wish)
{
    struct tunnel *old = mt->wish;

    if (old && tunnel_equals(old, wish)) {
        tunnel_destroy(wish);
        return;
    }
    if (old && !old->error && wish->error) {
        mt->good = old;
    } else {
        tunnel_destroy(old);
    }
    if (!wish->error) {
        tunnel_destroy(mt->good);
        mt->good = NULL;
    }
    mt->wish = wish;
    mt->version++;
    set_error(mt, wish->error);
}

static void
update_tunnel(struct monitor *m, const struct ovsrec_interface *row)
{
    struct monitor_tunnel *mt = shash_find_data(&m->tunnels, row->name);

    if (!mt) {
        mt = xzalloc(sizeof *mt);
        shash_add(&m->tunnels, row->name, mt);
    }
    monitor_tunnel_update(mt, tunnel_parse(row->name, row->type,
                                           &row->options));
    mt->seen = true;
}

static void
update_tunnels(struct monitor *m)
{
    const struct ovsrec_interface *row;
    struct shash_node *node;

    SHASH_FOR_EACH (node, &m->tunnels) {
        struct monitor_tunnel *mt = node->data;
        mt->seen = false;
    }
    OVSREC_INTERFACE_FOR_EACH (row, m->idl) {
        if (tunnel_wants_ipsec(row->type, &row->options)) {
            update_tunnel(m, row);
        }
    }
    SHASH_FOR_EACH_SAFE (node, &m->tunnels) {
        struct monitor_tunnel *mt = node->data;

        if (!mt->seen) {
            monitor_tunnel_destroy(mt);
            shash_delete(&m->tunnels, node);
        }
    }
}

/* Updates what others may ask for in constant time. */
static void
count_tunnels(struct monitor *m)
{
    const struct shash_node *node;

    m->n_failed = 0;
    m->credentials_needed = false;
    SHASH_FOR_EACH (node, &m->tunnels) {
        const struct monitor_tunnel *mt = node->data;

        m->n_failed += mt->error != NULL;
        if (mt->wish->auth != TUNNEL_AUTH_PSK) {
            m->credentials_needed = true;
        }
    }
}

static const struct tunnel *
effective_tunnel(const struct monitor_tunnel *mt)
{
    return mt->wish->error ? mt->good : mt->wish;
}

/* Where 'local_ip' is not set the route decides, as it does for the tunnel's
 * packets. */
static char *
find_local(const struct tunnel *t, struct in6_addr *local)
{
    int error;

    *local = t->local;
    if (ipv6_addr_is_set(local)) {
        return NULL;
    }
    error = route_source_lookup(&t->remote, local);
    if (error) {
        return xasprintf("no route to %s (%s)", t->value[TUNNEL_REMOTE_IP],
                         ovs_strerror(error));
    }
    return NULL;
}

/* The guard. */

/* The guard knows protocols, ports and addresses, not tunnels, so what
 * becomes of one that asks for no encryption depends on those that do. */
static void
add_plain(struct monitor *m, const struct ovsrec_interface *row)
{
    const char *remote_ip = smap_get_def(&row->options, "remote_ip", "");
    struct tunnel *t = tunnel_parse(row->name, row->type, &row->options);
    struct in6_addr local = in6addr_any;

    if (!hmap_is_empty(&m->peers.by_name) && ipv6_addr_is_set(&t->remote)) {
        free(find_local(t, &local));
    }
    protection_add_plain(m->protection, t, !strcmp(remote_ip, "flow"), &local,
                         &m->peers);
    tunnel_destroy(t);
}

static void
update_guard(struct monitor *m)
{
    const struct ovsrec_interface *row;
    const struct shash_node *node;

    protection_begin(m->protection, other_config(m));
    SHASH_FOR_EACH (node, &m->tunnels) {
        const struct monitor_tunnel *mt = node->data;

        protection_add(m->protection, mt->wish);
        if (mt->good) {
            protection_add(m->protection, mt->good);
        }
    }
    OVSREC_INTERFACE_FOR_EACH (row, m->idl) {
        if (tunnel_type_lookup(row->type)
            && !tunnel_wants_ipsec(row->type, &row->options)) {
            add_plain(m, row);
        }
    }
    protection_end(m->protection);
}

/* What IPsec cannot help. */

/* Adds the names of the interfaces on bridges with the userspace datapath. */
static void
find_userspace(const struct monitor *m, struct sset *names)
{
    const struct ovsrec_bridge *bridge;

    OVSREC_BRIDGE_FOR_EACH (bridge, m->idl) {
        for (size_t i = 0; i < bridge->n_ports; i++) {
            const struct ovsrec_port *port = bridge->ports[i];

            for (size_t j = 0; j < port->n_interfaces; j++) {
                sset_add(names, port->interfaces[j]->name);
            }
        }
    }
}

/* Ports are of interest only if there is such a bridge: a hypervisor has many
 * of them. */
static void
watch_ports(struct monitor *m)
{
    struct ovsdb_idl_condition condition;

    ovsdb_idl_condition_init(&condition);
    if (ovsrec_bridge_first(m->idl)) {
        ovsdb_idl_condition_add_clause_true(&condition);
    }
    ovsdb_idl_set_condition(m->idl, &ovsrec_table_port, &condition);
    ovsdb_idl_condition_destroy(&condition);
}

/* Notes that 'row', which asks for no encryption, is in clear, unless it is
 * cut off or weakens the guard, which is told apart. */
static void
note_in_clear(struct monitor *m, const struct ovsrec_interface *row,
              const struct shash *old)
{
    const struct unprotected_facts facts = {
        .others_want = !shash_is_empty(&m->tunnels),
        .declared = !strcmp(smap_get_def(&row->options, "ipsec_guard", ""),
                            "off"),
    };
    const char *reason = unprotected_reason(&facts);
    struct protection_state state;

    protection_get_state(m->protection, &state);
    if (!reason || shash_find(state.cut_off, row->name)
        || shash_find(state.weakened, row->name)) {
        return;
    }
    shash_add(&m->in_clear, row->name, reason);
    if (shash_find_data(old, row->name) != reason) {
        VLOG_WARN_RL(&rl, "%s: UNPROTECTED: %s", row->name, reason);
    }
}

static void
note_unprotected(struct monitor *m, const struct ovsrec_interface *row,
                 const struct sset *userspace)
{
    struct monitor_tunnel *mt = shash_find_data(&m->tunnels, row->name);
    const struct unprotected_facts facts = {
        .wants = true,
        .others_want = true,
        .flow = !strcmp(smap_get_def(&row->options, "remote_ip", ""), "flow"),
        .userspace = sset_contains(userspace, row->name),
        .offload = smap_get_bool(other_config(m), "hw-offload", false),
    };
    const char *reason = unprotected_reason(&facts);

    if (mt && reason != mt->unprotected) {
        mt->unprotected = reason;
        if (reason) {
            VLOG_WARN_RL(&rl, "%s: UNPROTECTED: %s", row->name, reason);
        }
    }
}

static void
update_unprotected(struct monitor *m)
{
    struct sset userspace = SSET_INITIALIZER(&userspace);
    struct shash old = SHASH_INITIALIZER(&old);
    const struct ovsrec_interface *row;

    watch_ports(m);
    find_userspace(m, &userspace);
    shash_swap(&m->in_clear, &old);
    OVSREC_INTERFACE_FOR_EACH (row, m->idl) {
        if (!tunnel_type_lookup(row->type)) {
            continue;
        }
        if (tunnel_wants_ipsec(row->type, &row->options)) {
            note_unprotected(m, row, &userspace);
        } else {
            note_in_clear(m, row, &old);
        }
    }
    shash_destroy(&old);
    sset_destroy(&userspace);
}

/* Returns true if 'mt' has its SAs. */
static bool
is_up(const struct monitor *m, const struct monitor_tunnel *mt)
{
    const struct tunnel *t = effective_tunnel(mt);
    const struct peer *peer = peers_find(&m->peers, mt->peer);

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
    SHASH_FOR_EACH (node, &m->tunnels) {
        const struct monitor_tunnel *mt = node->data;

        if (!is_up(m, mt)) {
            protection_note_down(m->protection, mt->wish);
        }
    }
    return protection_check(m->protection);
}

/* Tunnels to peers. */

static char *
check_credentials(const struct monitor *m, const struct tunnel *t)
{
    const struct credentials *cred = credentials_loader_get(m->credentials);
    const char *error;

    if (t->auth == TUNNEL_AUTH_PSK) {
        return NULL;
    }
    if (!cred) {
        error = credentials_loader_get_error(m->credentials);
        return xstrdup(error ? error : "the certificate is being read");
    }
    if (t->auth == TUNNEL_AUTH_CA && !cred->cas.n) {
        return xstrdup("other_config:ca_cert in table Open_vSwitch is not "
                       "set, so there is no CA to know the peer by: "
                       "\"ovs-vsctl set Open_vSwitch . "
                       "other_config:ca_cert=FILE\", or set "
                       "options:remote_cert");
    }
    return NULL;
}

/* Finds the peer's certificate if that is what it is known by. */
static char *
find_remote_cert(const struct monitor *m, const struct tunnel *t,
                 struct remote_cert **certp)
{
    const char *path = t->value[TUNNEL_REMOTE_CERT];
    const char *name = t->value[TUNNEL_REMOTE_NAME];
    const char *error;

    *certp = NULL;
    if (t->auth != TUNNEL_AUTH_CERT) {
        return NULL;
    }
    *certp = remote_certs_get(m->remote_certs, path);
    if (!*certp) {
        error = remote_certs_get_error(m->remote_certs, path);
        return xstrdup(error ? error : "the peer's certificate is being read");
    }
    if (name && strcasecmp(name, (*certp)->name)) {
        return xasprintf("options:remote_name is \"%s\", but the certificate "
                         "in options:remote_cert is that of \"%s\": remove "
                         "the name, or name the right file",
                         name, (*certp)->name);
    }
    return NULL;
}

/* Adds 't' to 'peers'.  Returns its peer, owned by 'peers', or null and the
 * reason in '*errorp'; '*contested' tells that it is because another tunnel
 * claims the same address. */
static struct peer *
add_to_peers(const struct monitor *m, struct peers *peers,
             const struct tunnel *t, bool *contested, char **errorp)
{
    struct remote_cert *cert;
    struct in6_addr local;
    struct peer *peer;

    *contested = false;
    *errorp = find_local(t, &local);
    if (!*errorp) {
        *errorp = check_credentials(m, t);
    }
    if (!*errorp) {
        *errorp = find_remote_cert(m, t, &cert);
    }
    if (*errorp) {
        return NULL;
    }
    peer = peers_add_tunnel(peers, t, &local,
                            credentials_loader_get(m->credentials), cert,
                            errorp);
    *contested = !peer;
    return peer;
}

static void
fold_tunnel(struct monitor *m, struct peers *peers, struct monitor_tunnel *mt)
{
    const struct tunnel *t = effective_tunnel(mt);
    struct peer *peer = NULL;
    char *error = NULL;
    bool contested;

    if (t) {
        peer = add_to_peers(m, peers, t, &contested, &error);
    }
    ovs_strlcpy(mt->peer, peer ? peer->name : "", sizeof mt->peer);
    set_error(mt, mt->wish->error ? mt->wish->error : error);
    free(error);
}

/* Who has a peer comes before who wants one: the incumbent stays when two
 * claim the same address with different identities.  After a start that is who
 * had an SA, otherwise names decide. */
static int
compare_incumbents(const void *a_, const void *b_)
{
    const struct shash_node *const *a = a_;
    const struct shash_node *const *b = b_;
    const struct monitor_tunnel *x = (*a)->data;
    const struct monitor_tunnel *y = (*b)->data;

    if (!x->peer[0] != !y->peer[0]) {
        return x->peer[0] ? -1 : 1;
    }
    if (x->had_sa != y->had_sa) {
        return x->had_sa ? -1 : 1;
    }
    return strcmp((*a)->name, (*b)->name);
}

/* Returns true if two tunnels claim one address. */
static bool
have_contest(const struct monitor *m)
{
    const struct shash_node *node;
    bool contested = false;
    struct peers peers;

    peers_init(&peers);
    SHASH_FOR_EACH (node, &m->tunnels) {
        const struct tunnel *t = effective_tunnel(node->data);
        char *error = NULL;

        if (t) {
            add_to_peers(m, &peers, t, &contested, &error);
            free(error);
        }
        if (contested) {
            break;
        }
    }
    peers_destroy(&peers);
    return contested;
}

static void
note_incumbents(struct monitor *m)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &m->tunnels) {
        struct monitor_tunnel *mt = node->data;
        const struct tunnel *t = effective_tunnel(mt);
        struct peers peers;
        bool contested;
        char *error;

        peers_init(&peers);
        if (t) {
            const struct peer *peer = add_to_peers(m, &peers, t, &contested,
                                                   &error);

            mt->had_sa = peer && ike_had_sa(m->ike, peer);
            free(error);
        }
        peers_destroy(&peers);
    }
}

/* After a start nobody knows who was first with an address, but who has an SA
 * was.  Returns false while the IKE daemon still has to tell, for a few
 * seconds at most, and only if there is a contest. */
static bool
find_incumbents(struct monitor *m)
{
    if (m->incumbents_known) {
        return true;
    }
    if (have_contest(m)) {
        if (!m->look_deadline) {
            m->look_deadline = time_msec() + LOOK_PATIENCE;
        }
        if (!ike_look(m->ike) && time_msec() < m->look_deadline) {
            return false;
        }
        note_incumbents(m);
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

static void
update_peers(struct monitor *m)
{
    size_t n = shash_count(&m->tunnels);
    struct shash_node **nodes = xmalloc(n * sizeof *nodes);
    struct shash_node *node;
    size_t i = 0;

    SHASH_FOR_EACH (node, &m->tunnels) {
        nodes[i++] = node;
    }
    qsort(nodes, n, sizeof *nodes, compare_incumbents);

    struct peers peers;
    peers_init(&peers);
    for (i = 0; i < n; i++) {
        fold_tunnel(m, &peers, nodes[i]->data);
    }
    free(nodes);
    count_tunnels(m);

    update_crls(m);
    /* Names that go are told last, when their successors are there. */
    struct peer *peer;
    peers_swap(&m->peers, &peers);
    PEERS_FOR_EACH (peer, &m->peers) {
        protection_wants(m->protection, peer);
        ike_set(m->ike, peer->name, peer);
    }
    PEERS_FOR_EACH (peer, &peers) {
        if (!peers_find(&m->peers, peer->name)
            && !protection_keeps(m->protection, peer)) {
            ike_set(m->ike, peer->name, NULL);
        }
    }
    peers_destroy(&peers);
    ike_commit(m->ike);
}

/* The pass. */

static void
update_credentials(struct monitor *m)
{
    credentials_loader_set(m->credentials, other_config(m));
}

/* Takes the inputs of a pass and returns true if any has changed. */
static bool
inputs_changed(struct monitor *m)
{
    const struct credentials *cred = credentials_loader_get(m->credentials);
    const char *error = credentials_loader_get_error(m->credentials);
    bool changed = (m->refresh
                    || m->idl_seqno != ovsdb_idl_get_seqno(m->idl)
                    || m->route_seqno != route_source_seqno()
                    || (m->remote_certs_seqno
                        != remote_certs_seqno(m->remote_certs))
                    || m->last_credentials != cred
                    || !nullable_string_is_equal(m->last_credentials_error,
                                                 error));

    m->refresh = false;
    m->idl_seqno = ovsdb_idl_get_seqno(m->idl);
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

    SHASH_FOR_EACH (node, &m->tunnels) {
        const struct monitor_tunnel *mt = node->data;

        if (mt->peer[0] && !is_up(m, mt)) {
            ike_hurry(m->ike, mt->peer);
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

    SHASH_FOR_EACH (node, &m->tunnels) {
        const struct tunnel *t = effective_tunnel(node->data);

        if (t && t->value[TUNNEL_REMOTE_CERT]) {
            sset_add(&paths, t->value[TUNNEL_REMOTE_CERT]);
        }
    }
    remote_certs_set(m->remote_certs, &paths);
    sset_destroy(&paths);
}

static void
run_pass(struct monitor *m)
{
    update_tunnels(m);
    update_remote_certs(m);
    count_tunnels(m);
    update_guard(m);
    update_unprotected(m);
    sset_clear(&m->held);
    m->peers_due = true;
}

/* Takes in what has changed and states what follows from it. */
void
monitor_run(struct monitor *m)
{
    ovsdb_idl_run(m->idl);
    route_source_run();
    report_database(m);
    if (m->stopped) {
        guard_run(m->guard);
        ike_run(m->ike);
        return;
    }

    if (ovsdb_idl_has_ever_connected(m->idl)) {
        update_credentials(m);
        credentials_loader_run(m->credentials);
        remote_certs_run(m->remote_certs);
        m->refresh |= protection_run(m->protection);
        m->refresh |= check_transition(m);
        if (inputs_changed(m)) {
            run_pass(m);
        }
    }
    guard_run(m->guard);
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
    ike_wait(m->ike);
    if (m->look_deadline && !m->incumbents_known) {
        poll_timer_wait_until(m->look_deadline);
    }
    if (m->database_lost != LLONG_MAX && !m->database_reported) {
        poll_timer_wait_until(m->database_lost + DATABASE_PATIENCE);
    }
}

/* Has the next monitor_run() make a pass, whether or not anything has
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
    const struct ovsrec_interface *row;

    OVSREC_INTERFACE_FOR_EACH (row, m->idl) {
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
    const struct shash_node **nodes = shash_sort(&m->tunnels);
    struct monitor_view *views;

    *n = shash_count(&m->tunnels);
    views = xcalloc(*n, sizeof *views);
    for (size_t i = 0; i < *n; i++) {
        const struct monitor_tunnel *mt = nodes[i]->data;

        views[i] = (struct monitor_view) {
            .name = nodes[i]->name,
            .wish = mt->wish,
            .effective = effective_tunnel(mt),
            .peer = mt->peer[0] ? peers_find(&m->peers, mt->peer) : NULL,
            .error = mt->error,
            .unprotected = mt->unprotected,
            .version = mt->version,
        };
    }
    free(nodes);
    find_rows(m, views, *n);
    return views;
}

/* Returns the tunnels that ask for no encryption and are in clear while others
 * are encrypted: names with the reason in words, constants. */
const struct shash *
monitor_get_in_clear(const struct monitor *m)
{
    return &m->in_clear;
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
    const struct ovsrec_open_vswitch *cfg = ovsrec_open_vswitch_first(m->idl);

    monitor_get_protection(m, &protection);
    *summary = (struct monitor_summary) {
        .database_connected = m->database_lost == LLONG_MAX,
        .database_known = ovsdb_idl_has_ever_connected(m->idl),
        .credentials = credentials_loader_get(m->credentials),
        .credentials_error = credentials_loader_get_error(m->credentials),
        .other_config = other_config(m),
        .credentials_needed = m->credentials_needed,
        .credentials_warnings
            = credentials_loader_get_warnings(m->credentials),
        .guard_needed = protection.needed,
        .n_tunnels = shash_count(&m->tunnels),
        .n_failed = m->n_failed,
        .settling = (m->refresh || m->peers_due
                     || m->idl_seqno != ovsdb_idl_get_seqno(m->idl)),
        .seqno = ovsdb_idl_get_seqno(m->idl),
        .next_cfg = cfg ? cfg->next_cfg : 0,
    };
}
