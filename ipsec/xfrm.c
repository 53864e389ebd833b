/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Linux XFRM by netlink; see xfrm.h.
 *
 * The messages are those of <linux/xfrm.h>: after the netlink header a fixed
 * struct, named in the comment of each function here, then attributes. */

#include <config.h>

#include "xfrm.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>

#include "netlink.h"
#include "netlink-socket.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xfrm);

BUILD_ASSERT_DECL(XFRM_IN == (enum xfrm_dir) XFRM_POLICY_IN);
BUILD_ASSERT_DECL(XFRM_OUT == (enum xfrm_dir) XFRM_POLICY_OUT);
BUILD_ASSERT_DECL(XFRM_FWD == (enum xfrm_dir) XFRM_POLICY_FWD);

/* Values to the kernel's structs. */

static void
encode_addr(xfrm_address_t *out, const struct in6_addr *addr, int family)
{
    if (family == AF_INET) {
        out->a4 = in6_addr_get_mapped_ipv4(addr);
    } else {
        out->in6 = *addr;
    }
}

static void
encode_ts(struct xfrm_selector *out, const struct xfrm_ts *ts)
{
    encode_addr(&out->saddr, &ts->src, ts->family);
    encode_addr(&out->daddr, &ts->dst, ts->family);
    out->prefixlen_s = ts->src_plen;
    out->prefixlen_d = ts->dst_plen;
    out->sport = htons(ts->src_port);
    out->sport_mask = htons(ts->src_port ? UINT16_MAX : 0);
    out->dport = htons(ts->dst_port);
    out->dport_mask = htons(ts->dst_port ? UINT16_MAX : 0);
    out->family = ts->family;
    out->proto = ts->proto;
    out->user = ts->user;
}

/* A template that SAs of any algorithm satisfy: which ones are good enough is
 * the IKE daemon's affair. */
static void
put_esp_transport(struct ofpbuf *msg, const struct xfrm_policy *policy)
{
    struct xfrm_user_tmpl tmpl;

    memset(&tmpl, 0, sizeof tmpl);
    tmpl.id.proto = IPPROTO_ESP;
    tmpl.family = policy->ts.family;
    tmpl.reqid = policy->reqid;
    tmpl.mode = XFRM_MODE_TRANSPORT;
    tmpl.aalgos = UINT32_MAX;
    tmpl.ealgos = UINT32_MAX;
    tmpl.calgos = UINT32_MAX;
    nl_msg_put_unspec(msg, XFRMA_TMPL, &tmpl, sizeof tmpl);
}

/* The mark is part of a policy's identity, so that all messages that name one
 * have it. */
static void
put_mark(struct ofpbuf *msg, const struct xfrm_policy *policy)
{
    const struct xfrm_mark mark = {
        .v = policy->mark, .m = policy->mark_mask,
    };

    if (mark.m) {
        nl_msg_put_unspec(msg, XFRMA_MARK, &mark, sizeof mark);
    }
}

static struct ofpbuf *
request_create(uint16_t type)
{
    struct ofpbuf *msg = ofpbuf_new(512);

    nl_msg_put_nlmsghdr(msg, 0, type, NLM_F_REQUEST);
    return msg;
}

/* struct xfrm_userpolicy_info. */
static struct ofpbuf *
encode_policy(const struct xfrm_policy *policy)
{
    struct ofpbuf *msg = request_create(XFRM_MSG_UPDPOLICY);
    struct xfrm_userpolicy_info info;

    memset(&info, 0, sizeof info);
    encode_ts(&info.sel, &policy->ts);
    info.lft.soft_byte_limit = XFRM_INF;
    info.lft.hard_byte_limit = XFRM_INF;
    info.lft.soft_packet_limit = XFRM_INF;
    info.lft.hard_packet_limit = XFRM_INF;
    info.priority = policy->priority;
    info.dir = policy->dir;
    info.action = policy->block ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
    nl_msg_put(msg, &info, sizeof info);
    if (policy->template == XFRM_ESP_TRANSPORT) {
        put_esp_transport(msg, policy);
    }
    put_mark(msg, policy);
    return msg;
}

/* struct xfrm_userpolicy_id. */
static struct ofpbuf *
encode_policy_id(uint16_t type, const struct xfrm_policy *policy)
{
    struct ofpbuf *msg = request_create(type);
    struct xfrm_userpolicy_id id;

    memset(&id, 0, sizeof id);
    encode_ts(&id.sel, &policy->ts);
    id.dir = policy->dir;
    nl_msg_put(msg, &id, sizeof id);
    put_mark(msg, policy);
    return msg;
}

/* Messages. */

/* Copies the fixed struct after the header of 'msg' into the 'size' bytes at
 * 'body'; a copy, because messages are only aligned to 4 bytes.  Returns
 * false if there are fewer bytes. */
static bool
msg_body(const struct ofpbuf *msg, void *body, size_t size)
{
    const void *p = ofpbuf_at(msg, NLMSG_HDRLEN, size);

    if (p) {
        memcpy(body, p, size);
    }
    return p != NULL;
}

/* Returns the attribute of the given 'type' of 'msg', in which a fixed struct
 * of 'body_size' bytes precedes the attributes, or null. */
static const struct nlattr *
msg_attr(const struct ofpbuf *msg, size_t body_size, uint16_t type)
{
    return nl_attr_find(msg, NLMSG_HDRLEN + NLMSG_ALIGN(body_size), type);
}

/* Copies that attribute into the 'size' bytes at 'value'.  Returns false if it
 * is not there or has fewer bytes. */
static bool
msg_attr_value(const struct ofpbuf *msg, size_t body_size, uint16_t type,
               void *value, size_t size)
{
    const struct nlattr *nla = msg_attr(msg, body_size, type);
    bool ok = nla && nl_attr_get_size(nla) >= size;

    if (ok) {
        memcpy(value, nl_attr_get(nla), size);
    }
    return ok;
}

/* The kernel's structs to values. */

static struct in6_addr
decode_addr(const xfrm_address_t *addr, int family)
{
    return (family == AF_INET ? in6_addr_mapped_ipv4(addr->a4) : addr->in6);
}

static void
decode_ts(const struct xfrm_selector *sel, struct xfrm_ts *ts)
{
    *ts = (struct xfrm_ts) {
        .family = sel->family,
        .src_plen = sel->prefixlen_s,
        .dst_plen = sel->prefixlen_d,
        .proto = sel->proto,
        .src_port = ntohs(sel->sport & sel->sport_mask),
        .dst_port = ntohs(sel->dport & sel->dport_mask),
        .user = sel->user,
    };
    if (ts->src_plen) {
        ts->src = decode_addr(&sel->saddr, sel->family);
    }
    if (ts->dst_plen) {
        ts->dst = decode_addr(&sel->daddr, sel->family);
    }
}

static bool
is_esp_transport(const struct xfrm_user_tmpl *tmpl)
{
    static const xfrm_address_t any;

    return (tmpl->id.proto == IPPROTO_ESP
            && tmpl->mode == XFRM_MODE_TRANSPORT
            && !tmpl->optional
            && !tmpl->id.spi
            && !memcmp(&tmpl->id.daddr, &any, sizeof any)
            && !memcmp(&tmpl->saddr, &any, sizeof any));
}

/* Returns template number 'i' of attribute XFRMA_TMPL, an array. */
static struct xfrm_user_tmpl
get_template(const struct nlattr *nla, size_t i)
{
    const char *data = nl_attr_get(nla);
    struct xfrm_user_tmpl tmpl;

    memcpy(&tmpl, data + i * sizeof tmpl, sizeof tmpl);
    return tmpl;
}

/* Sets 'template' and 'reqid' from attribute XFRMA_TMPL, or null. */
static void
decode_template(const struct nlattr *nla, struct xfrm_policy *policy)
{
    size_t n = (nla ? nl_attr_get_size(nla) / sizeof(struct xfrm_user_tmpl)
                : 0);
    bool encrypts = false;

    for (size_t i = 0; i < n; i++) {
        struct xfrm_user_tmpl tmpl = get_template(nla, i);

        encrypts |= tmpl.id.proto == IPPROTO_ESP && !tmpl.optional;
        if (n == 1 && is_esp_transport(&tmpl)) {
            policy->template = XFRM_ESP_TRANSPORT;
            policy->reqid = tmpl.reqid;
            return;
        }
    }
    policy->template = (!n ? XFRM_NO_TEMPLATE
                        : encrypts ? XFRM_OTHER_TEMPLATE
                        : XFRM_CLEAR_TEMPLATE);
}

/* 'body_size' bytes of a fixed struct precede the attributes of 'msg'. */
static void
decode_policy(const struct xfrm_userpolicy_info *info,
              const struct ofpbuf *msg, size_t body_size,
              struct xfrm_policy *policy)
{
    struct xfrm_mark mark = { .m = 0 };

    msg_attr_value(msg, body_size, XFRMA_MARK, &mark, sizeof mark);
    *policy = (struct xfrm_policy) {
        .dir = info->dir,
        .block = info->action == XFRM_POLICY_BLOCK,
        .priority = info->priority,
        .mark = mark.v,
        .mark_mask = mark.m,
        .limited = msg_attr(msg, body_size, XFRMA_IF_ID) != NULL,
    };
    decode_ts(&info->sel, &policy->ts);
    decode_template(msg_attr(msg, body_size, XFRMA_TMPL), policy);
}


/* A message with struct xfrm_userpolicy_info. */
static bool
decode_policy_msg(const struct ofpbuf *msg, struct xfrm_policy *policy)
{
    struct xfrm_userpolicy_info info;
    bool ok = msg_body(msg, &info, sizeof info);

    if (ok) {
        decode_policy(&info, msg, sizeof info, policy);
    }
    return ok;
}

static void
decode_sa(const struct xfrm_usersa_info *info, bool larval,
          struct xfrm_sa *sa)
{
    *sa = (struct xfrm_sa) {
        .family = info->family,
        .src = decode_addr(&info->saddr, info->family),
        .dst = decode_addr(&info->id.daddr, info->family),
        .proto = info->id.proto,
        .spi = ntohl(info->id.spi),
        .reqid = info->reqid,
        .larval = larval,
        .bytes = info->curlft.bytes,
        .packets = info->curlft.packets,
        .used_at = info->curlft.use_time,
    };
    decode_ts(&info->sel, &sa->ts);
}

/* An SA has keys when it has an algorithm. */
static bool
msg_has_keys(const struct ofpbuf *msg, size_t body_size)
{
    static const uint16_t types[] = {
        XFRMA_ALG_AEAD, XFRMA_ALG_CRYPT, XFRMA_ALG_AUTH, XFRMA_ALG_AUTH_TRUNC,
        XFRMA_ALG_COMP,
    };

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (msg_attr(msg, body_size, types[i])) {
            return true;
        }
    }
    return false;
}

/* Sets 'algorithm' to the names of what encrypts and authenticates.  Each of
 * these attributes begins with the name, in 64 bytes; the key follows. */
static void
decode_algorithm(const struct ofpbuf *msg, size_t body_size,
                 char algorithm[XFRM_ALGORITHM_LEN + 1])
{
    static const uint16_t types[] = {
        XFRMA_ALG_AEAD, XFRMA_ALG_CRYPT, XFRMA_ALG_AUTH_TRUNC, XFRMA_ALG_COMP,
    };
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        char name[64];

        if (msg_attr_value(msg, body_size, types[i], name, sizeof name)) {
            name[sizeof name - 1] = '\0';
            ds_put_format(&ds, "%s%s", ds.length ? " " : "", name);
        }
    }
    ovs_strlcpy(algorithm, ds_cstr(&ds), XFRM_ALGORITHM_LEN + 1);
    ds_destroy(&ds);
}

/* A message with struct xfrm_usersa_info. */
static bool
decode_sa_msg(const struct ofpbuf *msg, struct xfrm_sa *sa)
{
    struct xfrm_usersa_info info;
    bool ok = msg_body(msg, &info, sizeof info);

    if (ok) {
        decode_sa(&info, !msg_has_keys(msg, sizeof info), sa);
        decode_algorithm(msg, sizeof info, sa->algorithm);
    }
    return ok;
}

/* Policies. */

/* Sends 'request', which it frees, and waits for the kernel's answer, which
 * the caller owns if 'replyp' is not null. */
static int
transact(struct ofpbuf *request, struct ofpbuf **replyp)
{
    int error = nl_transact(NETLINK_XFRM, request, replyp);

    ofpbuf_delete(request);
    return error;
}

static bool
consume_and_compare(struct ofpbuf *a, struct ofpbuf *b)
{
    bool equal = ofpbuf_equal(a, b);

    ofpbuf_delete(a);
    ofpbuf_delete(b);
    return equal;
}

/* Returns true if 'a' and 'b' are the same to the kernel: if the same message
 * makes both, so that no member can be forgotten here. */
bool
xfrm_policy_equals(const struct xfrm_policy *a, const struct xfrm_policy *b)
{
    return (a->template == b->template && a->limited == b->limited
            && consume_and_compare(encode_policy(a), encode_policy(b)));
}

/* Returns true if 'a' and 'b' have the same identity, so that setting one
 * would replace the other. */
bool
xfrm_policy_is_same(const struct xfrm_policy *a, const struct xfrm_policy *b)
{
    return consume_and_compare(encode_policy_id(XFRM_MSG_GETPOLICY, a),
                               encode_policy_id(XFRM_MSG_GETPOLICY, b));
}

/* Adds 'policy', or replaces the one of the same identity.  'template' must
 * not be one that comes from the kernel only. */
int
xfrm_policy_set(const struct xfrm_policy *policy)
{
    ovs_assert(policy->template < XFRM_CLEAR_TEMPLATE && !policy->limited);
    return transact(encode_policy(policy), NULL);
}

/* Deletes the policy of the identity of 'policy'.  Returns 0 also if there is
 * none. */
int
xfrm_policy_delete(const struct xfrm_policy *policy)
{
    int error = transact(encode_policy_id(XFRM_MSG_DELPOLICY, policy), NULL);

    return error == ENOENT ? 0 : error;
}

/* Reads the policy of the identity of 'id' into '*policy'.  ENOENT: there is
 * none. */
int
xfrm_policy_get(const struct xfrm_policy *id, struct xfrm_policy *policy)
{
    struct ofpbuf *reply;
    int error = transact(encode_policy_id(XFRM_MSG_GETPOLICY, id), &reply);

    if (!error && !decode_policy_msg(reply, policy)) {
        error = EPROTO;
    }
    ofpbuf_delete(reply);
    return error;
}

/* Dumps all that messages of 'type' list.  For each one, 'decode' fills in
 * the next of '*items', each of 'size' bytes. */
static int
dump_all(uint16_t type, size_t size,
         bool (*decode)(const struct ofpbuf *, void *item),
         void **items, size_t *n)
{
    struct ofpbuf *request = request_create(type);
    struct ofpbuf msg, buffer;
    struct nl_dump dump;
    size_t allocated = 0;

    *items = NULL;
    *n = 0;
    ofpbuf_init(&buffer, NL_DUMP_BUFSIZE);
    nl_dump_start(&dump, NETLINK_XFRM, request);
    ofpbuf_delete(request);
    while (nl_dump_next(&dump, &msg, &buffer)) {
        if (*n >= allocated) {
            *items = x2nrealloc(*items, &allocated, size);
        }
        *n += decode(&msg, (char *) *items + *n * size);
    }
    /* A dump of SAs has brought their keys along. */
    explicit_bzero(buffer.base, buffer.allocated);
    ofpbuf_uninit(&buffer);

    int error = nl_dump_done(&dump);
    if (error) {
        free(*items);
        *items = NULL;
        *n = 0;
    }
    return error;
}

static bool
decode_policy_item(const struct ofpbuf *msg, void *policy)
{
    return decode_policy_msg(msg, policy);
}

/* Lists all policies.  On success '*policies' is an array of '*n' that the
 * caller frees, otherwise null. */
int
xfrm_policy_dump(struct xfrm_policy **policies, size_t *n)
{
    void *items;
    int error = dump_all(XFRM_MSG_GETPOLICY, sizeof **policies,
                         decode_policy_item, &items, n);

    *policies = items;
    return error;
}

/* SAs. */

/* struct xfrm_usersa_id. */
static struct ofpbuf *
encode_sa_id(uint16_t type, const struct xfrm_sa *sa)
{
    struct ofpbuf *msg = request_create(type);
    struct xfrm_usersa_id id;

    memset(&id, 0, sizeof id);
    encode_addr(&id.daddr, &sa->dst, sa->family);
    id.spi = htonl(sa->spi);
    id.family = sa->family;
    id.proto = sa->proto;
    nl_msg_put(msg, &id, sizeof id);
    return msg;
}

/* Returns 0 if there is an SA with the destination, protocol and SPI of 'sa',
 * ESRCH if there is none. */
int
xfrm_sa_exists(const struct xfrm_sa *sa)
{
    struct ofpbuf *reply;
    int error = transact(encode_sa_id(XFRM_MSG_GETSA, sa), &reply);

    if (reply) {
        /* It has brought its keys along. */
        explicit_bzero(reply->base, reply->allocated);
    }
    ofpbuf_delete(reply);
    return error;
}

/* Deletes the SA with the destination, protocol and SPI of 'sa'.  Returns 0
 * also if there is none.  One without an SPI cannot be named: EINVAL. */
int
xfrm_sa_delete(const struct xfrm_sa *sa)
{
    int error;

    if (!sa->spi) {
        return EINVAL;
    }
    error = transact(encode_sa_id(XFRM_MSG_DELSA, sa), NULL);
    return error == ESRCH ? 0 : error;
}

static bool
decode_sa_item(const struct ofpbuf *msg, void *sa)
{
    return decode_sa_msg(msg, sa);
}

/* Lists all SAs, larval ones too.  On success '*sas' is an array of '*n' that
 * the caller frees, otherwise null. */
int
xfrm_sa_dump(struct xfrm_sa **sas, size_t *n)
{
    void *items;
    int error = dump_all(XFRM_MSG_GETSA, sizeof **sas, decode_sa_item,
                         &items, n);

    *sas = items;
    return error;
}

/* The monitor. */

struct xfrm_monitor {
    struct nl_sock *sock;
};

/* Starts to listen to what 'flags' say, and stores the new monitor, which the
 * caller owns, in '*monitorp', null on error.  To listen is all that it takes
 * for the kernel to raise acquires. */
int
xfrm_monitor_open(enum xfrm_monitor_flags flags,
                  struct xfrm_monitor **monitorp)
{
    static const struct {
        enum xfrm_monitor_flags flag;
        unsigned int group;
    } groups[] = {
        { XFRM_MONITOR_ACQUIRES, XFRMNLGRP_ACQUIRE },
        { XFRM_MONITOR_POLICIES, XFRMNLGRP_POLICY },
        { XFRM_MONITOR_SAS, XFRMNLGRP_SA },
    };
    struct xfrm_monitor *monitor = xzalloc(sizeof *monitor);
    int error = nl_sock_create(NETLINK_XFRM, &monitor->sock);

    for (size_t i = 0; !error && i < ARRAY_SIZE(groups); i++) {
        if (flags & groups[i].flag) {
            error = nl_sock_join_mcgroup(monitor->sock, groups[i].group);
        }
    }
    if (error) {
        xfrm_monitor_close(monitor);
        monitor = NULL;
    }
    *monitorp = monitor;
    return error;
}

/* Frees 'monitor', which may be null. */
void
xfrm_monitor_close(struct xfrm_monitor *monitor)
{
    if (monitor) {
        nl_sock_destroy(monitor->sock);
        free(monitor);
    }
}

/* struct xfrm_user_acquire. */
static enum xfrm_event_type
decode_acquire(const struct ofpbuf *msg, struct xfrm_acquire *acquire)
{
    struct xfrm_user_acquire ua;

    if (!msg_body(msg, &ua, sizeof ua)) {
        return XFRM_OTHER;
    }
    acquire->src = decode_addr(&ua.saddr, ua.sel.family);
    acquire->dst = decode_addr(&ua.id.daddr, ua.sel.family);
    decode_ts(&ua.sel, &acquire->ts);
    decode_policy(&ua.policy, msg, sizeof ua, &acquire->policy);
    return XFRM_ACQUIRE;
}

/* struct xfrm_userpolicy_id, with the policy that was deleted in attribute
 * XFRMA_POLICY. */
static enum xfrm_event_type
decode_policy_deleted(const struct ofpbuf *msg, struct xfrm_policy *policy)
{
    const size_t id_size = sizeof(struct xfrm_userpolicy_id);
    struct xfrm_userpolicy_info info;

    if (!msg_attr_value(msg, id_size, XFRMA_POLICY, &info, sizeof info)) {
        return XFRM_OTHER;
    }
    decode_policy(&info, msg, id_size, policy);
    return XFRM_POLICY_DELETED;
}

/* struct xfrm_usersa_id, with the SA that was deleted in attribute
 * XFRMA_SA. */
static enum xfrm_event_type
decode_sa_deleted(const struct ofpbuf *msg, struct xfrm_sa *sa)
{
    const size_t id_size = sizeof(struct xfrm_usersa_id);
    struct xfrm_usersa_info info;

    if (!msg_attr_value(msg, id_size, XFRMA_SA, &info, sizeof info)) {
        return XFRM_OTHER;
    }
    decode_sa(&info, !msg_has_keys(msg, id_size), sa);
    return XFRM_SA_DELETED;
}

static enum xfrm_event_type
decode_event(const struct ofpbuf *msg, struct xfrm_event *event)
{
    switch (nl_msg_nlmsghdr(msg)->nlmsg_type) {
    case XFRM_MSG_ACQUIRE:
        return decode_acquire(msg, &event->acquire);
    case XFRM_MSG_NEWPOLICY:
    case XFRM_MSG_UPDPOLICY:
        return (decode_policy_msg(msg, &event->policy)
                ? XFRM_POLICY_SET : XFRM_OTHER);
    case XFRM_MSG_DELPOLICY:
        return decode_policy_deleted(msg, &event->policy);
    case XFRM_MSG_FLUSHPOLICY:
        return XFRM_POLICIES_FLUSHED;
    case XFRM_MSG_DELSA:
        return decode_sa_deleted(msg, &event->sa);
    case XFRM_MSG_FLUSHSA:
        return XFRM_SAS_FLUSHED;
    default:
        return XFRM_OTHER;
    }
}

/* Takes the next event into '*event'.  Returns false if there is none now. */
bool
xfrm_monitor_recv(struct xfrm_monitor *monitor, struct xfrm_event *event)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    struct ofpbuf msg;
    int error;

    ofpbuf_init(&msg, 1024);
    error = nl_sock_recv(monitor->sock, &msg, NULL, false);
    if (!error) {
        event->type = decode_event(&msg, event);
    } else if (error != EAGAIN) {
        VLOG_INFO_RL(&rl, "missed events from the kernel (%s)",
                     ovs_strerror(error));
        event->type = XFRM_LOST;
    }
    explicit_bzero(msg.base, msg.allocated);
    ofpbuf_uninit(&msg);
    return error != EAGAIN;
}

/* Wakes the poll loop when xfrm_monitor_recv() has an event. */
void
xfrm_monitor_wait(struct xfrm_monitor *monitor)
{
    nl_sock_wait(monitor->sock, POLLIN);
}
