/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disks that a VM gets when it goes on from a snapshot: src/vm/snapshot.h tells the story. */
#pragma once

#include "base/error.h"

/* Before the snapshot: unbind the driver from the placeholders in the reserved slots. They
 * must be all the virtio disks that there are: with reserved slots the root is on a bus
 * of another kind. */
int disk_slots_release(unsigned reserved, struct error *err);
/* After the snapshot: bind the driver to the first `disks` slots, and scan the bus for
 * disks that are beyond the reserved slots. */
int disk_slots_fill(unsigned disks, struct error *err);
