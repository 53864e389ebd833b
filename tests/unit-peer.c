/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/peer: how tunnels fold, and what names are made of. */

#include <config.h>

#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include "packets.h"
#include "smap.h"

#include "credentials.h"
#include "remote-cert.h"
#include "unit.h"

static struct credentials cred = {
    .ref_cnt = 1, .name = "ch1", .cert = "cert", .key = "key",
    .digest = "0123456789abcdef0123456789abcdef",
};

static struct remote_cert certs[] = {
    { .ref_cnt = 1, .name = "ch2", .pem = "pem" },
    { .ref_cnt = 1, .name = "ch2", .pem = "other" },
};

/* Adds a tunnel to 'peers' and returns the name of its peer, or the error,
 * which the caller frees.  'value' may have another option behind a blank. */
static char *
add(struct peers *peers, const char *name, const char *type,
    const char *local, const char *remote, const char *option,
    const char *value, const char *port)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    char *error;

    smap_add(&smap, "remote_ip", remote);
    smap_add(&smap, "local_ip", local);
    smap_add_nocopy(&smap, xstrdup(option),
                    xmemdup0(value, strcspn(value, " ")));
    if (strchr(value, ' ')) {
        const char *p = strchr(value, ' ') + 1;
        size_t n = strcspn(p, "=");

        smap_add_nocopy(&smap, xmemdup0(p, n), xstrdup(p + n + 1));
    }
    if (port) {
        smap_add(&smap, "dst_port", port);
    }
    struct tunnel *t = tunnel_parse(name, type, &smap);
    CHECK_STRING(t->error, NULL);
    struct peer *peer = peers_add_tunnel(
        peers, t, &t->local, &cred,
        strcmp(value, "/other") ? &certs[0] : &certs[1], &error);
    smap_destroy(&smap);
    tunnel_destroy(t);
    return peer ? xstrdup(peer->name) : error;
}

#define L "10.0.0.1"
#define R "10.0.0.2"

/* Two tunnels with different keys share all, another type adds children, and
 * another port too. */
static void
test_fold(void)
{
    struct peers peers;
    peers_init(&peers);

    char *a = add(&peers, "a", "geneve", L, R, "remote_name", "ch2", NULL);
    char *b = add(&peers, "b", "geneve", L, R, "remote_name", "ch2", NULL);
    CHECK_STRING(a, b);
    CHECK(!strncmp(a, "ovs-", 4) && strlen(a) == PEER_NAME_LEN);
    CHECK(peers_find(&peers, a)->n_children == 2);

    char *c = add(&peers, "c", "vxlan", L, R, "remote_name", "ch2", NULL);
    CHECK_STRING(c, a);
    CHECK(peers_find(&peers, a)->n_children == 4);

    char *d = add(&peers, "d", "geneve", L, R, "remote_name", "ch2", "6082");
    CHECK_STRING(d, a);
    CHECK(peers_find(&peers, a)->n_children == 6);
    CHECK(hmap_count(&peers.by_name) == 1);

    /* GRE has one child, which its relatives share. */
    free(add(&peers, "f", "gre", L, R, "remote_name", "ch2", NULL));
    free(add(&peers, "g", "erspan", L, R, "remote_name", "ch2", NULL));
    CHECK(peers_find(&peers, a)->n_children == 7);
    CHECK(peers_find(&peers, a)->children[6].dir == CHILD_BOTH);
    CHECK(peer_find_carrier(peers_find(&peers, a), CHILD_IN, IPPROTO_GRE, 0)
          == &peers_find(&peers, a)->children[6]);

    char *e = add(&peers, "e", "geneve", "fd00::1", "fd00::2",
                  "remote_name", "ch2", NULL);
    CHECK(strcmp(e, a));
    free(a);
    free(b);
    free(c);
    free(d);
    free(e);
    peers_destroy(&peers);
}

static char *
name_alone(const char *local, const char *remote, const char *option,
           const char *value)
{
    struct peers peers;
    peers_init(&peers);
    char *name = add(&peers, "x", "geneve", local, remote, option, value,
                     NULL);
    peers_destroy(&peers);
    return name;
}

/* What charon compares is in the name; the secret and the tunnel's own name
 * are not. */
static void
test_names(void)
{
    char *base = name_alone(L, R, "remote_name", "ch2");
    char *names[] = {
        name_alone("10.0.0.3", R, "remote_name", "ch2"),
        name_alone(L, "10.0.0.3", "remote_name", "ch2"),
        name_alone(L, R, "remote_name", "ch3"),
        name_alone(L, R, "psk", "x"),
        name_alone(L, R, "remote_cert", "/this"),
        name_alone(L, R, "remote_cert", "/other"),
        name_alone(L, R, "remote_name", "ch2 ipsec_encap=yes"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CHECK(strcmp(base, names[i]));
        for (size_t j = 0; j < i; j++) {
            CHECK(strcmp(names[i], names[j]));
        }
    }
    char *other_psk = name_alone(L, R, "psk", "y");
    CHECK_STRING(other_psk, names[3]);

    cred.digest = "fedcba";
    char *other_cert = name_alone(L, R, "remote_name", "ch2");
    CHECK(strcmp(base, other_cert));

    free(other_cert);
    free(other_psk);
    free(base);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        free(names[i]);
    }
}

/* Whoever comes second with another identity for the same address loses, and
 * hears who has it. */
static void
test_conflict(void)
{
    struct peers peers;
    peers_init(&peers);

    free(add(&peers, "first", "geneve", L, R, "remote_name", "ch2", NULL));
    char *error = add(&peers, "second", "vxlan", L, R, "remote_name", "ch3",
                      NULL);
    CHECK_STRING(error, "tunnel first to the same address has another "
                 "remote_name: make both the same, or remove one of them");
    free(error);
    error = add(&peers, "second", "vxlan", L, R, "psk", "x", NULL);
    CHECK_STRING(error, "tunnel first to the same address has another "
                 "kind of authentication: make both the same, or remove one "
                 "of them");
    free(error);

    free(add(&peers, "third", "geneve", L, "10.0.0.3", "psk", "x", NULL));
    error = add(&peers, "fourth", "geneve", L, "10.0.0.3", "psk", "y", NULL);
    CHECK_STRING(error, "tunnel third to the same address has another psk: "
                 "make both the same, or remove one of them");
    free(error);

    free(add(&peers, "fifth", "geneve", L, "10.0.0.4", "remote_cert", "/this",
             NULL));
    error = add(&peers, "sixth", "geneve", L, "10.0.0.4", "remote_cert",
                "/other", NULL);
    CHECK_STRING(error, "tunnel fifth to the same address has another "
                 "remote_cert: make both the same, or remove one of them");
    free(error);
    error = add(&peers, "sixth", "vxlan", L, "10.0.0.4", "remote_cert",
                "/this ipsec_encap=yes", NULL);
    CHECK_STRING(error, "tunnel fifth to the same address has other ipsec_* "
                 "options for IKE: make both the same, or remove one of them");
    free(error);
    error = add(&peers, "sixth", "geneve", L, "10.0.0.4", "remote_cert",
                "/this ipsec_replay_window=64", NULL);
    CHECK_STRING(error, "tunnel fifth to the same address has other ipsec_* "
                 "options for ESP: make both the same, or remove one of them");
    free(error);
    error = add(&peers, "sixth", "vxlan", L, "10.0.0.4", "remote_cert",
                "/this ipsec_replay_window=64", NULL);
    CHECK(!strncmp(error, "ovs-", 4));
    free(error);
    peers_destroy(&peers);
}

static void
test_equality(void)
{
    struct peers a, b;
    peers_init(&a);
    peers_init(&b);

    char *name = add(&a, "x", "geneve", L, R, "psk", "x", NULL);
    free(add(&a, "y", "vxlan", L, R, "psk", "x", NULL));
    free(add(&b, "y", "vxlan", L, R, "psk", "x", NULL));
    CHECK(!peer_equals(peers_find(&a, name), peers_find(&b, name)));
    free(add(&b, "z", "geneve", L, R, "psk", "x", NULL));
    CHECK(peer_equals(peers_find(&a, name), peers_find(&b, name)));
    peers_destroy(&b);

    peers_init(&b);
    free(add(&b, "x", "geneve", L, R, "psk", "other", NULL));
    free(add(&b, "y", "vxlan", L, R, "psk", "other", NULL));
    CHECK(!peer_equals(peers_find(&a, name), peers_find(&b, name)));

    /* Who holds packets is no part of a name, but something to tell. */
    struct peers c;
    peers_init(&c);
    char *trapped = add(&c, "x", "geneve", L, R, "psk", "x", NULL);
    free(add(&c, "y", "vxlan", L, R, "psk", "x", NULL));
    struct smap options = SMAP_INITIALIZER(&options);
    smap_add(&options, "remote_ip", R);
    smap_add(&options, "psk", "x");
    struct tunnel *t = tunnel_parse("x", "geneve", &options);
    peer_add_trap(peers_find(&c, trapped), t);
    smap_destroy(&options);
    CHECK_STRING(trapped, name);
    CHECK(!peer_equals(peers_find(&a, name), peers_find(&c, name)));
    for (size_t i = 0; i < 4; i++) {
        const struct child *child = &peers_find(&c, name)->children[i];

        CHECK(child->trap == (child->dir == CHILD_OUT
                              && child->port == 6081));
    }
    tunnel_destroy(t);
    free(trapped);
    peers_destroy(&c);

    struct peer *kept = peer_ref(peers_find(&a, name));
    peers_destroy(&a);
    CHECK_STRING(kept->name, name);
    CHECK_STRING(kept->psk, "x");
    peer_unref(kept);
    free(name);
    peers_destroy(&b);
}

void
unit_peer(void)
{
    test_fold();
    test_names();
    test_conflict();
    test_equality();
}
