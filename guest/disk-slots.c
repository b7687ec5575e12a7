/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the guest gets the disks that its machine has and its snapshot had not:
 *
 *	reserved slots  The kernel found placeholders there before the snapshot, and gave
 *			them addresses and interrupts. Then their driver was unbound. Binding
 *			it again makes it ask the disk that is there now for everything:
 *			size, access, partitions.
 *	a scan		The kernel searches its bus for the others. Nothing tells it that they
 *			are there. Under emulation this is slow, since code that runs for
 *			the first time has to be translated.
 */
#include "guest/disk-slots.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/interrupts.h"
#include "guest/uevent.h"

#define DISKS_TIMEOUT_MS 10000
#define SLOTS_MAX	 32
#define DRIVER		 "/sys/bus/virtio/drivers/virtio_blk"

/* The reserved slots, as names of virtio devices in the order in which the kernel found
 * them, and the driver's file that binds one. Part of the snapshot. */
static struct {
	char names[SLOTS_MAX][16];
	unsigned len;
	int bind_fd;
} slots;

static int write_attribute(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, value, strlen(value));
	int errnum = errno;

	if (fd >= 0)
		close(fd);
	errno = errnum;
	return n < 0 ? -1 : 0;
}

/* ---- Reserved slots ---- */

static int compare_names(const void *a, const void *b)
{
	return strverscmp(a, b);
}

static void list_devices(void)
{
	DIR *dir = opendir(DRIVER);
	struct dirent *entry;

	slots.len = 0;
	while (dir && slots.len < SLOTS_MAX && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "virtio", 6) == 0 &&
			strlen(entry->d_name) < sizeof(slots.names[0]))
			strcpy(slots.names[slots.len++], entry->d_name);
	if (dir)
		closedir(dir);
	qsort(slots.names, slots.len, sizeof(slots.names[0]), compare_names);
}

int disk_slots_release(unsigned reserved, struct error *err)
{
	if (reserved == 0)
		return 0;
	list_devices();
	if (slots.len != reserved)
		return error_set(err, 0, "reserve %u disk slots: there are %u disks",
			reserved, slots.len);
	for (unsigned i = 0; i < slots.len; i++)
		if (write_attribute(DRIVER "/unbind", slots.names[i]) < 0)
			return error_set(
				err, errno, "reserve the disk slot %s", slots.names[i]);
	slots.bind_fd = open(DRIVER "/bind", O_WRONLY | O_CLOEXEC);
	if (slots.bind_fd < 0)
		return error_set(err, errno, "reserve disk slots");
	return 0;
}

/* The driver has a disk ready when it returns, nodes and partitions included. */
static int fill_slot(const char *name, struct error *err)
{
	if (write(slots.bind_fd, name, strlen(name)) < 0)
		return error_set(err, errno, "find the disk in slot %s", name);
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

/* The kernel finds them in the order of their slots, and names them so. Mostly all are
 * there when the scan returns; a driver may take its time. */
static int scan(unsigned wanted, struct error *err)
{
	unsigned before = count_disks(), after;
	int64_t deadline = uevent_now_ms() + DISKS_TIMEOUT_MS;
	enum uevent_result result = UEVENT_DEVICE;
	struct uevent event;
	int uevents = uevent_open(err);

	if (uevents < 0)
		return -1;
	interrupts_assign();
	if (write_attribute("/sys/bus/pci/rescan", "1") < 0) {
		error_set(err, errno, "look for new devices");
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

int disk_slots_fill(unsigned disks, struct error *err)
{
	unsigned i;

	for (i = 0; i < disks && i < slots.len; i++)
		if (fill_slot(slots.names[i], err) < 0)
			return -1;
	return i < disks ? scan(disks - i, err) : 0;
}
