/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading directories whole. */
#include "base/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int read_names(DIR *dir, struct strvec *ret)
{
	struct dirent *entry;

	while (errno = 0, (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			strvec_add(ret, entry->d_name);
	return errno ? -1 : 0;
}

int directory_list(int dir_fd, const char *name, int flags, struct strvec *ret)
{
	CLEANUP_STRVEC struct strvec names = {0};
	CLEANUP_CLOSE int fd =
		openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	CLEANUP_CLOSEDIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return -1;
	TAKE_FD(fd); /* closedir() closes it */
	if (read_names(dir, &names) < 0)
		return -1;
	strvec_sort(&names);
	vector_foreach (item, &names)
		vector_push(ret, TAKE_PTR(*item));
	return 0;
}
