/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files: whether two are the same, whether one has changed, copying what is in them, and files
 * without a name. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/sha256.h"

/* The same file, by whatever names. */
bool file_is_same(const struct stat *a, const struct stat *b);
/* Does the name, which is not followed if it is a symlink, lead to the open file? */
bool file_is_at(int dir_fd, const char *name, int fd);
/* The same file with the same content. Nobody can set the time of change back. */
bool file_is_unchanged(const struct stat *a, const struct stat *b);
/* Add to a key what tells a file and its content from others, without reading it. */
void file_add_identity(struct sha256 *key, const struct stat *st);

/*
 * The next run of data at or after *at, within the first `size` bytes. 1: it is from *at to
 * *end; 0: only a hole is left; -1 with errno set. Where holes can't be told, all is data.
 */
int file_next_data(int fd, off_t *at, off_t *end, off_t size);

/*
 * Copy exactly `len` bytes; file systems that can share the blocks do. -1 with errno set;
 * EIO if the file has become shorter.
 */
int file_copy_range(int from, off_t from_at, int to, off_t to_at, uint64_t len);
/* A new file of `size` zeros, which goes with its last descriptor. The name shows only in
 * /proc/PID/fd. */
int file_in_memory(const char *name, uint64_t size, struct error *err);
