/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef PEM_FILE_H
#define PEM_FILE_H 1

/* Files that people name in the database, read whole, with each fault in
 * words.  Reading may take long, so only threads of 'credentials' and
 * 'remote-cert' do it. */

#include <stddef.h>
#include <sys/types.h>

struct pem_file {
    char *data;                 /* 'size' bytes and a null byte. */
    size_t size;
    mode_t mode;
};

char *pem_file_read(const char *path, const char *what, const char *setting,
                    struct pem_file *);
void pem_file_uninit(struct pem_file *);

#endif /* pem-file.h */
