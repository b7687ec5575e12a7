/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the appliance's udevd knows of block devices, from its files in /run/udev. */
#pragma once

#include <stdbool.h>

/* Wait until it has dealt with all disks that the kernel has found; not for ever. */
void udev_settle(void);
/* The disks that it knows now will change: udev_settle() has to wait for each of them to be
 * dealt with again. */
void udev_expect_all_again(void);
/* Has any block device this property, with one of the values? The value may begin or end
 * with '*'. */
bool udev_has_property(const char *name, const char *value);
