/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Removing a directory with all that is in it. */
#include "base/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"

static void empty_directory(int fd)
{
	CLEANUP_STRVEC struct strvec names = {0};

	/* An image of a system has directories that even their owner may not write to. */
	fchmod(fd, 0700);
	directory_list(fd, ".", 0, &names);
	vector_foreach (name, &names)
		remove_all(fd, *name);
}

static int open_to_empty(int dir_fd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	int fd = openat(dir_fd, name, flags);
	if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, 0700, 0) == 0)
		fd = openat(dir_fd, name, flags);
	return fd;
}

void remove_all(int dir_fd, const char *name)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno != EISDIR)
		return;
	CLEANUP_CLOSE int fd = open_to_empty(dir_fd, name);
	if (fd >= 0)
		empty_directory(fd);
	unlinkat(dir_fd, name, AT_REMOVEDIR);
}
