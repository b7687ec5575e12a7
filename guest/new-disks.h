/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks that the machine has got since its snapshot was taken. */
#pragma once

#include "base/error.h"

/* Have the kernel see them, all `wanted` of them. */
int new_disks_find(unsigned wanted, struct error *err);
