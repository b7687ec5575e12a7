/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order in which a launcher attached its disks, by their addresses. Their names do not
 * tell it: the kernel probes several SCSI disks at a time, and names them as it finds them.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct disk_order {
	/* SCSI: 2, host, channel, target, unit; virtio: 1, number; what has no address:
	 * 0. */
	unsigned numbers[5];
};

/* `address` is the last component of where /sys/class/block/NAME/device leads. Pure. */
struct disk_order disk_order_parse(const char *address);
struct disk_order disk_order_of(const char *name);
/* Was a attached after b? */
bool disk_order_after(const struct disk_order *a, const struct disk_order *b);

/* "sdc" as a launcher means it: the third SCSI disk in this order, whatever its name is
 * here. False if there are fewer disks, or if the name has another form. */
bool disk_order_find(const char *meant, char ret_name[static 64]);
/* The form: "sd" and letters. 0 for "sda"; -1 if it is another. Pure. */
int disk_order_index(const char *name);

/*
 * Wait, a few seconds at most, until each SCSI disk that was found on its bus can be
 * opened. (Of other buses all disks are there when the modules are loaded.)
 */
void disk_order_settle(int uevents);
