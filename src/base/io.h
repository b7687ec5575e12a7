/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole reads and whole writes, with the loops around EINTR and short counts.
 * They return 0, or -1 with errno set: the caller knows the name for the error.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

int io_write_full(int fd, const void *data, size_t len);
int io_pwrite_full(int fd, const void *data, size_t len, off_t offset);
/* The whole content of a new file; blocks of zeros become holes. */
int io_write_sparse(int fd, const void *data, size_t len);
/* The bytes read, fewer than len only at the end of the file; -1 on error. */
ssize_t io_pread_full(int fd, void *data, size_t len, off_t offset);

/*
 * Open a file for reading, with more flags. A FIFO, a device or a directory in its place is an
 * error; there is no wait for one. dirfd as for openat().
 */
int io_open_file(int dirfd, const char *path, int flags, struct error *err);

/*
 * A whole file, as a NUL-terminated block that the caller frees. A file larger than `max`
 * is an error (EFBIG): a file that we read whole is large only if somebody made it so. As
 * for io_open_file() it has to be a file.
 */
int io_read_file(int dirfd, const char *path, size_t max, char **ret_data,
	size_t *ret_len, struct error *err);
/* The same from a descriptor until its end, which may be a pipe. `name` is for the error. */
int io_read_fd(int fd, const char *name, size_t max, char **ret_data, size_t *ret_len,
	struct error *err);
