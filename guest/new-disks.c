/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks that the machine has got since its snapshot was taken. Two ways lead to them:
 *
 *	places   The snapshot's maker had attached as many stand-ins. The kernel has found
 *		 them on the bus, given them addresses and interrupts, and its driver has let
 *		 go of them. What stands there now is a disk that the driver has never seen,
 *		 and it asks it everything: size, access, partitions.
 *	a scan   The bus is searched. Nothing else tells the kernel that they are there, and
 *		 under emulation code that runs for the first time is what takes time.
 */
#include "guest/new-disks.h"

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
#define PLACES_MAX	 32
#define DRIVER		 "/sys/bus/virtio/drivers/virtio_blk"

/* The names of virtio devices, in the order in which the kernel has found them, and where
 * the driver is told to take one. Of one snapshot, so of all that go on from it. */
static struct {
	char names[PLACES_MAX][16];
	unsigned len;
	int bind_fd;
} places;

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

/* ---- Places ---- */

static int compare_names(const void *a, const void *b)
{
	return strverscmp(a, b);
}

static void list_devices(void)
{
	DIR *dir = opendir(DRIVER);
	struct dirent *entry;

	places.len = 0;
	while (dir && places.len < PLACES_MAX && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "virtio", 6) == 0 &&
			strlen(entry->d_name) < sizeof(places.names[0]))
			strcpy(places.names[places.len++], entry->d_name);
	if (dir)
		closedir(dir);
	qsort(places.names, places.len, sizeof(places.names[0]), compare_names);
}

int new_disks_make_places(unsigned stand_ins, struct error *err)
{
	if (stand_ins == 0)
		return 0;
	list_devices();
	if (places.len != stand_ins)
		return error_set(err, 0, "let go of %u disks: there are %u", stand_ins,
			places.len);
	for (unsigned i = 0; i < places.len; i++)
		if (write_attribute(DRIVER "/unbind", places.names[i]) < 0)
			return error_set(
				err, errno, "let go of the disk %s", places.names[i]);
	places.bind_fd = open(DRIVER "/bind", O_WRONLY | O_CLOEXEC);
	if (places.bind_fd < 0)
		return error_set(err, errno, "prepare for disks");
	return 0;
}

/* The driver has a disk ready when it returns, nodes and partitions included. */
static int fill_place(const char *name, struct error *err)
{
	if (write(places.bind_fd, name, strlen(name)) < 0)
		return error_set(err, errno, "take the disk at %s", name);
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

int new_disks_find(unsigned wanted, struct error *err)
{
	unsigned i;

	for (i = 0; i < wanted && i < places.len; i++)
		if (fill_place(places.names[i], err) < 0)
			return -1;
	return i < wanted ? scan(wanted - i, err) : 0;
}
