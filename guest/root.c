/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks appear when their drivers find them, in any order, up to some seconds after the
 * modules are loaded. The superblock of each is compared with root=. The UUID alone is no
 * proof: a user may attach a copy of the appliance. So the host gives the real one a serial
 * number, which a disk's content can't forge, and says it on the command line. On a bus
 * without serial numbers the UUID decides, but only if no disk has the right number.
 *
 * Launchers that are not ours say no serial number. They attach the appliance's disk behind
 * the user's, so the last disk with the right content is the root, and all disks are looked
 * at before one is chosen.
 */
#include "guest/root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/buses.h"
#include "guest/clock.h"
#include "guest/devices.h"
#include "guest/disk-order.h"
#include "guest/log.h"
#include "guest/uevent.h"

#define NOTICE_MS 10000

/* ext2's superblock is at byte 1024 of the disk; offsets in it. */
#define SUPERBLOCK_OFFSET 1024
#define MAGIC_OFFSET	  0x38
#define UUID_OFFSET	  0x68
#define LABEL_OFFSET	  0x78

enum match {
	MATCH_NONE,
	MATCH_NO_SERIAL, /* the content is right, and the disk has no serial number */
	MATCH_FULL,
};

static bool content_matches(const char *name, const struct boot_options *o)
{
	uint8_t sb[256];
	char path[80];
	int fd;
	ssize_t n;

	if (o->root == ROOT_DEVICE)
		return strcmp(name, o->device) == 0;
	snprintf(path, sizeof(path), "/dev/%s", name);
	/* O_NONBLOCK: don't wait for a medium in an empty drive. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	n = pread(fd, sb, sizeof(sb), SUPERBLOCK_OFFSET);
	close(fd);
	if (n != sizeof(sb) || sb[MAGIC_OFFSET] != 0x53 || sb[MAGIC_OFFSET + 1] != 0xef)
		return false;
	if (o->root == ROOT_UUID)
		return memcmp(sb + UUID_OFFSET, o->uuid, sizeof(o->uuid)) == 0;
	return strncmp((char *)sb + LABEL_OFFSET, o->label, 16) == 0;
}

static enum match match_device(const char *name, const struct boot_options *o)
{
	char serial[DEVICE_SERIAL_SIZE];
	enum match m = MATCH_FULL;

	if (o->serial[0]) {
		if (!device_serial(AT_FDCWD, BLOCK_CLASS, name, serial))
			m = MATCH_NO_SERIAL;
		else if (strcmp(serial, o->serial) != 0)
			return MATCH_NONE;
	}
	return content_matches(name, o) ? m : MATCH_NONE;
}

struct candidate {
	enum match match;
	struct disk_order order;
	char name[64];
};

static void consider(
	const char *name, const struct boot_options *o, struct candidate *best)
{
	struct candidate c = {.match = match_device(name, o)};

	if (c.match == MATCH_NONE || c.match < best->match)
		return;
	c.order = disk_order_of(name);
	if (c.match == best->match && !disk_order_after(&c.order, &best->order))
		return;
	strcpy(c.name, name);
	*best = c;
}

/* root=/dev/sdb means the second disk, not the one that the kernel happens to name so. */
static bool counts_disks(const struct boot_options *o)
{
	return o->root == ROOT_DEVICE && !o->serial[0] &&
		disk_order_index(o->device) >= 0;
}

/* Look at all disks; `ret_seen` gets their names, for an error. */
static bool scan(const struct boot_options *o, int uevents, char *ret_name,
	char *ret_seen, size_t seen_size)
{
	struct candidate best = {.match = MATCH_NONE};
	struct dirent *entry;
	size_t seen = 0;
	DIR *dir;

	if (!o->serial[0])
		disk_order_settle(uevents);
	dir = opendir(BLOCK_CLASS);
	ret_seen[0] = '\0';
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) > 63)
			continue;
		if (seen < seen_size)
			seen += snprintf(
				ret_seen + seen, seen_size - seen, " %s", entry->d_name);
		consider(entry->d_name, o, &best);
	}
	if (dir)
		closedir(dir);
	if (counts_disks(o))
		return disk_order_find(o->device, ret_name);
	if (best.match != MATCH_NONE)
		strcpy(ret_name, best.name);
	return best.match != MATCH_NONE;
}

bool root_is_here(const struct boot_options *o, int uevents)
{
	char name[64], seen[512];

	return scan(o, uevents, name, seen, sizeof(seen));
}

/* When the wait is long, the console says what for. */
static void say_waiting(const struct boot_options *o, const char *seen)
{
	klog_error(
		"still waiting for the root disk, %u s at most; block devices so far:%s",
		o->timeout_s, seen[0] ? seen : " none");
}

static int not_found(const struct boot_options *o, const char *seen,
	const char *module_failure, struct error *err)
{
	char buses[400];

	buses_describe("/sys", buses, sizeof(buses));
	return error_set(err, 0,
		"the appliance's disk did not appear within %u s%s%s; block devices:%s; %s",
		o->timeout_s, *module_failure ? "; " : "", module_failure,
		seen[0] ? seen : " none", buses);
}

int root_find(const struct boot_options *o, int uevents, const char *module_failure,
	char ret_name[static 64], struct error *err)
{
	int64_t start = clock_now_ms();
	int64_t end = start + o->timeout_s * 1000LL;
	int64_t deadline = end < start + NOTICE_MS ? end : start + NOTICE_MS;
	char seen[512];
	struct uevent event;
	bool found = scan(o, uevents, ret_name, seen, sizeof(seen));

	while (!found) {
		switch (uevent_wait(uevents, deadline, &event)) {
		case UEVENT_DEVICE:
			if (strcmp(event.subsystem, "block") != 0 || event.gone)
				break;
			if (counts_disks(o) ||
				match_device(event.devname, o) != MATCH_NONE)
				found = scan(o, uevents, ret_name, seen, sizeof(seen));
			break;
		case UEVENT_RESCAN:
			found = scan(o, uevents, ret_name, seen, sizeof(seen));
			break;
		case UEVENT_TIMEOUT:
			found = scan(o, uevents, ret_name, seen, sizeof(seen));
			if (found)
				break;
			if (deadline == end)
				return not_found(o, seen, module_failure, err);
			say_waiting(o, seen);
			deadline = end;
		}
	}
	klog_debug("the root is on %s", ret_name);
	return 0;
}
