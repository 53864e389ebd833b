/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef XFRM_H
#define XFRM_H 1

/* Linux XFRM by netlink: policies and SAs as values, each call one message.
 *
 * Bytes only: no decision is made here.  'guard' calls this for policies,
 * ike-strongswan for SAs that a dead charon left.  Addresses are IPv6 or
 * IPv4-mapped IPv6, ports in host byte order.  Calls talk to the kernel,
 * which answers at once, so they do not count as blocking.  Errors are
 * positive errno values. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct nl_sock;

enum xfrm_dir { XFRM_IN, XFRM_OUT, XFRM_FWD };

struct xfrm_selector {
    int family;                 /* AF_INET or AF_INET6. */
    struct in6_addr saddr, daddr;
    uint8_t saddr_len, daddr_len;       /* Prefix lengths; 0: any. */
    uint8_t proto;              /* IPPROTO_UDP, IPPROTO_GRE, ...; 0: any. */
    uint16_t sport, dport;      /* 0: any. */
    uint32_t user;              /* The kernel never compares it with packets;
                                 * it is part of a policy's identity. */
};

enum xfrm_action { XFRM_ALLOW, XFRM_BLOCK };

struct xfrm_policy {
    struct xfrm_selector sel;
    enum xfrm_dir dir;
    enum xfrm_action action;
    uint32_t priority;          /* A lower number wins. */
    uint32_t index;             /* 0: the kernel chooses. */
    bool esp;                   /* With one ESP transport-mode template. */
    uint32_t reqid;             /* Of the template. */
};

struct xfrm_sa {
    int family;
    struct in6_addr src, dst;
    uint32_t spi;               /* Host byte order; 0: larval, made by an
                                 * acquire. */
    uint8_t proto;              /* IPPROTO_ESP, ... */
    uint32_t reqid;
    struct xfrm_selector sel;
    bool acquire;               /* Still negotiating (XFRM_STATE_ACQ). */
};

/* What the kernel asks for when a packet meets a template without an SA. */
struct xfrm_acquire {
    struct xfrm_selector sel;   /* Of the packet. */
    struct in6_addr src, dst;   /* The tunnel's addresses. */
    uint32_t policy_index;
    uint32_t user;              /* Of the policy's selector. */
};

int xfrm_policy_set(const struct xfrm_policy *);    /* Add or replace. */
int xfrm_policy_delete(const struct xfrm_policy *); /* By selector, dir. */
int xfrm_sa_delete(const struct xfrm_sa *);

/* Dumps: on success 'items' (an array that the caller frees) and 'n'. */
int xfrm_policy_dump(struct xfrm_policy **items, size_t *n);
int xfrm_sa_dump(struct xfrm_sa **items, size_t *n);

/* A socket that hears acquires and, if 'changes', whatever happens to
 * policies (so that a flush is noticed). */
struct xfrm_monitor;
int xfrm_monitor_open(struct xfrm_monitor **);
void xfrm_monitor_close(struct xfrm_monitor *);
void xfrm_monitor_wait(struct xfrm_monitor *);

enum xfrm_event {
    XFRM_EVENT_NONE,            /* Nothing more now. */
    XFRM_EVENT_ACQUIRE,         /* '*acquire' is filled in. */
    XFRM_EVENT_POLICY,          /* Policies changed, by whomever. */
    XFRM_EVENT_SA,              /* SAs went, by whomever. */
    XFRM_EVENT_LOST,            /* Overflow: anything may have happened. */
};
enum xfrm_event xfrm_monitor_recv(struct xfrm_monitor *,
                                  struct xfrm_acquire *);

#endif /* xfrm.h */
