/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disks of this machine, as /sys shows them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Disks and partitions. */
#define BLOCK_CLASS "/sys/class/block"

enum {
	DEVICE_NAME_SIZE = 32,
	DEVICE_SERIAL_SIZE = 64,
};

struct device {
	char name[DEVICE_NAME_SIZE];
	char serial[DEVICE_SERIAL_SIZE];
	uint64_t size; /* bytes */
	bool read_only;
};

/*
 * Whole disks with something in them, in the order of their names (vda … vdz, vdaa),
 * without the disk that `hidden` is or is a partition of. `sys` is "/sys" or a fixture.
 * New memory for the caller to free, at most `max` of them; NULL if there are none.
 */
struct device *devices_list(const char *sys, dev_t hidden, size_t max, size_t *ret_len);

/* The serial number of the disk `name` in the class directory; false if its kind has none
 * to say. */
bool device_serial(int dirfd, const char *class, const char *name,
	char ret[static DEVICE_SERIAL_SIZE]);
