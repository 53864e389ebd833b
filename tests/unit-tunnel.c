/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/tunnel: every option flipped must differ, every wrong value must
 * be named. */

#include <config.h>

#include "tunnel.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "smap.h"

#include "unit.h"

static struct tunnel *
parse(const char *type, const char *options)
{
    struct smap smap = SMAP_INITIALIZER(&smap);
    char *copy = xstrdup(options);
    char *save = NULL;

    for (char *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');

        *value++ = '\0';
        smap_replace(&smap, word, value);
    }
    struct tunnel *t = tunnel_parse("tun", type, &smap);
    smap_destroy(&smap);
    free(copy);
    return t;
}

static void
check_error(const char *options, const char *error)
{
    struct tunnel *t = parse("geneve", options);

    CHECK_STRING(t->error, error);
    tunnel_destroy(t);
}

static void
test_values(void)
{
    struct tunnel *t = parse("geneve", "remote_ip=10.0.0.2 remote_name=ch2");

    CHECK_STRING(t->error, NULL);
    CHECK(t->family == AF_INET);
    CHECK(t->port == 6081);
    CHECK(t->auth == TUNNEL_AUTH_CA);
    CHECK(!memcmp(&t->local, &in6addr_any, sizeof t->local));
    tunnel_destroy(t);

    t = parse("vxlan", "remote_ip=fd00:0::2 local_ip=fd00::1 psk=x "
              "dst_port=8472");
    CHECK_STRING(t->error, NULL);
    CHECK(t->family == AF_INET6);
    CHECK(t->port == 8472);
    CHECK(t->auth == TUNNEL_AUTH_PSK);
    CHECK_STRING(t->value[TUNNEL_REMOTE_IP], "fd00::2");
    tunnel_destroy(t);

    t = parse("gre", "remote_ip=10.0.0.2 psk=x dst_port=nonsense");
    CHECK_STRING(t->error, NULL);
    CHECK(t->type->proto == IPPROTO_GRE);
    CHECK(t->auth == TUNNEL_AUTH_PSK);
    CHECK(!t->port);
    tunnel_destroy(t);
}

/* Each pair of these asks for something else. */
static void
test_differ(void)
{
    static const char *const variants[][2] = {
        { "geneve", "remote_ip=10.0.0.2 remote_name=ch2" },
        { "vxlan", "remote_ip=10.0.0.2 remote_name=ch2" },
        { "gre", "remote_ip=10.0.0.2 remote_name=ch2" },
        { "ip6gre", "remote_ip=10.0.0.2 remote_name=ch2" },
        { "erspan", "remote_ip=10.0.0.2 remote_name=ch2" },
        { "ip6erspan", "remote_ip=10.0.0.2 remote_name=ch2" },
        { "stt", "remote_ip=10.0.0.2 remote_name=ch2" },
        { "geneve", "remote_ip=10.0.0.3 remote_name=ch2" },
        { "geneve", "remote_ip=fd00::2 remote_name=ch2" },
        { "geneve", "remote_ip=10.0.0.2 remote_name=ch3" },
        { "geneve", "remote_ip=10.0.0.2 local_ip=10.0.0.1 remote_name=ch2" },
        { "geneve", "remote_ip=10.0.0.2 dst_port=6082 remote_name=ch2" },
        { "geneve", "remote_ip=10.0.0.2 psk=ch2" },
        { "geneve", "remote_ip=10.0.0.2 psk=ch3" },
        { "geneve", "remote_ip=10.0.0.2 remote_cert=/ch2" },
        { "geneve", "remote_ip=10.0.0.2 remote_cert=/ch3" },
        { "geneve", "remote_ip=10.0.0.2 remote_cert=/ch2 remote_name=ch2" },
        { "geneve", "remote_ip=10.0.0.2 remote_name=ch2 "
                    "ipsec_esp=aes128-sha256" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(variants); j++) {
            struct tunnel *a = parse(variants[i][0], variants[i][1]);
            struct tunnel *b = parse(variants[j][0], variants[j][1]);

            CHECK(tunnel_equals(a, b) == (i == j));
            CHECK((tunnel_hash(a) == tunnel_hash(b)) == (i == j));
            tunnel_destroy(a);
            tunnel_destroy(b);
        }
    }
}

static void
test_auth(void)
{
    struct tunnel *t = parse("geneve", "remote_ip=10.0.0.2 remote_name=ch2 "
                             "remote_cert=/ch2.pem");

    CHECK_STRING(t->error, NULL);
    CHECK(t->auth == TUNNEL_AUTH_CERT);
    tunnel_destroy(t);
}

static void
test_same(void)
{
    struct tunnel *a = parse("geneve", "remote_ip=fd00:0:0::2 psk=x");
    struct tunnel *b = parse("geneve", "remote_ip=fd00::2 psk=x key=flow "
                             "dst_port=6081");

    CHECK(tunnel_equals(a, b));
    CHECK(tunnel_hash(a) == tunnel_hash(b));
    tunnel_destroy(a);
    tunnel_destroy(b);
}

static void
test_errors(void)
{
    struct tunnel *t = parse("ip6gre", "remote_ip=fd00::2 local_ip=fd00::1 "
                             "psk=x");

    CHECK_STRING(t->error, "ip6gre tunnels cannot be encrypted: Linux looks "
                 "for the SA of their packets before it has chosen a source "
                 "address, so none fits: use geneve or vxlan");
    tunnel_destroy(t);
    check_error("psk=x", "options:remote_ip is not set");
    check_error("remote_ip=flow psk=x", "remote_ip=flow tunnels cannot be "
                "encrypted: set options:remote_ip to the peer's address");
    check_error("remote_ip=a\n\"b psk=x", "options:remote_ip=\"a\\x0a\\x22b\" "
                "is not a unicast IPv4 or IPv6 address");
    check_error("remote_ip=0.0.0.0 psk=x", "options:remote_ip=\"0.0.0.0\" "
                "is not a unicast IPv4 or IPv6 address");
    check_error("remote_ip=224.0.0.1 psk=x", "options:remote_ip=\"224.0.0.1\" "
                "is not a unicast IPv4 or IPv6 address");
    check_error("remote_ip=ff02::1 psk=x", "options:remote_ip=\"ff02::1\" "
                "is not a unicast IPv4 or IPv6 address");
    check_error("remote_ip=::ffff:10.0.0.1 psk=x",
                "options:remote_ip=\"::ffff:10.0.0.1\" "
                "is not a unicast IPv4 or IPv6 address");
    check_error("remote_ip=10.0.0.2 local_ip=fd00::1 psk=x",
                "options:local_ip and options:remote_ip are of different "
                "families, IPv4 and IPv6");
    check_error("remote_ip=10.0.0.2 dst_port=0 psk=x",
                "options:dst_port=\"0\" is not a port number from 1 to "
                "65535");
    check_error("remote_ip=10.0.0.2 dst_port=65536 psk=x",
                "options:dst_port=\"65536\" is not a port number from 1 to "
                "65535");
    check_error("remote_ip=10.0.0.2 psk=", "options:psk is empty");
    check_error("remote_ip=10.0.0.2 remote_name=*",
                "options:remote_name=\"*\" has a character other than "
                "letters, digits, '.', '_' and '-' (byte 0x2a at 0)");
    check_error("remote_ip=10.0.0.2 psk=x remote_name=ch2",
                "options:psk and options:remote_name are both set: keep one");
    check_error("remote_ip=10.0.0.2 psk=x remote_cert=/x remote_name=ch2",
                "options:psk and options:remote_cert are both set: keep one");
    check_error("remote_ip=10.0.0.2 remote_cert=x.pem",
                "options:remote_cert=\"x.pem\" is not the path of a file, "
                "from / on");
    check_error("remote_ip=10.0.0.2 ipsec_encap=yes",
                "nothing says how the peer authenticates: set "
                "options:remote_name, options:remote_cert or options:psk");
    check_error("remote_ip=10.0.0.2 psk=x ipsec_b=1 ipsec_a=1",
                "options has \"ipsec_a\", which is not one of the settings "
                "that a tunnel may have, listed in ovs-monitor-ipsec(8): "
                "remove it");
}

/* No message has the secret. */
static void
test_secret(void)
{
    struct tunnel *t = parse("geneve", "remote_ip=10.0.0.2 psk=swordfish "
                             "remote_name=ch2");

    CHECK(!strstr(t->error, "swordfish"));
    tunnel_destroy(t);
}

static void
test_wants_ipsec(void)
{
    struct smap smap = SMAP_INITIALIZER(&smap);

    smap_add(&smap, "remote_ip", "10.0.0.2");
    CHECK(!tunnel_wants_ipsec("geneve", &smap));
    smap_add(&smap, "ipsec_encapsulation", "yes");
    CHECK(tunnel_wants_ipsec("geneve", &smap));
    CHECK(!tunnel_wants_ipsec("internal", &smap));
    smap_destroy(&smap);
}

void
unit_tunnel(void)
{
    test_values();
    test_differ();
    test_auth();
    test_same();
    test_errors();
    test_secret();
    test_wants_ipsec();
}
