/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tunnels as values: parse, validate, compare, hash and print what one
 * Interface row asks for; see tunnel.h. */

#include <config.h>

#include "tunnel.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "hash.h"
#include "packets.h"
#include "smap.h"
#include "util.h"

#include "chassis-name.h"
#include "quote.h"
#include "secret.h"
#include "tunnel-options.h"

/* Sources: RFC 8926 (Geneve), RFC 7348 (VXLAN), RFC 2784 (GRE, which ERSPAN
 * goes in), ovs-vswitchd.conf.db(5) for STT.  In Linux 6.1 (net/ipv6/ip6_gre.c
 * and ip6_tunnel.c) what Open vSwitch makes of ip6gre has no source in the
 * flow that XFRM gets, also with options:local_ip; measured. */
static const struct tunnel_type types[] = {
    { "geneve", IPPROTO_UDP, 6081, false },
    { "vxlan", IPPROTO_UDP, 4789, false },
    { "gre", IPPROTO_GRE, 0, false },
    { "ip6gre", IPPROTO_GRE, 0, true },
    { "erspan", IPPROTO_GRE, 0, false },
    { "ip6erspan", IPPROTO_GRE, 0, true },
    { "stt", IPPROTO_TCP, 7471, false },
};

/* A parser gets the text of an option, fills in what it derives from it and
 * returns its canonical form, or null after setting 't->error'. */
typedef char *field_parser(struct tunnel *t, const char *text);

static field_parser parse_remote_ip, parse_local_ip, parse_dst_port,
    parse_psk, parse_remote_cert, parse_remote_name;

/* The one table of fields: parse, compare and hash all walk it. */
static const struct {
    const char *option;
    field_parser *parse;
} fields[TUNNEL_N_FIELDS] = {
    [TUNNEL_TYPE] = { "type", NULL },
    [TUNNEL_REMOTE_IP] = { "remote_ip", parse_remote_ip },
    [TUNNEL_LOCAL_IP] = { "local_ip", parse_local_ip },
    [TUNNEL_DST_PORT] = { "dst_port", parse_dst_port },
    [TUNNEL_PSK] = { "psk", parse_psk },
    [TUNNEL_REMOTE_CERT] = { "remote_cert", parse_remote_cert },
    [TUNNEL_REMOTE_NAME] = { "remote_name", parse_remote_name },
};

#define IPSEC_OPTION_PREFIX "ipsec_"

/* Returns the tunnel type called 'name', or null if IPsec knows none of that
 * name. */
const struct tunnel_type *
tunnel_type_lookup(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (!strcmp(types[i].name, name)) {
            return &types[i];
        }
    }
    return NULL;
}

/* Returns the name of tunnel type number 'i', or null after the last. */
const char *
tunnel_type_name(size_t i)
{
    return i < ARRAY_SIZE(types) ? types[i].name : NULL;
}

static bool
is_ipsec_option(const char *option)
{
    return !strncmp(option, IPSEC_OPTION_PREFIX, strlen(IPSEC_OPTION_PREFIX));
}

/* Returns true if an interface of this 'type' with these 'options' asks for
 * encryption, whether or not it can have it. */
bool
tunnel_wants_ipsec(const char *type, const struct smap *options)
{
    const struct smap_node *node;

    if (!tunnel_type_lookup(type)) {
        return false;
    }
    SMAP_FOR_EACH (node, options) {
        if (!strcmp(node->key, "psk") || !strcmp(node->key, "remote_cert")
            || !strcmp(node->key, "remote_name")
            || (is_ipsec_option(node->key)
                && !guard_options_declares_plain(node->key, node->value))) {
            return true;
        }
    }
    return false;
}

/* The first error stays: it is the one nearest to the cause. */
static void OVS_PRINTF_FORMAT(2, 3)
tunnel_fail(struct tunnel *t, const char *format, ...)
{
    va_list args;

    if (!t->error) {
        va_start(args, format);
        t->error = xvasprintf(format, args);
        va_end(args);
    }
}

static char *
fail_value(struct tunnel *t, enum tunnel_field field, const char *text,
           const char *expected)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    put_quoted(&ds, text);
    tunnel_fail(t, "options:%s=%s is not %s", fields[field].option,
                ds_cstr(&ds), expected);
    ds_destroy(&ds);
    return NULL;
}

/* Takes a unicast address of either family.  A zone ("%eth0") would be lost
 * on the way to the IKE daemon, so a link-local address is refused, and so is
 * another way to write one of IPv4; but Open vSwitch sends to both, so they
 * are known all the same, to be guarded. */
static bool
parse_address(const char *text, struct in6_addr *address, int *family)
{
    struct in6_addr ip6;
    ovs_be32 ip4;

    if (ip_parse(text, &ip4)) {
        if (!ip4 || ip_is_multicast(ip4) || ip4 == htonl(INADDR_BROADCAST)) {
            return false;
        }
        in6_addr_set_mapped_ipv4(address, ip4);
        *family = AF_INET;
        return true;
    }
    if (!ipv6_parse(text, &ip6) || !ipv6_addr_is_set(&ip6)
        || ip6.s6_addr[0] == 0xff) {
        return false;
    }
    *address = ip6;
    *family = IN6_IS_ADDR_V4MAPPED(&ip6) ? AF_INET : AF_INET6;
    return *family == AF_INET6 && !in6_is_lla(&ip6);
}

static char *
format_address(const struct in6_addr *address)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ipv6_format_mapped(address, &ds);
    return ds_steal_cstr(&ds);
}

static char *
parse_remote_ip(struct tunnel *t, const char *text)
{
    if (!strcmp(text, "flow")) {
        tunnel_fail(t, "remote_ip=flow tunnels cannot be encrypted: set "
                    "options:remote_ip to the peer's address");
        return NULL;
    }
    if (!parse_address(text, &t->remote, &t->family)) {
        return fail_value(t, TUNNEL_REMOTE_IP, text,
                          "a unicast IPv4 or IPv6 address");
    }
    return format_address(&t->remote);
}

static char *
parse_local_ip(struct tunnel *t, const char *text)
{
    int family;

    if (!parse_address(text, &t->local, &family)) {
        return fail_value(t, TUNNEL_LOCAL_IP, text,
                          "a unicast IPv4 or IPv6 address");
    }
    if (t->family != AF_UNSPEC && family != t->family) {
        tunnel_fail(t, "options:local_ip and options:remote_ip are of "
                    "different families, IPv4 and IPv6");
    }
    return format_address(&t->local);
}

static char *
parse_dst_port(struct tunnel *t, const char *text)
{
    unsigned int port;

    if (!t->type->port) {
        /* Open vSwitch has no use for it either. */
        return NULL;
    }
    if (!str_to_uint(text, 10, &port) || port < 1 || port > UINT16_MAX) {
        /* Open vSwitch takes it all the same, and what it makes of it has to
         * be guarded. */
        uint16_t sent = atoi(text);

        t->port = sent ? sent : t->port;
        return fail_value(t, TUNNEL_DST_PORT, text,
                          "a port number from 1 to 65535");
    }
    t->port = port;
    /* The default said aloud is still the default. */
    return port == t->type->port ? NULL : xasprintf("%u", port);
}

static char *
parse_psk(struct tunnel *t, const char *text)
{
    if (!*text) {
        tunnel_fail(t, "options:psk is empty");
        return NULL;
    }
    return xstrdup(text);
}

static char *
parse_remote_cert(struct tunnel *t, const char *text)
{
    if (text[0] != '/' || strlen(text) >= PATH_MAX) {
        return fail_value(t, TUNNEL_REMOTE_CERT, text,
                          "the path of a file, from / on");
    }
    return xstrdup(text);
}

static char *
parse_remote_name(struct tunnel *t, const char *text)
{
    char *reason = chassis_name_check(text);

    if (reason) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        put_quoted(&ds, text);
        tunnel_fail(t, "options:remote_name=%s %s", ds_cstr(&ds), reason);
        ds_destroy(&ds);
        free(reason);
        return NULL;
    }
    return xstrdup(text);
}

static void
parse_ipsec_options(struct tunnel *t, const struct smap *options)
{
    char *error = tunnel_options_parse(options, &t->options);

    if (error) {
        tunnel_fail(t, "%s", error);
        free(error);
    }
}

static void
parse_guard_options(struct tunnel *t, const struct smap *options)
{
    char *error = guard_options_parse(options, "options", &t->guard);

    if (error) {
        tunnel_fail(t, "%s", error);
        free(error);
    }
}

/* With both a certificate and a name, the certificate decides, as it always
 * has in Open vSwitch, and the name must be the one that is in it, which
 * 'monitor' finds out. */
static void
check_authentication(struct tunnel *t, const struct smap *options)
{
    bool psk = smap_get(options, "psk") != NULL;
    bool cert = smap_get(options, "remote_cert") != NULL;
    bool name = smap_get(options, "remote_name") != NULL;

    t->auth = (psk ? TUNNEL_AUTH_PSK
               : cert ? TUNNEL_AUTH_CERT
               : TUNNEL_AUTH_CA);
    if (psk && (cert || name)) {
        tunnel_fail(t, "options:psk and options:%s are both set: keep one",
                    cert ? "remote_cert" : "remote_name");
    } else if (!psk && !cert && !name) {
        tunnel_fail(t, "nothing says how the peer authenticates: set "
                    "options:remote_name, options:remote_cert or "
                    "options:psk");
    }
}

/* Returns the tunnel that an interface with this 'name', 'type' (one that
 * tunnel_type_lookup() knows) and 'options' asks for, which the caller owns.
 * Never fails: what is wrong is in the tunnel's 'error'. */
struct tunnel *
tunnel_parse(const char *name, const char *type, const struct smap *options)
{
    struct tunnel *t = xzalloc(sizeof *t);

    t->name = xstrdup(name);
    t->type = tunnel_type_lookup(type);
    t->port = t->type->port;
    t->value[TUNNEL_TYPE] = xstrdup(type);
    for (size_t i = TUNNEL_REMOTE_IP; i < TUNNEL_N_FIELDS; i++) {
        const char *text = smap_get(options, fields[i].option);

        if (text) {
            t->value[i] = fields[i].parse(t, text);
        }
    }
    if (!smap_get(options, "remote_ip")) {
        tunnel_fail(t, "options:remote_ip is not set");
    }
    if (t->type->late_source) {
        tunnel_fail(t, "%s tunnels cannot be encrypted: Linux looks for the "
                    "SA of their packets before it has chosen a source "
                    "address, so none fits: use geneve or vxlan", type);
    }
    parse_ipsec_options(t, options);
    parse_guard_options(t, options);
    check_authentication(t, options);
    return t;
}

/* Frees 't', which may be null. */
void
tunnel_destroy(struct tunnel *t)
{
    if (!t) {
        return;
    }
    for (size_t i = 0; i < TUNNEL_N_FIELDS; i++) {
        secret_free(t->value[i]);
    }
    tunnel_options_unref(t->options);
    free(t->name);
    free(t->error);
    free(t);
}

/* Returns true if 'a' and 'b' ask for the same, whatever they are called. */
bool
tunnel_equals(const struct tunnel *a, const struct tunnel *b)
{
    for (size_t i = 0; i < TUNNEL_N_FIELDS; i++) {
        if (!nullable_string_is_equal(a->value[i], b->value[i])) {
            return false;
        }
    }
    return (nullable_string_is_equal(a->error, b->error)
            && tunnel_options_equals(a->options, b->options, SETTING_IKE)
            && tunnel_options_equals(a->options, b->options, SETTING_ESP)
            && guard_options_equal(&a->guard, &b->guard));
}

/* Returns a hash of what tunnel_equals() compares. */
uint32_t
tunnel_hash(const struct tunnel *t)
{
    uint32_t hash = hash_string(t->error ? t->error : "",
                                guard_options_hash(&t->guard));

    for (size_t i = 0; i < TUNNEL_N_FIELDS; i++) {
        /* Absent is a value of its own, other than empty. */
        hash = (t->value[i]
                ? hash_string(t->value[i], hash)
                : hash_add(hash, i));
    }
    return tunnel_options_hash(t->options, hash);
}
