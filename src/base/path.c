/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking paths apart and putting them together. */
#include "base/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

size_t path_trimmed_len(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] == '/')
		len--;
	return len;
}

char *path_below(const char *root, const char *path)
{
	return xasprintf("%s%s", strcmp(root, "/") == 0 ? "" : root, path);
}

int path_check_within(const char *dir, const char *path, struct error *err)
{
	CLEANUP_FREE char *real_dir = realpath(dir, NULL);
	CLEANUP_FREE char *real = real_dir ? realpath(path, NULL) : NULL;

	if (!real)
		return error_set(err, errno, "find '%s'", real_dir ? path : dir);
	size_t len = path_trimmed_len(real_dir, strlen(real_dir));
	if (strncmp(real, real_dir, len) != 0 || (real[len] != '/' && real[len]))
		return error_set(
			err, 0, "'%s' leads out of '%s', to '%s'", path, dir, real);
	return 0;
}

struct fd_path fd_path(int fd)
{
	struct fd_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", fd);
	return path;
}
