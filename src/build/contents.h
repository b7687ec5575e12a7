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
	/* The one that was taken of the request's. */
	struct boot_route route;
};

/* Read the host. `c` may not be moved until contents_done(), which is called after a
 * failure, too. */
int contents_gather(const struct appliance_request *request, struct contents *c,
	struct stamp *stamp, struct error *err);
/* The kernel, and the first of the request's routes that it has the modules for.
 * `ret_rejected` as kernel_find() has it. */
int contents_find_kernel(const struct appliance_request *request, struct kernel *ret,
	struct boot_route *ret_route, struct strvec *ret_rejected, struct error *err);
void contents_done(struct contents *c);
