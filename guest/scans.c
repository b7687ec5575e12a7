/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands are those of libguestfs' /init, in its order. Each is left out if there is
 * nothing on the disks that it looks for: udevd has looked at all of them. One command's
 * result can be the next one's disk, so udevd is waited for after each.
 */
#include "guest/scans.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "guest/log.h"
#include "guest/udev.h"

enum { ENVIRONMENT_MAX = 256 };

struct sign {
	const char *property, *value;
};

#define SIGNS_MAX 4

static const struct scan {
	struct sign signs[SIGNS_MAX]; /* any of them */
	const char *argv[8];
} scans[] = {
	/* Arrays of which no disk is missing. */
	{{{"ID_FS_TYPE", "*_raid_member"}},
		{"mdadm", "-As", "--auto=yes", "--no-degraded"}},
	/* Volume groups, on those as well. */
	{{{"ID_FS_TYPE", "LVM2_member"}},
		{"lvm", "pvscan", "--cache", "--activate", "ay"}},
	/* Arrays on volumes, and the others as they are. */
	{{{"ID_FS_TYPE", "*_raid_member"}}, {"mdadm", "-As", "--auto=yes", "--run"}},
	/* Windows' dynamic disks, by the types of their partitions. */
	{{{"ID_PART_ENTRY_TYPE", "0x42"},
		 {"ID_PART_ENTRY_TYPE", "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3"},
		 {"ID_PART_ENTRY_TYPE", "af9b60a0-1431-4f62-bc68-3311714a69ad"}},
		{"ldmtool", "create", "all"}},
};

static bool is_needed(const struct scan *scan)
{
	for (size_t i = 0; i < SIGNS_MAX && scan->signs[i].property; i++)
		if (udev_has_property(scan->signs[i].property, scan->signs[i].value))
			return true;
	return false;
}

static void run(const struct scan *scan, char *const *environment)
{
	char *argv[ARRAY_SIZE(scan->argv) + 1] = {0};
	int status;

	memcpy(argv, scan->argv, sizeof(scan->argv));
	pid_t pid = fork();
	if (pid == 0) {
		/* What they say goes where /init's own output goes. */
		int console = open("/dev/console", O_RDWR | O_NOCTTY);
		if (console < 0)
			console = open("/dev/null", O_RDWR);
		for (int fd = 0; fd < 3; fd++)
			dup2(console, fd);
		environ = (char **)environment;
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	udev_settle();
}

void scans_run(char *environment, size_t len)
{
	char *list[ENVIRONMENT_MAX + 1] = {0};
	size_t n = 0;

	for (size_t i = 0; i < len && n < ENVIRONMENT_MAX;
		i += strlen(environment + i) + 1)
		list[n++] = environment + i;
	for (size_t i = 0; i < ARRAY_SIZE(scans); i++)
		if (is_needed(&scans[i])) {
			klog_debug("scan: %s", scans[i].argv[0]);
			run(&scans[i], list);
		}
}
