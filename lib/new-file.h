/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef NEW_FILE_H
#define NEW_FILE_H 1

/* Writing a file that is to take the place of another by rename(), so that a
 * reader finds the old or the new one, whole.  Blocks: for threads whose work
 * is the disk. */

#include <stdbool.h>
#include <stddef.h>

int new_file_write(const char *path, const void *data, size_t length,
                   bool sync);
int new_file_sync_folder(const char *folder, int (*function)(int fd));

#endif /* new-file.h */
