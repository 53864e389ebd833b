/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STRONGSWAN_CONN_H
#define STRONGSWAN_CONN_H 1

/* The connections of the strongSwan back end, as data: what is wished for,
 * how far charon has got with it, and when to look at it again.  No input or
 * output; strongswan-step moves them on.
 *
 * A connection's name is made of its contents, so whatever changes in it makes
 * another connection between the same two hosts: the successor of the first,
 * which goes when that one works. */

#include <netinet/in.h>
#include <stdbool.h>

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "heap.h"
#include "sset.h"
#include "strongswan-judge.h"
#include "strongswan-sa.h"

struct peer;

enum strongswan_load {
    STRONGSWAN_UNLOADED,
    STRONGSWAN_LOADING,
    STRONGSWAN_LOADED
};

/* How far the removal is. */
enum strongswan_removal {
    STRONGSWAN_KEPT,
    STRONGSWAN_UNLOAD_SENT,     /* Its SAs wait for the successor's. */
    STRONGSWAN_TERMINATE_SENT
};

/* Whether charon is asked for the connection's SAs. */
enum strongswan_query {
    STRONGSWAN_QUERY_IDLE,
    STRONGSWAN_QUERY_WANTED,
    STRONGSWAN_QUERY_RUNNING,
    STRONGSWAN_QUERY_AGAIN      /* Running, and wanted since. */
};

struct strongswan_conn {
    struct hmap_node node;      /* In struct strongswan_conns' 'by_name'. */
    struct ovs_list todo;       /* In its 'todo' or 'file_waiters', or
                                 * empty. */
    struct ovs_list unwritten;  /* In its 'unwritten', or empty. */
    struct heap_node timer;     /* In its 'timers' if 'has_timer'. */
    bool has_timer;
    struct hmap_node pair_node; /* In its 'by_pair' if 'has_pair'. */
    bool has_pair;
    struct in6_addr local, remote;

    struct peer *wish;          /* Null: to be removed. */
    struct peer *gone;          /* If 'wish' is null, what it was, or null. */
    bool up;                    /* All of its SAs were there when it was last
                                 * judged. */
    long long int up_since;     /* ms; since when it is 'up'. */
    long long int sending_since; /* ms; all that we send could leave then, and
                                  * has been able to since; 0: it cannot. */
    long long int begun_for_peer; /* ms; when what the peer should send has
                                   * been begun by us since; 0: never. */
    bool changed;               /* 'wish' is not what was last loaded. */
    bool waiting;               /* To take the place of another, when its turn
                                 * comes. */
    enum strongswan_load load;
    bool told;                  /* charon may know the children of 'wish' or
                                 * 'gone'. */
    struct sset old_children;   /* Others that it may know. */
    char *loaded_psk;           /* The secret that charon has, or null. */
    enum strongswan_removal removal; /* If 'wish' is null. */
    long long int remove_by;    /* ms; until then a successor may come up. */

    enum strongswan_query query;
    bool sas_known;             /* 'sas' is what list-sas told. */
    struct strongswan_sas sas;
    struct strongswan_attempt attempt;
    struct ovs_list starter;    /* In its 'starters', or empty. */
    struct ovs_list suspect;    /* In its 'suspects', or empty. */
    long long int suspect_until; /* ms; of one in there. */
    bool check_kernel;          /* 'sas' should be compared with the
                                 * kernel's. */
    unsigned int mended;        /* How often in a row the kernel's were
                                 * missing. */
    unsigned int n_unheard;     /* load-conns of ours of which charon's log
                                 * has not told yet. */
    bool initiating;            /* Counted in 'n_initiating'. */
    bool counted_loading;       /* In 'n_loading'. */
    char *error;                /* Since it was last up, or null. */
    char *last_error;           /* Also before that. */
    long long int last_error_at; /* s since the epoch: when it came last. */

    bool counted_loaded;        /* In 'n_loaded' and 'n_up'. */
    bool counted_up;

    char name[];
};

struct strongswan_conns {
    struct hmap by_name;        /* Contains "struct strongswan_conn"s. */
    struct hmap by_pair;        /* Those whose hosts are known. */
    struct ovs_list todo;       /* Those to look at. */
    struct ovs_list file_waiters; /* Likewise, when the file is written and
                                   * fewer are being loaded. */
    struct ovs_list unwritten;  /* Those whose file is to be written. */
    struct ovs_list starters;   /* Those that wait until fewer negotiate. */
    struct ovs_list suspects;   /* Those that may have lost SAs, by time. */
    struct heap timers;         /* Those to ask charon about. */
    bool quiet;                 /* Only those in a hurry may negotiate. */
    size_t n_initiating;
    size_t n_loading;           /* Those in STRONGSWAN_LOADING. */
    size_t n_removing;          /* Those without a wish. */
    size_t n_loaded;            /* Those that charon has as wished. */
    size_t n_up;                /* Those that are up. */
};

#define STRONGSWAN_CONN_FOR_EACH(CONN, CONNS) \
    HMAP_FOR_EACH (CONN, node, &(CONNS)->by_name)

void strongswan_conns_init(struct strongswan_conns *);
void strongswan_conns_uninit(struct strongswan_conns *);
void strongswan_conns_run(struct strongswan_conns *, long long int now);
bool strongswan_conns_are_busy(const struct strongswan_conns *);
void strongswan_conns_wait(const struct strongswan_conns *);

struct strongswan_conn *strongswan_conn_find(const struct strongswan_conns *,
                                             const char *name);
struct strongswan_conn *strongswan_conn_get(struct strongswan_conns *,
                                            const char *name);
void strongswan_conn_destroy(struct strongswan_conns *,
                             struct strongswan_conn *);
void strongswan_conn_reset(struct strongswan_conns *,
                           struct strongswan_conn *);

void strongswan_conn_set_wish(struct strongswan_conns *,
                              struct strongswan_conn *, const struct peer *);
void strongswan_conn_renew_wish(struct strongswan_conn *,
                                const struct peer *);
struct strongswan_conn *strongswan_conn_between(
    const struct strongswan_conns *, const struct in6_addr *local,
    const struct in6_addr *remote);
void strongswan_conn_set_error(struct strongswan_conn *, const char *error);
void strongswan_conn_set_psk(struct strongswan_conn *, const char *psk);
void strongswan_conn_set_initiating(struct strongswan_conns *,
                                    struct strongswan_conn *, bool);
void strongswan_conn_set_pair(struct strongswan_conns *,
                              struct strongswan_conn *,
                              const struct in6_addr *local,
                              const struct in6_addr *remote);
struct strongswan_conn *strongswan_conn_successor(
    const struct strongswan_conns *, const struct strongswan_conn *);
void strongswan_conn_set_load(struct strongswan_conns *,
                              struct strongswan_conn *, enum strongswan_load);
void strongswan_conn_count(struct strongswan_conns *,
                           struct strongswan_conn *);
struct strongswan_conn *strongswan_conn_predecessor(
    const struct strongswan_conns *, const struct strongswan_conn *);
const char *strongswan_conn_label(const struct strongswan_conn *);

/* Looking at connections later. */
void strongswan_conn_touch(struct strongswan_conns *,
                           struct strongswan_conn *);
void strongswan_conn_touch_predecessors(struct strongswan_conns *,
                                        const struct strongswan_conn *);
void strongswan_conn_touch_first(struct strongswan_conns *,
                                 struct strongswan_conn *);
void strongswan_conn_want_query(struct strongswan_conns *,
                                struct strongswan_conn *);
bool strongswan_conn_may_start(struct strongswan_conns *,
                               struct strongswan_conn *);
void strongswan_conn_suspect(struct strongswan_conns *,
                             struct strongswan_conn *, long long int until);
void strongswan_conns_run_suspects(struct strongswan_conns *,
                                   long long int now);
void strongswan_conns_wait_suspects(const struct strongswan_conns *);
void strongswan_conn_wait_for_file(struct strongswan_conns *,
                                   struct strongswan_conn *);
void strongswan_conn_set_timer(struct strongswan_conns *,
                               struct strongswan_conn *, long long int when);
void strongswan_conn_cancel_timer(struct strongswan_conns *,
                                  struct strongswan_conn *);

#endif /* strongswan-conn.h */
