/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The other way to boot: an appliance that brings its own /init, which a launcher of its
 * own boots with a command line of its own. The initrd says so by a file. The root is
 * mounted writable and nothing is mounted on it; then its /init is the first process.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

bool own_init_wanted(void);
/* Returns only if it fails. */
int own_init_boot(struct error *err);
