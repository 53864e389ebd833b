/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef SWANCTL_CONF_H
#define SWANCTL_CONF_H 1

/* The files that charon loads when it starts without us: a store of small
 * files below the swanctl folder, all of which have names that begin with
 * "ovs-" and mode 0600:
 *
 *     DIR/conf.d/ovs-NAME.conf      a connection, with its secret
 *     DIR/ovs/ovs-NAME.pem          a certificate or CA
 *     DIR/private/ovs-NAME.pem      a private key
 *     DIR/x509crl/ovs-NAME.pem      a CRL
 *     DIR/conf.d/ovs-NAME.token.conf  where a private key is in a token, with
 *                                   its PIN
 *
 * A thread of its own does the input and output, so nothing here blocks.  A
 * file is either the old one or the new one, whole, also when the disk is
 * full or the machine dies.  Files that begin otherwise are never touched. */

#include <stdbool.h>
#include <stddef.h>

#include "swanctl-text.h"

struct sset;
struct swanctl_conf;

enum swanctl_kind {
    SWANCTL_CONNECTION,
    SWANCTL_CERTIFICATE,
    SWANCTL_KEY,
    SWANCTL_CRL,
    SWANCTL_TOKEN,
};
#define SWANCTL_N_KINDS 5

struct swanctl_conf *swanctl_conf_open(const char *dir);
void swanctl_conf_close(struct swanctl_conf *);
void swanctl_conf_run(struct swanctl_conf *);
void swanctl_conf_wait(struct swanctl_conf *);

void swanctl_conf_set(struct swanctl_conf *, enum swanctl_kind,
                      const char *name, const void *data, size_t length);
bool swanctl_conf_is_done(const struct swanctl_conf *, enum swanctl_kind,
                          const char *name);
size_t swanctl_conf_n_pending(const struct swanctl_conf *);
const char *swanctl_conf_get_error(const struct swanctl_conf *);
const struct sset *swanctl_conf_found(const struct swanctl_conf *,
                                      enum swanctl_kind);
char *swanctl_conf_path(const struct swanctl_conf *, enum swanctl_kind,
                        const char *name);

#endif /* swanctl-conf.h */
