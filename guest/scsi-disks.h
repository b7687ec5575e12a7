/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks on the virtio-scsi controller that the machine has got since its snapshot. */
#pragma once

#include "base/error.h"

/* Have the kernel see targets 0 to n - 1, in this order: so the first one is sda. */
int scsi_disks_find(unsigned n, struct error *err);
/* Have the kernel forget the disk at target 0. */
int scsi_disks_forget_first(struct error *err);
