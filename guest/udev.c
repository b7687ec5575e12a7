/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udevd's own files say all there is to know, and reading them takes no program to be
 * started, which under emulation is what takes time:
 *
 *	/run/udev/queue             there while udevd has events to deal with
 *	/run/udev/data/bMAJOR:MINOR what it has found out; written each time it has dealt with the
 *	                            device, and given the time 0 by us to see that
 *
 * Between the kernel's announcement of a device and the queue file a moment passes, so
 * that file alone is no proof.
 */
#include "guest/udev.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "guest/clock.h"
#include "guest/file.h"

#define RUN   "/run/udev"
#define DATA  RUN "/data"
#define QUEUE RUN "/queue"
#define CLASS "/sys/class/block"

enum {
	LOOK_EVERY_MS = 20,
	/* A RAID array that lacks disks may never get its data. */
	DATA_TIMEOUT_MS = 2000,
	/* As long as /init would. */
	QUEUE_TIMEOUT_MS = 600 * 1000,
	DATA_MAX = 64 * 1024,
};

/* The devices that udevd writes something down of: disks, their partitions, and what is
 * made of them. */
static bool is_described(const char *name)
{
	static const char *const prefixes[] = {"sd", "vd", "md", "dm-"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static bool has_data(int class, const char *name)
{
	char path[300], number[24];
	struct stat st;

	snprintf(path, sizeof(path), "%s/dev", name);
	if (file_read_line(class, path, number, sizeof(number)) < 0)
		return false;
	snprintf(path, sizeof(path), DATA "/b%s", number);
	return stat(path, &st) == 0 && st.st_mtime != 0;
}

static bool all_have_data(void)
{
	DIR *dir = opendir(CLASS);
	struct dirent *entry;
	bool all = true;

	while (dir && all && (entry = readdir(dir)))
		if (is_described(entry->d_name))
			all = has_data(dirfd(dir), entry->d_name);
	if (dir)
		closedir(dir);
	return all;
}

/* Until something changes in udevd's directory, or a moment has passed: looking again and
 * again would take the only processor away from udevd. */
static void wait_for_change(int watch)
{
	struct pollfd pfd = {watch, POLLIN, 0};
	char events[4096];

	if (poll(&pfd, 1, LOOK_EVERY_MS) > 0 && read(watch, events, sizeof(events)) < 0)
		usleep(LOOK_EVERY_MS * 1000);
}

void udev_settle(void)
{
	int64_t start = clock_now_ms();

	/* There is no udevd. */
	if (access(RUN, F_OK) < 0)
		return;
	int watch = inotify_init1(IN_CLOEXEC);

	inotify_add_watch(watch, RUN, IN_CREATE | IN_DELETE);
	inotify_add_watch(watch, DATA, IN_MOVED_TO);
	for (;;) {
		int64_t waited = clock_now_ms() - start;
		bool busy = access(QUEUE, F_OK) == 0;

		if (busy ? waited > QUEUE_TIMEOUT_MS
			 : all_have_data() || waited > DATA_TIMEOUT_MS)
			break;
		wait_for_change(watch);
	}
	if (watch >= 0)
		close(watch);
}

void udev_expect_all_again(void)
{
	static const struct timespec epoch[2];
	DIR *dir = opendir(DATA);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] == 'b')
			utimensat(dirfd(dir), entry->d_name, epoch, 0);
	if (dir)
		closedir(dir);
}

/* A line of a data file: "E:NAME=VALUE". */
static bool line_has(const char *line, const char *name, const char *pattern)
{
	size_t len = strlen(name);

	return strncmp(line, "E:", 2) == 0 && strncmp(line + 2, name, len) == 0 &&
		line[2 + len] == '=' && fnmatch(pattern, line + 3 + len, 0) == 0;
}

bool udev_has_property(const char *name, const char *value)
{
	DIR *dir = opendir(DATA);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char path[300];

		if (entry->d_name[0] != 'b')
			continue;
		snprintf(path, sizeof(path), DATA "/%s", entry->d_name);
		char *text = file_read_all(path, DATA_MAX);
		char *rest = text;
		for (char *line; !found && (line = strsep(&rest, "\n"));)
			found = line_has(line, name, value);
		free(text);
	}
	if (dir)
		closedir(dir);
	return found;
}
