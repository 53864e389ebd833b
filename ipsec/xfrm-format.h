/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef XFRM_FORMAT_H
#define XFRM_FORMAT_H 1

/* The kernel's policies and SAs for people, one line each, in ip-xfrm(8)'s
 * terms.  No keys: struct xfrm_sa has none. */

struct ds;
struct xfrm_policy;
struct xfrm_sa;

void xfrm_format_policy(const struct xfrm_policy *, struct ds *);
void xfrm_format_sa(const struct xfrm_sa *, struct ds *);

#endif /* xfrm-format.h */
