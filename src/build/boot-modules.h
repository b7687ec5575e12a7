/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel modules that the boot needs: those of a route, which lead to the root disk
 * and to the agent, and behind them those of what is made of the disk.
 */
#pragma once

#include "base/vector.h"

/* One of a request's routes, taken apart. */
struct boot_route {
	char *name;
	struct strvec modules; /* as kernel_request.needs has them */
};

/* The route of this text, "NAME:MODULE,MODULE…". */
void boot_route_parse(const char *text, struct boot_route *ret);
void boot_route_done(struct boot_route *route);

/* For a request that names none. */
#define BOOT_ROUTE_DEFAULT "virtio-blk:virtio_pci,virtio_blk,virtio_console"
