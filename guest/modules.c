/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host has numbered the modules in the order of their dependencies and unpacked
 * them. */
#include "guest/modules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/clock.h"
#include "guest/log.h"
#include "guest/pmem.h"
#include "guest/timeline.h"

static int is_module(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Built in, loaded already, or a driver for a device that this machine does not have. */
static bool is_harmless(int errnum)
{
	return errnum == EEXIST || errnum == ENODEV || errnum == ENOENT;
}

static void note_failure(const char *name, char failure[static MODULE_FAILURE_SIZE])
{
	const char *why = strerror(errno);

	klog_error("load module %s: %s", name, why);
	if (!*failure)
		snprintf(failure, MODULE_FAILURE_SIZE, "module %s was not loaded: %s",
			name, why);
}

/* By default scsi_mod looks for disks in the background, and nobody could tell when it has
 * found the last one. */
static const char *parameters_of(const char *name)
{
	const char *dash = strchr(name, '-');

	return dash && strcmp(dash, "-scsi_mod.ko") == 0 ? "scan=sync" : "";
}

static void load(int dirfd, const char *name, char failure[static MODULE_FAILURE_SIZE])
{
	uint64_t begin = clock_now_us();
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, parameters_of(name), 0) < 0) {
		if (is_harmless(errno))
			klog_debug("module %s: %s", name, strerror(errno));
		else
			note_failure(name, failure);
	}
	if (fd >= 0)
		close(fd);
	timeline_note(BOOT_EVENT_MODULE, name, begin);
}

static bool is_pmem_driver(const char *name)
{
	const char *dash = strchr(name, '-');

	return dash && strcmp(dash, "-nd_pmem.ko") == 0;
}

void modules_load(const char *dir, bool dax, char failure[static MODULE_FAILURE_SIZE])
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_module, alphasort);
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < n; i++) {
		if (!dax && is_pmem_driver(entries[i]->d_name))
			pmem_forgo_pages();
		load(dirfd, entries[i]->d_name, failure);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	if (dirfd >= 0)
		close(dirfd);
}
