/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef XFRM_H
#define XFRM_H 1

/* Linux XFRM by netlink: policies and SAs as values, each call one message.
 *
 * Bytes only: no decision is made here.  'guard' calls this for policies,
 * ike-strongswan for SAs that a dead charon left.  Addresses are IPv6 or
 * IPv4-mapped IPv6, ports and SPIs in host byte order.  Calls talk to the
 * kernel, which answers at once, so they do not count as blocking; only a
 * dump takes time that grows with what it lists.
 *
 * Errors are positive errno values: EPERM without CAP_NET_ADMIN in the user
 * namespace that owns the network namespace, EPROTONOSUPPORT if the kernel
 * has no XFRM netlink.  netlink-socket.h may send a request twice when it
 * misses an answer; every call here bears that.
 *
 * Names that begin with "xfrm_user", and struct xfrm_selector, are the
 * kernel's (<linux/xfrm.h>). */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are the kernel's XFRM_POLICY_IN and so on. */
enum xfrm_dir {
    XFRM_IN,                    /* Delivered to this host. */
    XFRM_OUT,                   /* Sent by this host, or forwarded. */
    XFRM_FWD,                   /* Arrived, to be forwarded. */
};

/* A traffic selector.  Zero means any, and an address with prefix length 0
 * is all zeros.  From the kernel, a partial mask of ports reads as if it were
 * whole. */
struct xfrm_ts {
    int family;                 /* AF_INET or AF_INET6. */
    struct in6_addr src, dst;
    uint8_t src_plen, dst_plen; /* Prefix lengths, 32 at most for IPv4. */
    uint8_t proto;              /* IPPROTO_UDP, IPPROTO_GRE, ... */
    uint16_t src_port, dst_port;
    uint32_t user;              /* Never compared with packets, but part of a
                                 * policy's identity. */
};

enum xfrm_template {
    XFRM_NO_TEMPLATE,
    XFRM_ESP_TRANSPORT,         /* Exactly one, and what it asks for is
                                 * required: ESP, transport mode, between the
                                 * packet's own addresses. */
    XFRM_CLEAR_TEMPLATE,        /* From the kernel only: of what it asks for,
                                 * ESP is no part or optional. */
    XFRM_OTHER_TEMPLATE,        /* From the kernel only. */
};

/* A policy.  'dir' and 'ts' are its identity, as far as it has neither mark
 * nor interface ID. */
struct xfrm_policy {
    enum xfrm_dir dir;
    struct xfrm_ts ts;
    bool block;                 /* Otherwise allow, as 'template' says. */
    uint32_t priority;          /* A lower number wins. */
    enum xfrm_template template;
    uint32_t reqid;             /* Of XFRM_ESP_TRANSPORT: which SAs serve. */
    uint32_t mark, mark_mask;   /* For packets whose mark under the mask is
                                 * 'mark' only; 0, 0: whatever it is. */
    bool limited;               /* From the kernel only: it has an interface
                                 * ID, so that it is for some of the packets
                                 * that 'ts' matches. */
};

bool xfrm_policy_equals(const struct xfrm_policy *,
                        const struct xfrm_policy *);
bool xfrm_policy_is_same(const struct xfrm_policy *,
                         const struct xfrm_policy *);
int xfrm_policy_set(const struct xfrm_policy *);
int xfrm_policy_delete(const struct xfrm_policy *);
int xfrm_policy_get(const struct xfrm_policy *, struct xfrm_policy *);
int xfrm_policy_dump(struct xfrm_policy **policies, size_t *n);

#define XFRM_ALGORITHM_LEN 63

struct xfrm_sa {
    int family;
    struct in6_addr src, dst;
    uint8_t proto;              /* IPPROTO_ESP, ... */
    uint32_t spi;               /* 0: none yet, as an acquire leaves it. */
    uint32_t reqid;
    struct xfrm_ts ts;
    bool larval;                /* Without algorithms: still negotiating. */
    char algorithm[XFRM_ALGORITHM_LEN + 1];     /* The kernel's words, "" if
                                                 * not known.  Never a key. */
    uint64_t bytes, packets;    /* That it has carried. */
    long long int used_at;      /* s since the epoch: first packet; 0: none. */
};

int xfrm_sa_exists(const struct xfrm_sa *);
int xfrm_sa_delete(const struct xfrm_sa *);
int xfrm_sa_dump(struct xfrm_sa **sas, size_t *n);

/* The kernel's wish for an SA, because a packet met 'policy', whose template
 * has none.  It comes once; until the larval SA that it leaves expires
 * (/proc/sys/net/core/xfrm_acq_expires), packets with the same addresses and
 * the same reqid make no other. */
struct xfrm_acquire {
    struct in6_addr src, dst;   /* Of the SA. */
    struct xfrm_ts ts;          /* Of the packet. */
    struct xfrm_policy policy;
};

enum xfrm_event_type {
    XFRM_ACQUIRE,               /* 'acquire'. */
    XFRM_POLICY_SET,            /* 'policy' was added or changed. */
    XFRM_POLICY_DELETED,        /* 'policy' is gone. */
    XFRM_POLICIES_FLUSHED,      /* All are gone, or all of one kind. */
    XFRM_SA_DELETED,            /* 'sa' is gone. */
    XFRM_SAS_FLUSHED,
    XFRM_LOST,                  /* Overflow: anything may have happened. */
    XFRM_OTHER,                 /* Nothing of the above. */
};

/* What happened, by whomever, the caller included. */
struct xfrm_event {
    enum xfrm_event_type type;
    union {
        struct xfrm_acquire acquire;
        struct xfrm_policy policy;
        struct xfrm_sa sa;
    };
};

enum xfrm_monitor_flags {
    XFRM_MONITOR_ACQUIRES = 1 << 0,
    XFRM_MONITOR_POLICIES = 1 << 1,
    XFRM_MONITOR_SAS = 1 << 2,
};

struct xfrm_monitor;

int xfrm_monitor_open(enum xfrm_monitor_flags, struct xfrm_monitor **);
void xfrm_monitor_close(struct xfrm_monitor *);
bool xfrm_monitor_recv(struct xfrm_monitor *, struct xfrm_event *);
void xfrm_monitor_wait(struct xfrm_monitor *);

#endif /* xfrm.h */
