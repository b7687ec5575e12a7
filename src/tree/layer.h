/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layers of container images (OCI). A layer changes what the layers below it have, and says
 * by names of empty files what it removes:
 *
 *	dir/.wh.NAME        NAME
 *	dir/.wh..wh..opq    everything in dir
 *
 * Files of the same layer stay, whether they come before the whiteout or after it.
 */
#pragma once

#include "tree/node.h"

struct layer {
	struct tree *t;
	/* The names that the layer has added, and those of the directories that lead to them. */
	struct strmap own;
};

bool layer_is_whiteout(const char *path);
/* `layer` NULL: the archive is no layer, and a whiteout is an error. */
int layer_apply(
	struct layer *layer, struct tree_inode *at, const char *path, struct error *err);
/* The layer has added this name. `layer` may be NULL. */
void layer_note(struct layer *layer, const struct tree_spot *spot);
void layer_done(struct layer *layer);
