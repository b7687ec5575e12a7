/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths, of the host and of a system that is installed in a directory. */
#pragma once

#include <stddef.h>

#include "base/error.h"

/* The length of the first `len` bytes without slashes at their end; 0 for "/". */
size_t path_trimmed_len(const char *path, size_t len);

/* The host's path of `path`, which begins with a slash, in the system that is installed
 * in `root`, "/" or a directory. A new string. */
char *path_below(const char *root, const char *path);

/* Does this path, all its links followed, lead to something in the directory `dir`? */
int path_check_within(const char *dir, const char *path, struct error *err);

/* A path for the calls that take no O_PATH descriptor. It leads to the file itself, even
 * if that is a link. */
struct fd_path {
	char text[32];
};
struct fd_path fd_path(int fd);
