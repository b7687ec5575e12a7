/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks that the machine has got since its snapshot was taken. */
#pragma once

#include "base/error.h"

/* Before the snapshot: so many disks are there, and stand in for those to come. With any
 * of them the root is on another kind of bus. */
int new_disks_make_places(unsigned stand_ins, struct error *err);
/* Afterwards: have the kernel see them, all `wanted` of them. */
int new_disks_find(unsigned wanted, struct error *err);
