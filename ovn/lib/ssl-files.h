/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef SSL_FILES_H
#define SSL_FILES_H 1

/* The files for "ssl:" connections, read again when they are replaced.
 *
 * libopenvswitch has one key, one certificate and one set of CAs per process
 * (see its "stream-ssl.h"), so this is about one set of files, too.  The main
 * loop calls ssl_files_run() before it runs its databases: connections that
 * are up stay up, and the next one uses what is in the files then. */

#include <stdbool.h>

void ssl_files_init(void);
void ssl_files_destroy(void);

void ssl_files_set(const char *private_key, const char *certificate);
void ssl_files_set_ca(const char *ca_cert, bool bootstrap);
void ssl_files_run(void);

#endif /* ssl-files.h */
