/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A list of the devices, for the message of a boot that found no root disk. */
#pragma once

#include <stddef.h>

/*
 * "virtio: virtio0 (3); pci: 0000:00:02.0 (0x1af4:0x1003); scsi: none": the devices on
 * each bus that the root could be behind. `sys` is "/sys" or a fixture. Cut at `size`.
 */
void buses_describe(const char *sys, char *ret, size_t size);
