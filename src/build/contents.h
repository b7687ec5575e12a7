/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What goes into the root file system: packages, the kernel's modules, and the few files
 * that no package brings.
 */
#pragma once

#include "appliance/appliance.h"
#include "build/boot-modules.h"
#include "cache/stamp.h"
#include "kernel/kernel.h"
#include "packages/packages.h"
#include "tree/tree.h"

struct contents {
	struct packages *packages;
	struct package_set set;
	struct kernel kernel;
	struct boot_route route;
	struct tree *tree;
	struct strvec unreadable; /* left out */
};

/* Read the host. Each path whose change would change the answer is added to the stamp,
 * which was started before. */
int contents_gather(const struct appliance_request *request, struct contents *c,
	struct stamp *stamp, struct error *err);
/* The kernel, and the first of the request's routes that it has the modules for.
 * `ret_rejected` as kernel_find() has it. */
int contents_find_kernel(const struct appliance_request *request, struct kernel *ret,
	struct boot_route *ret_route, struct strvec *ret_rejected, struct error *err);
void contents_done(struct contents *c);
