/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What goes into the root file system of an appliance in the cache: packages, the
 * kernel's modules, and the few files that no package brings; or an image, and the modules.
 */
#pragma once

#include "appliance/appliance.h"
#include "appliance/boot-route.h"
#include "appliance/image-config.h"
#include "build/gather.h"

struct contents {
	struct gather got;
	/* The first route of the request that the kernel has the modules for. */
	struct boot_route route;
	/* Of a request with an image. */
	struct image_config image;
};

/* Read the host. Archives of an image wait in `spool_dir`. `c` may not be moved until
 * contents_done(), which is called after a failure, too. */
int contents_gather(const struct appliance_request *request, const char *spool_dir,
	struct contents *c, struct stamp *stamp, struct error *err);
/* Choose the kernel and the route: the first route of the request that some kernel has the
 * modules for, and the best of these kernels. `ret_rejected` as kernel_find() has it. */
int contents_find_kernel(const struct appliance_request *request, struct kernel *ret,
	struct boot_route *ret_route, struct strvec *ret_rejected, struct error *err);
void contents_done(struct contents *c);
