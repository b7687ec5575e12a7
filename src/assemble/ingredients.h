/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From inputs to the tree of an appliance:
 *
 *	base images, then directory trees    as they are, configuration files among them
 *	packages' files of the host          but no configuration, and not what is excluded
 *	hostfiles
 *	/packagelist                         if it is asked for
 *	the kernel's modules                 for a disk image
 *
 * Later ones override earlier ones.
 */
#pragma once

#include "appliance/assembly.h"
#include "assemble/spec.h"
#include "cache/stamp.h"
#include "kernel/kernel.h"
#include "packages/packages.h"
#include "tree/tree.h"

struct ingredients {
	struct spec spec;
	struct packages *packages; /* NULL: none are asked for */
	struct package_set set;
	struct kernel kernel; /* of a disk image */
	struct tree *tree;
	struct strvec unreadable; /* left out */
};

/* Modules that lead from a launcher's kernel to the root disk, and to what launchers
 * attach to talk to the appliance. NULL-terminated; a leading '?': where the kernel has
 * it. */
extern const char *const ingredients_boot_modules[];
extern const char *const ingredients_all_modules[];

/* What the kernel of a disk image is to be for: the processor that was named, else the
 * one here. */
const struct architecture *ingredients_architecture(
	const struct assembly *a, struct error *err);

/* Each path whose change would change the answer is added to the stamp, which was started
 * before. */
int ingredients_gather(const struct assembly *a, struct ingredients *in,
	struct stamp *stamp, struct error *err);
void ingredients_done(struct ingredients *in);
