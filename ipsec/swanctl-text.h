/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef SWANCTL_TEXT_H
#define SWANCTL_TEXT_H 1

/* The tree that section.h has, as the text of swanctl.conf: what
 * 'vici-codec' is for charon's socket. */

struct ds;
struct section;

char *section_format_conf(const struct section *, struct ds *);

#endif /* swanctl-text.h */
