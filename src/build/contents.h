/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What goes into the root file system of an appliance in the cache: packages, the
 * kernel's modules, and the few files that no package brings.
 */
#pragma once

#include "appliance/appliance.h"
#include "appliance/boot-route.h"
#include "build/gather.h"

struct contents {
	struct gather got;
	/* The first route of the request that the kernel has the modules for. */
	struct boot_route route;
};

/* Read the host. `c` may not be moved until contents_done(), which is called after a
 * failure, too. */
int contents_gather(const struct appliance_request *request, struct contents *c,
	struct stamp *stamp, struct error *err);
/* Choose the kernel and the route: the first route of the request that some kernel has the
 * modules for, and the best of these kernels. `ret_rejected` as kernel_find() has it. */
int contents_find_kernel(const struct appliance_request *request, struct kernel *ret,
	struct boot_route *ret_route, struct strvec *ret_rejected, struct error *err);
void contents_done(struct contents *c);
