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
#include "build/gather.h"

struct ingredients {
	struct spec spec;
	/* The kernel is that of a disk image. */
	struct gather got;
};

/* Modules for the root disk, and for the devices by which launchers talk to the
 * appliance. The second list has those, too, that are loaded only if the others do not
 * lead to the root disk. NULL-terminated; a leading '?': if the kernel has it. */
extern const char *const ingredients_boot_modules[];
extern const char *const ingredients_all_modules[];

/* The architecture of a disk image's kernel: of the processor that was named, else of
 * this host. */
const struct architecture *ingredients_architecture(
	const struct assembly *a, struct error *err);

/* Each path whose change would change the answer is added to the stamp, which was started
 * before. `in` may not be moved until ingredients_done(), which is called after a failure,
 * too. */
int ingredients_gather(const struct assembly *a, struct ingredients *in,
	struct stamp *stamp, struct error *err);
void ingredients_done(struct ingredients *in);
