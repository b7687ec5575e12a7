/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens when inputs meet. Inputs fill a struct tree_inode on their stack and hand
 * it to tree_put().
 */
#pragma once

#include "tree/node.h"

/*
 * Put a file at a spot. A directory that meets a directory, or a symlink to one, gives it
 * its metadata; any other file takes the spot over. At a spot without a name only a
 * directory can be put.
 */
int tree_put(struct tree *t, const struct tree_spot *spot, const struct tree_inode *file,
	struct tree_inode **ret_inode, struct error *err);
