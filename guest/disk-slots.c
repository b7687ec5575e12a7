/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the guest gets the disks that its machine has and its snapshot had not:
 *
 *	reserved slots  The kernel found placeholders there before the snapshot, and gave
 *			them addresses and interrupts. Then their driver was unbound. Binding
 *			it again makes it ask the disk that is there now for everything:
 *			size, access, partitions.
 *	a scan		The kernel searches its bus for the others (bus-scan.h).
 */
#include "guest/disk-slots.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/bus-scan.h"
#include "guest/clock.h"
#include "guest/file.h"
#include "guest/uevent.h"

#define DISKS_TIMEOUT_MS 10000
#define DRIVER		 "/sys/bus/virtio/drivers/virtio_blk"

/* ---- Reserved slots ---- */

static int compare_names(const void *a, const void *b)
{
	return strverscmp(a, b);
}

static void list_devices(struct disk_slots *slots)
{
	DIR *dir = opendir(DRIVER);
	struct dirent *entry;

	slots->len = 0;
	while (dir && slots->len < DISK_SLOTS_MAX && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "virtio", 6) == 0 &&
			strlen(entry->d_name) < sizeof(slots->names[0]))
			strcpy(slots->names[slots->len++], entry->d_name);
	if (dir)
		closedir(dir);
	qsort(slots->names, slots->len, sizeof(slots->names[0]), compare_names);
}

int disk_slots_release(struct disk_slots *slots, unsigned reserved, struct error *err)
{
	if (slots->len > 0)
		close(slots->bind_fd);
	slots->len = 0;
	if (reserved == 0)
		return 0;
	list_devices(slots);
	if (slots->len != reserved)
		return error_set(err, 0, "reserve %u disk slots: there are %u disks",
			reserved, slots->len);
	for (unsigned i = 0; i < slots->len; i++)
		if (file_write(AT_FDCWD, DRIVER "/unbind", slots->names[i]) < 0)
			return error_set(
				err, errno, "reserve the disk slot %s", slots->names[i]);
	slots->bind_fd = open(DRIVER "/bind", O_WRONLY | O_CLOEXEC);
	if (slots->bind_fd < 0)
		return error_set(err, errno, "reserve disk slots");
	return 0;
}

/* ---- A scan ---- */

static unsigned count_disks(void)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	unsigned n = 0;

	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

/* The kernel finds and names disks in the order of their slots. Mostly all are there when
 * the scan returns, but a driver may need longer. */
int disk_slots_scan(unsigned wanted, struct error *err)
{
	unsigned before = count_disks(), after;
	int64_t deadline = clock_now_ms() + DISKS_TIMEOUT_MS;
	enum uevent_result result = UEVENT_DEVICE;
	struct uevent event;
	int uevents = uevent_open(err);

	if (uevents < 0)
		return -1;
	if (bus_scan(err) < 0) {
		close(uevents);
		return -1;
	}
	while ((after = count_disks()) - before < wanted && result != UEVENT_TIMEOUT)
		result = uevent_wait(uevents, deadline, &event);
	close(uevents);
	if (after - before < wanted)
		return error_set(err, 0, "of %u disks only %u have appeared", wanted,
			after - before);
	return 0;
}

int disk_slots_fill(const struct disk_slots *slots, unsigned disks, struct error *err)
{
	unsigned i;

	/* When the write returns, the disk is ready, with its node and partitions. */
	for (i = 0; i < disks && i < slots->len; i++)
		if (write(slots->bind_fd, slots->names[i], strlen(slots->names[i])) < 0)
			return error_set(
				err, errno, "find the disk in slot %s", slots->names[i]);
	return i < disks ? disk_slots_scan(disks - i, err) : 0;
}
