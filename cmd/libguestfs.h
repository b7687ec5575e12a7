/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of the libguestfs that is installed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The directory with what its appliance is made of. False: there is none. */
bool libguestfs_find_inputs(char *ret, size_t size);
