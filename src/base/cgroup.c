/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /proc/self/cgroup has a line for each hierarchy, NUMBER:CONTROLLERS:PATH. Version 2 is the one
 * without controllers:
 *
 *	0::/a/b			/sys/fs/cgroup/a/b/memory.max
 *	4:memory:/a/b		/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes
 *
 * In a container the path may be one that is not mounted there; then its own group is what is
 * mounted, the last directory that is tried.
 */
#include "base/cgroup.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"

#define LINES_MAX  (64 * 1024)
#define NUMBER_MAX 32

/* "max", or version 1's largest number of whole pages: none. */
static uint64_t read_limit(int root_fd, const char *file)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;
	char *end;

	if (io_read_file(root_fd, file, NUMBER_MAX, &text, &len, NULL) < 0)
		return UINT64_MAX;
	unsigned long long n = strtoull(text, &end, 10);
	return end == text ? UINT64_MAX : n;
}

/* Of the group and of those above it. `path` is modified. */
static uint64_t least_limit(
	int root_fd, const char *mount, char *path, const char *file_name)
{
	uint64_t least = UINT64_MAX;

	for (;;) {
		CLEANUP_FREE char *file = xasprintf(
			"%s%s/%s", mount, strcmp(path, "/") == 0 ? "" : path, file_name);
		least = MIN(least, read_limit(root_fd, file));
		char *slash = strrchr(path, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

static bool has_memory(char *controllers)
{
	for (char *name; (name = strsep(&controllers, ","));)
		if (strcmp(name, "memory") == 0)
			return true;
	return false;
}

uint64_t cgroup_memory_limit(int root_fd)
{
	CLEANUP_FREE char *lines = NULL;
	uint64_t least = UINT64_MAX;
	size_t len;

	if (io_read_file(root_fd, "proc/self/cgroup", LINES_MAX, &lines, &len, NULL) < 0)
		return least;
	char *rest = lines;
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *number = strsep(&line, ":"), *controllers = strsep(&line, ":");
		if (!line || *line != '/')
			continue;
		if (strcmp(number, "0") == 0 && !*controllers)
			least = MIN(least,
				least_limit(
					root_fd, "sys/fs/cgroup", line, "memory.max"));
		else if (has_memory(controllers))
			least = MIN(least,
				least_limit(root_fd, "sys/fs/cgroup/memory", line,
					"memory.limit_in_bytes"));
	}
	return least;
}
