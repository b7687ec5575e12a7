/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing the files of an appliance: kernel, initrd and root image, each to an empty file. */
#pragma once

#include <signal.h>

#include "kernel/kernel.h"
#include "tree/tree.h"

/* The ELF inside the image where there is one, else the image. */
int image_write_kernel(const char *image, int fd, struct error *err);
/* The image as it is. */
int image_copy_kernel(const char *image, int fd, struct error *err);
/* It has the modules of `all`, and loads those that are not in `modules` only when they are
 * needed. With own_init it executes the appliance's own /init, else it starts the agent. */
int image_write_initrd(const struct kernel_modules *modules,
	const struct kernel_modules *all, bool keep_signatures, bool own_init,
	const void *guest, size_t guest_len, int fd, struct error *err);
int image_write_root(const struct tree *tree, int fd,
	const volatile sig_atomic_t *interrupted, char ret_uuid[static 37],
	struct error *err);
