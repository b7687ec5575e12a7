/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scanning a whole controller takes seconds under emulation, and finds disks in any
 * order. What is there is known, so each address is scanned by itself; and the next one
 * only once the disk has its name, for kernels probe disks in the background.
 *
 *	/sys/class/scsi_host/hostN/scan           "CHANNEL TARGET LUN"
 *	/sys/bus/scsi/devices/N:0:TARGET:0/block  has the disk's name
 */
#include "guest/scsi-disks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
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

int scsi_disks_find(unsigned n, struct error *err)
{
	int host = find_host(), result = 0;
	char path[80];

	if (n == 0)
		return 0;
	snprintf(path, sizeof(path), HOSTS "/host%d/scan", host);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "find the virtio-scsi controller");
	for (unsigned i = 0; i < n && result == 0; i++)
		result = find_disk(fd, host, i, err);
	close(fd);
	return result;
}

int scsi_disks_forget_first(struct error *err)
{
	int64_t deadline = clock_now_ms() + DISK_TIMEOUT_MS;
	char device[80], path[100];

	snprintf(device, sizeof(device), "/sys/bus/scsi/devices/%d:0:0:0", find_host());
	snprintf(path, sizeof(path), "%s/delete", device);
	if (file_write(AT_FDCWD, path, "1") < 0)
		return error_set(err, errno, "have the kernel forget a disk");
	/* Its name is free for the next one once nobody has it open any more. */
	while (access(device, F_OK) == 0) {
		if (clock_now_ms() > deadline)
			return error_set(
				err, ETIMEDOUT, "the kernel does not forget a disk");
		usleep(LOOK_EVERY_US);
	}
	return 0;
}
