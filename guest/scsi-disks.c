/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scanning a whole controller takes seconds under emulation, and finds disks in any
 * order. What is there is known, so each address is scanned by itself; and the next one
 * only once the disk has its name, for kernels probe disks in the background.
 *
 *	/sys/class/scsi_host/hostN/scan            "CHANNEL TARGET LUN"
 *	/sys/bus/scsi/devices/N:0:TARGET:0/block   has the disk's name
 *	/sys/bus/scsi/devices/N:0:TARGET:0/rescan  asks the disk all questions but its model
 *
 * A disk that is new costs eight announcements, and udevd answers each of them with a pass
 * through all of its rules. One that has changed costs one. That is why the first disk is
 * in the snapshot, as a placeholder.
 */
#include "guest/scsi-disks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "guest/clock.h"
#include "guest/file.h"

#define HOSTS "/sys/class/scsi_host"

enum { DISK_TIMEOUT_MS = 60000, LOOK_EVERY_US = 2000 };

/* As an appliance's /init sets them for the disks that it boots with. */
static const struct {
	const char *name, *value;
} attributes[] = {
	/* Images far away answer late. */
	{"device/timeout", "300"},
	/* The host orders requests. */
	{"queue/scheduler", "noop"},
};

/* The number of the first virtio-scsi host, or -1. */
static int find_host(void)
{
	DIR *dir = opendir(HOSTS);
	struct dirent *entry;
	int found = -1, number;

	while (dir && (entry = readdir(dir))) {
		char path[300], name[32];

		snprintf(path, sizeof(path), "%s/proc_name", entry->d_name);
		if (sscanf(entry->d_name, "host%d", &number) == 1 &&
			file_read_line(dirfd(dir), path, name, sizeof(name)) >= 0 &&
			strcmp(name, "virtio_scsi") == 0 && (found < 0 || number < found))
			found = number;
	}
	if (dir)
		closedir(dir);
	return found;
}

static void set_attributes(int dir, const char *disk)
{
	char path[300];

	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		snprintf(path, sizeof(path), "%s/%s", disk, attributes[i].name);
		file_write(
			dir, path, attributes[i].value); /* no kernel has all of them */
	}
}

/* Has the disk its name? */
static bool is_named(int host, unsigned target)
{
	char path[80];
	struct dirent *entry;

	snprintf(path, sizeof(path), "/sys/bus/scsi/devices/%d:0:%u:0/block", host,
		target);
	DIR *dir = opendir(path);
	bool named = false;

	while (dir && !named && (entry = readdir(dir))) {
		char dev[300];

		/* The number is what the disk gets last, before it is announced. */
		snprintf(dev, sizeof(dev), "%s/dev", entry->d_name);
		named = entry->d_name[0] != '.' &&
			faccessat(dirfd(dir), dev, F_OK, 0) == 0;
		if (named)
			set_attributes(dirfd(dir), entry->d_name);
	}
	if (dir)
		closedir(dir);
	return named;
}

static int find_disk(int scan_fd, int host, unsigned target, struct error *err)
{
	int64_t deadline = clock_now_ms() + DISK_TIMEOUT_MS;
	char address[32];
	int len = snprintf(address, sizeof(address), "0 %u 0", target);

	if (write(scan_fd, address, len) != len)
		return error_set(err, errno, "scan for the disk %u", target);
	while (!is_named(host, target)) {
		if (clock_now_ms() > deadline)
			return error_set(
				err, ETIMEDOUT, "the disk %u does not appear", target);
		usleep(LOOK_EVERY_US);
	}
	return 0;
}

bool scsi_disks_can_be(void)
{
	return find_host() >= 0;
}

int scsi_disks_find(unsigned first, unsigned n, struct error *err)
{
	int host = find_host(), result = 0;
	char path[80];

	if (first >= n)
		return 0;
	snprintf(path, sizeof(path), HOSTS "/host%d/scan", host);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "find the virtio-scsi controller");
	for (unsigned i = first; i < n && result == 0; i++)
		result = find_disk(fd, host, i, err);
	close(fd);
	return result;
}

/* The name of the disk at target 0, and a descriptor of its directory in /sys. */
static int open_first(char ret_name[static SCSI_DISK_NAME_MAX + 1], struct error *err)
{
	char path[80];
	struct dirent *entry;

	*ret_name = '\0';
	snprintf(path, sizeof(path), "/sys/bus/scsi/devices/%d:0:0:0/block", find_host());
	DIR *dir = opendir(path);
	while (dir && !*ret_name && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
			strlen(entry->d_name) <= SCSI_DISK_NAME_MAX)
			strcpy(ret_name, entry->d_name);
	int fd = *ret_name ? openat(dirfd(dir), ret_name, O_PATH | O_CLOEXEC) : -1;
	if (dir)
		closedir(dir);
	return fd < 0 ? error_set(err, ENODEV, "find the first disk") : fd;
}

/* How often the kernel has announced something. */
static void read_announcements(char ret[static 24])
{
	*ret = '\0';
	file_read_line(AT_FDCWD, "/sys/kernel/uevent_seqnum", ret, 24);
}

/* Drop what was read of the placeholder, and find the partitions. */
static int reread_partitions(const char *name, struct error *err)
{
	char path[SCSI_DISK_NAME_MAX + 8];

	snprintf(path, sizeof(path), "/dev/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BLKFLSBUF) < 0) {
		error_set(err, errno, "open the disk '%s'", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	/* What is wrong with a table of partitions is in the kernel's log, as at a boot. */
	ioctl(fd, BLKRRPART);
	close(fd);
	return 0;
}

int scsi_disks_change_first(struct error *err)
{
	char name[SCSI_DISK_NAME_MAX + 1], before[24], after[24];
	int dir = open_first(name, err);

	if (dir < 0)
		return -1;
	read_announcements(before);
	if (file_write(dir, "device/rescan", "1") < 0) {
		error_set(err, errno, "ask the disk '%s' for its size", name);
		close(dir);
		return -1;
	}
	read_announcements(after);
	int result = reread_partitions(name, err);
	/* Most kernels announce a disk whose size has changed. */
	if (result == 0 && strcmp(before, after) == 0 &&
		file_write(dir, "uevent", "change") < 0)
		result = error_set(err, errno, "announce the disk '%s'", name);
	close(dir);
	return result;
}
