/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the bus that is nearest to a disk to the one that is farthest: where something is
 * on one and nothing on the one before, the driver between them is missing or failed.
 */
#include "guest/buses.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "guest/file.h"

static const struct {
	const char *name;
	const char *attributes[2]; /* what tells a device's kind */
} buses[] = {
	{"scsi", {"vendor", "model"}},
	{"nd", {"devtype", NULL}},
	{"virtio", {"device", NULL}},
	{"pci", {"vendor", "device"}},
};

struct text {
	char *data;
	size_t len, size;
};

static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	if (t->len + 1 >= t->size)
		return;
	va_start(ap, fmt);
	t->len += vsnprintf(t->data + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	t->len = MIN(t->len, t->size - 1);
}

static void add_device(struct text *t, int dirfd, const char *name, size_t bus)
{
	const char *separator = " (";

	add(t, " %s", name);
	for (int i = 0; i < 2 && buses[bus].attributes[i]; i++) {
		char path[300], value[64];

		snprintf(path, sizeof(path), "%s/%s", name, buses[bus].attributes[i]);
		if (file_read_line(dirfd, path, value, sizeof(value)) <= 0)
			continue;
		add(t, "%s%s", separator, value);
		separator = ":";
	}
	if (*separator == ':')
		add(t, ")");
}

static void add_bus(struct text *t, const char *sys, size_t bus)
{
	char path[300];
	struct dirent *entry;
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/bus/%s/devices", sys, buses[bus].name);
	DIR *dir = opendir(path);
	add(t, "%s%s:", t->len ? "; " : "", buses[bus].name);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			add_device(t, dirfd(dir), entry->d_name, bus);
			n++;
		}
	if (dir)
		closedir(dir);
	if (n == 0)
		add(t, " none");
}

void buses_describe(const char *sys, char *ret, size_t size)
{
	struct text t = {.data = ret, .size = size};

	ret[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(buses); i++)
		add_bus(&t, sys, i);
}
