/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef FILE_WATCH_H
#define FILE_WATCH_H 1

/* Tells when files have changed: written in place, replaced by rename, or
 * reached by another way because a symbolic link or a folder above has been
 * exchanged, as Kubernetes does it.  'credentials-loader' watches what it
 * reads.
 *
 * inotify says when to look.  Where it is not to be had, or does not see all
 * (on network file systems), the files are looked at every few seconds.  A
 * change counts when nothing has changed for a moment, so that files that are
 * replaced one after the other, or slowly, are seen whole.
 *
 * For one thread; looking may block for as long as the file system does. */

#include <stdbool.h>

struct file_watch;
struct svec;

struct file_watch *file_watch_create(void);
void file_watch_destroy(struct file_watch *);
void file_watch_set(struct file_watch *, const struct svec *paths);
bool file_watch_run(struct file_watch *);
void file_watch_wait(const struct file_watch *);

#endif /* file-watch.h */
