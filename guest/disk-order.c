/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks by their addresses, and waiting for those that have one but no name yet. */
#include "guest/disk-order.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/clock.h"
#include "guest/file.h"
#include "guest/uevent.h"

#define SCSI_DEVICES "/sys/bus/scsi/devices"
/* A disk that does not answer at all is not worth more. */
#define SETTLE_MS 5000

struct disk_order disk_order_parse(const char *address)
{
	struct disk_order o = {{0}};
	unsigned *n = o.numbers + 1;

	if (sscanf(address, "%u:%u:%u:%u", n, n + 1, n + 2, n + 3) == 4)
		o.numbers[0] = 2;
	else if (sscanf(address, "virtio%u", n) == 1)
		o.numbers[0] = 1;
	else
		o = (struct disk_order){{0}};
	return o;
}

struct disk_order disk_order_of(const char *name)
{
	char path[120], target[512];
	const char *slash;
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/class/block/%s/device", name);
	len = readlink(path, target, sizeof(target) - 1);
	target[len < 0 ? 0 : len] = '\0';
	slash = strrchr(target, '/');
	return disk_order_parse(slash ? slash + 1 : target);
}

bool disk_order_after(const struct disk_order *a, const struct disk_order *b)
{
	for (int i = 0; i < 5; i++)
		if (a->numbers[i] != b->numbers[i])
			return a->numbers[i] > b->numbers[i];
	return false;
}

int disk_order_index(const char *name)
{
	size_t len = strlen(name);
	int n = 0;

	if (strncmp(name, "sd", 2) != 0 || len < 3 || len > 5)
		return -1;
	for (const char *c = name + 2; *c; c++) {
		if (*c < 'a' || *c > 'z')
			return -1;
		n = n * 26 + *c - 'a' + 1;
	}
	return n - 1;
}

struct scsi_disk {
	struct disk_order order;
	char name[8];
};

static int compare_disks(const void *a, const void *b)
{
	const struct scsi_disk *x = a, *y = b;

	return disk_order_after(&x->order, &y->order) -
		disk_order_after(&y->order, &x->order);
}

bool disk_order_find(const char *meant, char ret_name[static 64])
{
	static struct scsi_disk disks[1024];
	DIR *dir = opendir("/sys/class/block");
	int index = disk_order_index(meant), n = 0;
	struct dirent *entry;

	while (dir && n < 1024 && (entry = readdir(dir))) {
		if (disk_order_index(entry->d_name) < 0)
			continue;
		strcpy(disks[n].name, entry->d_name);
		disks[n++].order = disk_order_of(entry->d_name);
	}
	if (dir)
		closedir(dir);
	qsort(disks, n, sizeof(disks[0]), compare_disks);
	if (index < 0 || index >= n)
		return false;
	strcpy(ret_name, disks[index].name);
	return true;
}

static bool can_be_opened(const char *name)
{
	char path[280];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* DEVICE/block/NAME is there as soon as the disk has a name, its node some time later. */
static bool is_ready(int dirfd, const char *device)
{
	char path[300];
	struct dirent *entry;
	bool ready = false;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%s/block", device);
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	while (dir && !ready && (entry = readdir(dir)))
		ready = entry->d_name[0] != '.' && can_be_opened(entry->d_name);
	if (dir)
		closedir(dir);
	return ready;
}

static bool is_scsi_disk(int dirfd, const char *device)
{
	char path[300], type[8];

	snprintf(path, sizeof(path), "%s/type", device);
	return strchr(device, ':') &&
		file_read_line(dirfd, path, type, sizeof(type)) >= 0 &&
		strcmp(type, "0") == 0;
}

static bool all_ready(void)
{
	DIR *dir = opendir(SCSI_DEVICES);
	struct dirent *entry;
	bool ready = true;

	while (dir && ready && (entry = readdir(dir)))
		ready = !is_scsi_disk(dirfd(dir), entry->d_name) ||
			is_ready(dirfd(dir), entry->d_name);
	if (dir)
		closedir(dir);
	return ready;
}

void disk_order_settle(int uevents)
{
	int64_t deadline = clock_now_ms() + SETTLE_MS;
	struct uevent event;

	while (!all_ready() && uevent_wait(uevents, deadline, &event) != UEVENT_TIMEOUT)
		continue;
}
