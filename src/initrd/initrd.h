/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The initrd: a newc cpio with one static program and the modules that lead to the root
 * disk.
 *
 *	/init                  the guest binary
 *	/dev/console           opened by the kernel as init's streams, before any mount
 *	/modules/000-NAME.ko   loaded in the order of their names
 *	/modules-later/        loaded the same way, but only when they are needed (boot.h)
 *	/dev /proc /sys        to mount on; empty, except for /dev/console
 *	/own-init              says that the appliance has an /init of its own to execute
 *
 * Uncompressed: unpacking is slower than reading. The same input gives the same bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The names have three digits: with more modules they would sort wrongly. */
#define INITRD_MODULES_MAX 1000

struct initrd_module {
	const char *name; /* "virtio_blk" */
	const uint8_t *data;
	size_t len;
	bool later;
};

/* Write to fd from its current position. */
int initrd_write(int fd, const uint8_t *init, size_t init_len,
	const struct initrd_module *modules, size_t n_modules, bool own_init,
	struct error *err);
