/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Container images, and archives of root file systems, as what goes into a root:
 *
 *	index.json ──► manifest ──► configuration ──► how its command runs
 *	                   └──────► layers, the lowest first ──► tree
 *
 * All that an index, a manifest or a configuration names is named by its digest, and has that
 * digest or is an error.
 */
#pragma once

#include "appliance/image-config.h"
#include "base/architecture.h"
#include "cache/stamp.h"
#include "tree/tree.h"

struct image_input {
	/* As image-name.h has it. */
	const char *name;
	const struct architecture *architecture;
	/* Gets the files that are read. */
	struct stamp *stamp;
	/* Where archives are unpacked. */
	const char *spool_dir;
};

/* Put the image's files into the tree. Of an archive of a root file system *ret is empty. */
int image_add(struct tree *t, const struct image_input *input, struct image_config *ret,
	struct error *err);
