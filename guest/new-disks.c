/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks that the machine has got since its snapshot was taken. The bus is scanned for them;
 * nothing tells the kernel that they are there.
 */
#include "guest/new-disks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "guest/interrupts.h"
#include "guest/uevent.h"

#define DISKS_TIMEOUT_MS 10000

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

static int rescan_bus(struct error *err)
{
	int fd = open("/sys/bus/pci/rescan", O_WRONLY | O_CLOEXEC);
	int result = 0;

	if (fd < 0 || write(fd, "1", 1) != 1)
		result = error_set(err, errno, "look for new devices");
	if (fd >= 0)
		close(fd);
	return result;
}

/* The kernel finds them in the order of their slots, and names them so. Mostly all are there
 * when the scan returns; a driver may take its time. */
int new_disks_find(unsigned wanted, struct error *err)
{
	unsigned before = count_disks(), after;
	int64_t deadline = uevent_now_ms() + DISKS_TIMEOUT_MS;
	enum uevent_result result = UEVENT_DEVICE;
	struct uevent event;
	int uevents = uevent_open(err);

	if (uevents < 0)
		return -1;
	interrupts_assign();
	if (rescan_bus(err) < 0) {
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
