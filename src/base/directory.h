/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in a directory. */
#pragma once

#include <dirent.h>

#include "base/vector.h"

static inline void cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define CLEANUP_CLOSEDIR CLEANUP(cleanup_closedir)

/*
 * Add the names, sorted, without "." and "..". `dir_fd` and `name` as for openat();
 * `flags` are further ones for it, O_NOFOLLOW or 0. -1 with errno, and nothing added: so
 * that half of a directory, or none of it, is not taken for all there is.
 */
int directory_list(int dir_fd, const char *name, int flags, struct strvec *ret);
