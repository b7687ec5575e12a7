/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel can make a disk of persistent memory in two ways. It can make a struct page
 * for each page, which mapping files in place (DAX) needs; or it can treat the memory as
 * plain bytes to copy from. Making the pages takes longer than all reads from a root disk
 * together, and longer the larger the disk is.
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
	if (file_write(dirfd, path, "1") < 0)
		klog_debug("write " ND_DEVICES "/%s: %s", path, strerror(errno));
}

void pmem_forgo_pages(void)
{
	for_each("ndbus", wait_for_bus);
	for_each("namespace", forgo_pages);
}
