/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks on the virtio-scsi controller that the machine has got since its snapshot. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

enum { SCSI_DISK_NAME_MAX = 31 };

/* The machine has such a controller. */
bool scsi_disks_can_be(void);
/* Have the kernel see targets `first` to n - 1, in this order: so target 0 is sda. */
int scsi_disks_find(unsigned first, unsigned n, struct error *err);
/* Have the kernel ask the disk at target 0, which was another before the snapshot, for its
 * size, its attributes and its partitions, and announce it. */
int scsi_disks_change_first(struct error *err);
