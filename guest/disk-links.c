/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What udev makes where it runs. A disk has a directory in /sys/class/block, and each of its
 * partitions too; a partition's has a file `partition` with its number:
 *
 *	/sys/class/block/vda   ──► …/block/vda       virtio-SERIAL
 *	/sys/class/block/vda1  ──► …/block/vda/vda1  virtio-SERIAL-part1
 *
 * A command does without these links, so failures are only logged. Partitions that a command
 * makes get none.
 */
#include "guest/disk-links.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/devices.h"
#include "guest/file.h"
#include "guest/log.h"

#define CLASS "/sys/class/block"
#define LINKS "/dev/disk/by-id"

static void remove_all(void)
{
	DIR *dir = opendir(LINKS);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}

static void make_link(int class, const char *name)
{
	char serial[DEVICE_SERIAL_SIZE], number[16], path[300], target[300];
	char link[sizeof(serial) + sizeof(number) + sizeof(LINKS) + 16];

	snprintf(path, sizeof(path), "%s/partition", name);
	bool is_partition = file_read_line(class, path, number, sizeof(number)) > 0;
	snprintf(path, sizeof(path), "%s%s", name, is_partition ? "/.." : "");
	/* The appliance's own disk has an empty directory. */
	if (!device_serial(class, ".", path, serial) || !*serial || strchr(serial, '/'))
		return;
	snprintf(link, sizeof(link), LINKS "/virtio-%s%s%s", serial,
		is_partition ? "-part" : "", is_partition ? number : "");
	snprintf(target, sizeof(target), "../../%s", name);
	/* Only where there is a disk; most VMs have none. */
	mkdir("/dev/disk", 0755);
	mkdir(LINKS, 0755);
	if (symlink(target, link) < 0)
		klog_debug("link %s: %s", link, strerror(errno));
}

void disk_links_renew(void)
{
	struct dirent *entry;

	remove_all();
	DIR *dir = opendir(CLASS);
	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "vd", 2) == 0)
			make_link(dirfd(dir), entry->d_name);
	if (dir)
		closedir(dir);
}
