/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Reads files of certificates and keys; see pem-file.h. */

#include <config.h>

#include "pem-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket-util.h"
#include "util.h"

#include "secret.h"

#define MAX_FILE_SIZE (1024 * 1024)     /* In bytes. */

static char *
explain_open(const char *path, const char *what, const char *setting,
             int error)
{
    switch (error) {
    case ENOENT:
        return xasprintf("%s: there is no such file; put the %s there, or "
                         "set %s to where it is", path, what, setting);
    case EACCES:
        return xasprintf("%s: the %s cannot be read: %s; see \"namei -l %s\"",
                         path, what, ovs_strerror(error), path);
    default:
        return xasprintf("%s: the %s cannot be read: %s",
                         path, what, ovs_strerror(error));
    }
}

/* Reads 'size' bytes, and a byte more to see that it is the end, because the
 * file may be changing. */
static char *
read_content(int fd, const char *path, size_t size, struct pem_file *file)
{
    size_t n;
    int error;

    file->data = xmalloc(size + 1);
    error = read_fully(fd, file->data, size + 1, &n);
    file->size = n;
    file->data[MIN(n, size)] = '\0';
    if (error != EOF) {
        return (error
                ? xasprintf("%s: %s", path, ovs_strerror(error))
                : xasprintf("%s: the file grew while it was read", path));
    }
    return NULL;
}

static char *
check_stat(const char *path, const char *what, const struct stat *st)
{
    if (!S_ISREG(st->st_mode)) {
        return xasprintf("%s: is %s, not the file of a %s", path,
                         S_ISDIR(st->st_mode) ? "a folder" : "a device",
                         what);
    }
    if (st->st_size > MAX_FILE_SIZE) {
        return xasprintf("%s: has %lld bytes, more than a %s can have (%d)",
                         path, (long long int) st->st_size, what,
                         MAX_FILE_SIZE);
    }
    return NULL;
}

/* Reads the file at 'path', which has a 'what' and is named by 'setting' in
 * the database, into '*file', which the caller must free with
 * pem_file_uninit() in any case.  Returns null or what is wrong with the file,
 * for the caller to free. */
char *
pem_file_read(const char *path, const char *what, const char *setting,
              struct pem_file *file)
{
    struct stat st;
    char *error;
    int fd;

    *file = (struct pem_file) { .data = NULL };
    /* O_NONBLOCK, because opening a FIFO would wait for a writer. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st)) {
        error = explain_open(path, what, setting, errno);
    } else {
        error = check_stat(path, what, &st);
    }
    if (!error) {
        file->mode = st.st_mode;
        error = read_content(fd, path, st.st_size, file);
    }
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

/* Wipes and frees the contents of 'file'. */
void
pem_file_uninit(struct pem_file *file)
{
    secret_free_block(file->data, file->size);
}
