/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disks that a VM gets when it resumes from a snapshot: src/vm/snapshot.h tells the story. */
#pragma once

#include "base/error.h"

enum { DISK_SLOTS_MAX = 32 };

/* Part of the snapshot. */
struct disk_slots {
	/* virtio devices, in the order in which the kernel found them */
	char names[DISK_SLOTS_MAX][16];
	unsigned len;
	int bind_fd; /* the driver's file that binds one */
};

/* Before the snapshot: unbind the driver from the placeholders in the reserved slots. They
 * must be all the virtio disks that there are: with reserved slots the root is on a bus
 * of another kind. */
int disk_slots_release(struct disk_slots *slots, unsigned reserved, struct error *err);
/* Scan the bus for so many new disks. */
int disk_slots_scan(unsigned disks, struct error *err);
/* After the snapshot: bind the driver to the first `disks` slots, and scan the bus for
 * disks that are beyond the reserved slots. */
int disk_slots_fill(const struct disk_slots *slots, unsigned disks, struct error *err);
