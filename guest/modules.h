/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The initrd's kernel modules. */
#pragma once

#include <stdbool.h>

enum { MODULE_FAILURE_SIZE = 384 };

/*
 * Load `dir`/NNN-NAME.ko in the order of the names. A module that can't be loaded does not
 * end the boot: what is missing shows when a device does not appear. `failure` then
 * explains that: if it is "", it gets the first failure.
 */
void modules_load(const char *dir, bool dax, char failure[static MODULE_FAILURE_SIZE]);
