/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks that the machine has got since its snapshot was taken. */
#pragma once

#include "base/error.h"

/* Before the snapshot: the disks that are there are stand-ins for those to come. */
int new_disks_make_places(struct error *err);
/* Afterwards: have the kernel see them, all `wanted` of them. */
int new_disks_find(unsigned wanted, struct error *err);
