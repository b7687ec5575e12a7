/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A way to boot: a machine and a bus for the root disk, by a name, and the kernel modules
 * that lead to the root disk and to the agent, in the order in which they are loaded.
 * Requests have them as text, "NAME:MODULE,MODULE…".
 */
#pragma once

#include "base/vector.h"

struct boot_route {
	char *name;
	/* As kernel_request.needs has them. */
	struct strvec modules;
};

/* Caller frees. */
char *boot_route_text(const char *name, const struct strvec *modules);
void boot_route_parse(const char *text, struct boot_route *ret);
void boot_route_done(struct boot_route *route);

/* For a request that names none. */
#define BOOT_ROUTE_DEFAULT "virtio-blk:virtio_pci,virtio_blk,virtio_console"
