/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks on the virtio-scsi controller that the machine has got since its snapshot. */
#pragma once

#include "base/error.h"

/* Have the kernel see targets 0 to n - 1, in this order: so the first one is sda. */
int scsi_disks_find(unsigned n, struct error *err);
