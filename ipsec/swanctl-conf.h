/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef SWANCTL_CONF_H
#define SWANCTL_CONF_H 1

/* The files that charon loads when it starts without us.
 *
 * One writer of the tree that section.h has (the other is 'vici'), and a
 * store of small files below the swanctl folder, all of which have names
 * that begin with "ovs-" and mode 0600:
 *
 *     DIR/conf.d/ovs-NAME.conf      a connection, with its secret
 *     DIR/ovs/NAME                  a certificate or CA, in PEM
 *     DIR/private/ovs-NAME.pem      a private key
 *
 * A thread of its own does the input and output, so nothing here blocks.  A
 * file is either the old one or the new one, whole, also when the disk is
 * full or the machine dies.  Files that begin otherwise are never touched. */

#include <stdbool.h>
#include <stddef.h>

#include "openvswitch/dynamic-string.h"

struct section;
struct sset;
struct swanctl_conf;

/* Appends 'section' to 'ds' as swanctl.conf text.  Returns null, or why a
 * name or value cannot be written (the caller frees it); then 'ds' is as
 * before. */
char *section_format_conf(const struct section *, struct ds *);

enum swanctl_kind {
    SWANCTL_CONNECTION,
    SWANCTL_CERTIFICATE,
    SWANCTL_KEY,
};

struct swanctl_conf *swanctl_conf_open(const char *dir);
void swanctl_conf_close(struct swanctl_conf *);     /* Finishes first. */
void swanctl_conf_run(struct swanctl_conf *);
void swanctl_conf_wait(struct swanctl_conf *);

/* The wish for file 'name' (without "ovs-" and suffix): these contents, or
 * none if 'data' is null.  A newer wish for the same file overrides one that
 * is not done yet.  A failure is logged with the file's name, retried with
 * backoff, and shown by swanctl_conf_get_error(). */
void swanctl_conf_set(struct swanctl_conf *, enum swanctl_kind,
                      const char *name, const void *data, size_t length);

/* True when the last wish for the file has been carried out. */
bool swanctl_conf_is_done(const struct swanctl_conf *, enum swanctl_kind,
                          const char *name);

/* Null when all is well, otherwise the first failure that lasts, in words. */
const char *swanctl_conf_get_error(const struct swanctl_conf *);

/* The names of the files that were there when swanctl_conf_open() was called;
 * null until the folders have been read.  Whoever calls decides which of them
 * nobody wishes any more. */
const struct sset *swanctl_conf_found(const struct swanctl_conf *,
                                      enum swanctl_kind);

/* The path that the file 'name' has, for use in a connection.  The caller
 * frees it. */
char *swanctl_conf_path(const struct swanctl_conf *, enum swanctl_kind,
                        const char *name);

#endif /* swanctl-conf.h */
