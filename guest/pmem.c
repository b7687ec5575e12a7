/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Persistent memory, of which the kernel makes a disk in two ways: with a struct page for
 * each page of it, which files have to have for being mapped as they lie there (DAX), or
 * as plain bytes to copy from. Making the pages takes longer than all that is ever read
 * from a root disk, and the more the larger it is.
 *
 *	/sys/bus/nd/devices/ndbus0/wait_probe          reading it ends when all is found
 *	                    namespace0.0/force_raw     1: plain bytes, if said in time
 */
#include "guest/pmem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/file.h"
#include "guest/log.h"

#define ND_DEVICES "/sys/bus/nd/devices"

static void write_attribute(int dirfd, const char *path, const char *value)
{
	int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		klog_debug("write %s/%s: %s", ND_DEVICES, path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void for_each(const char *kind, void (*visit)(int dirfd, const char *name))
{
	DIR *dir = opendir(ND_DEVICES);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, kind, strlen(kind)) == 0)
			visit(dirfd(dir), entry->d_name);
	if (dir)
		closedir(dir);
}

static void wait_for_bus(int dirfd, const char *name)
{
	char path[300], value[8];

	snprintf(path, sizeof(path), "%s/wait_probe", name);
	file_read(dirfd, path, value, sizeof(value));
}

static void forgo_pages(int dirfd, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/force_raw", name);
	write_attribute(dirfd, path, "1");
}

void pmem_forgo_pages(void)
{
	for_each("ndbus", wait_for_bus);
	for_each("namespace", forgo_pages);
}
