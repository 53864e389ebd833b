/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Files that take the place of others; see new-file.h. */

#include <config.h>

#include "new-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket-util.h"
#include "util.h"

/* Makes a new file 'path', with mode 0600 whatever the umask, of the 'length'
 * bytes of 'data'; one that an earlier run left there goes.  With 'sync',
 * brings it to the disk, too.  Returns 0 or a positive errno. */
int
new_file_write(const char *path, const void *data, size_t length, bool sync)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }

    size_t n;
    int error = fchmod(fd, 0600) ? errno : 0;
    if (!error) {
        error = write_fully(fd, data, length, &n);
    }
    if (!error && sync && fsync(fd)) {
        error = errno;
    }
    if (close(fd) && !error) {
        error = errno;
    }
    return error;
}

/* Does 'function', fsync() or syncfs(), to 'folder', so that what has been
 * renamed or removed there stays so.  Returns 0 or a positive errno. */
int
new_file_sync_folder(const char *folder, int (*function)(int fd))
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 || function(fd) ? errno : 0;

    if (fd >= 0) {
        close(fd);
    }
    return error;
}
