/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef GLOBAL_H
#define GLOBAL_H 1

/* What NB_Global says, said in SB_Global; and the way back: how far the
 * southbound database and the chassis have come.  ovn-northd calls this in
 * each pass in which it is active. */

#include "ovn/lib/troubles.h"
#include "ovsdb-idl.h"

struct global_ctx {
    struct ovsdb_idl *nb, *sb;
    struct ovsdb_idl_txn *nb_txn, *sb_txn;
    long long int now;          /* Milliseconds since the epoch. */
    struct troubles *troubles;  /* Of the pass. */
};

void global_run(const struct global_ctx *);

#endif /* global.h */
