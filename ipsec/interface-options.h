/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef INTERFACE_OPTIONS_H
#define INTERFACE_OPTIONS_H 1

/* The options column of interface rows, in less memory than the IDL has it
 * in.  'monitor' and 'status' read it here and nowhere else. */

struct ovsdb_idl;
struct smap;
struct vsrec_interface;

void interface_options_get(const struct vsrec_interface *, struct smap *);
void interface_options_compact(struct ovsdb_idl *);

#endif /* interface-options.h */
