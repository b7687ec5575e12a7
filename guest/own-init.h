/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The other way to boot: for an appliance that has its own /init, and a launcher that is
 * not ours. A file in the initrd says so. The root is mounted writable, nothing is mounted
 * on it, and its /init becomes the first process.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

bool own_init_wanted(void);
/* Returns only if it fails. */
int own_init_boot(struct error *err);
