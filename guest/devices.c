/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The appliance's own disk is left out by its device number, which the mounted file system
 * tells: its name and content could be those of a copy. */
#include "guest/devices.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest/file.h"

#define SECTOR 512

/* Vital product data page 0x80, the unit's serial number: a header of four bytes with its
 * length. */
static bool parse_vpd(const uint8_t *page, long len, char *ret)
{
	const uint8_t *serial;
	size_t n;

	if (len < 4 || page[1] != 0x80)
		return false;
	n = page[2] << 8 | page[3];
	if (n > (size_t)len - 4 || n >= DEVICE_SERIAL_SIZE)
		return false;
	/* An ATA disk's fills its field up with blanks. */
	serial = page + 4;
	for (; n > 0 && *serial == ' '; n--)
		serial++;
	while (n > 0 && serial[n - 1] == ' ')
		n--;
	memcpy(ret, serial, n);
	ret[n] = '\0';
	return true;
}

bool device_serial(int dirfd, const char *class, const char *name,
	char ret[static DEVICE_SERIAL_SIZE])
{
	static const char *const attributes[] = {"serial", "device/serial"};
	char path[512];
	uint8_t page[256];
	long len;

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", class, name, attributes[i]);
		if (file_read_line(dirfd, path, ret, DEVICE_SERIAL_SIZE) >= 0)
			return true;
	}
	snprintf(path, sizeof(path), "%s/%s/device/vpd_pg80", class, name);
	len = file_read(dirfd, path, (char *)page, sizeof(page));
	ret[0] = '\0';
	return parse_vpd(page, len, ret);
}

static uint64_t read_number(int dirfd, const char *name, const char *attribute)
{
	char path[320], value[32];

	snprintf(path, sizeof(path), "%s/%s", name, attribute);
	if (file_read(dirfd, path, value, sizeof(value)) < 0)
		return 0;
	return strtoull(value, NULL, 10);
}

/* Whether the disk `name`, or a partition of it (a directory in it with a `dev`), is
 * number `dev`. */
static bool is_or_has(int dirfd, const char *name, dev_t dev, bool look_inside)
{
	char path[600], value[32];
	unsigned major, minor;
	struct dirent *entry;
	bool found = false;
	int fd;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/dev", name);
	if (file_read(dirfd, path, value, sizeof(value)) >= 0 &&
		sscanf(value, "%u:%u", &major, &minor) == 2 &&
		makedev(major, minor) == dev)
		return true;
	if (!look_inside)
		return false;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	while (dir && !found && (entry = readdir(dir)))
		if (strncmp(entry->d_name, name, strlen(name)) == 0)
			found = is_or_has(fd, entry->d_name, dev, false);
	if (dir)
		closedir(dir);
	return found;
}

/* Disks of one driver differ in letters (sda, sdaa) or in numbers (nvme0n1, nvme10n1). */
static int compare_devices(const void *a, const void *b)
{
	const char *x = ((const struct device *)a)->name;
	const char *y = ((const struct device *)b)->name;
	size_t x_len = strlen(x), y_len = strlen(y);
	bool lettered = !strpbrk(x, "0123456789") && !strpbrk(y, "0123456789");

	if (lettered && strncmp(x, y, 2) == 0 && x_len != y_len)
		return x_len < y_len ? -1 : 1;
	return strverscmp(x, y);
}

static bool describe(int dirfd, const char *name, dev_t hidden, struct device *ret)
{
	struct device d = {0};
	uint64_t sectors;

	if (name[0] == '.' || strlen(name) >= sizeof(d.name))
		return false;
	sectors = read_number(dirfd, name, "size");
	if (sectors == 0 || sectors > INT64_MAX / SECTOR ||
		is_or_has(dirfd, name, hidden, true))
		return false;
	strcpy(d.name, name);
	d.size = sectors * SECTOR;
	d.read_only = read_number(dirfd, name, "ro") != 0;
	device_serial(dirfd, ".", name, d.serial);
	*ret = d;
	return true;
}

struct device *devices_list(const char *sys, dev_t hidden, size_t max, size_t *ret_len)
{
	struct device *list = NULL;
	size_t len = 0, cap = 0;
	char path[300];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/block", sys);
	dir = opendir(path);
	while (dir && len < max && (entry = readdir(dir))) {
		if (len == cap) {
			struct device *more = realloc(list, (cap + 64) * sizeof(*list));

			if (!more)
				break;
			list = more;
			cap += 64;
		}
		if (describe(dirfd(dir), entry->d_name, hidden, &list[len]))
			len++;
	}
	if (dir)
		closedir(dir);
	if (len > 1)
		qsort(list, len, sizeof(*list), compare_devices);
	*ret_len = len;
	return list;
}
