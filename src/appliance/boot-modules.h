/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel modules that lead to the root disk and to the agent. Private to
 * src/appliance. */
#pragma once

#include <stddef.h>

/* Each must be a module of the kernel or built into it. */
static const char *const boot_modules[] = {
	"virtio_pci",	  /* the bus */
	"virtio_blk",	  /* the root disk */
	"ext4",		  /* its file system: mounts ext2 too */
	"overlay",	  /* a writable / above it */
	"virtio_console", /* the agent's port */
	NULL,
};
