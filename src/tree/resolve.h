/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths inside the tree, resolved as the kernel would with the tree as its root: a
 * symlink's absolute target starts at the tree's root, and `..` at the root stays there.
 */
#pragma once

#include "tree/node.h"

enum tree_walk {
	/* Missing directories are TREE_ABSENT. */
	TREE_WALK_FIND,
	/* Missing directories are made; a file in the way becomes one. */
	TREE_WALK_MAKE,
};

/* `path` need not be a single name. */
enum tree_result resolve_dir(struct tree *t, enum tree_walk how,
	const struct tree_spot *path, struct tree_inode **ret_dir, struct error *err);
/* The spot of a path's last name. A path that ends in "." or ".." is a directory itself:
 * the spot has no name. */
enum tree_result resolve_spot(struct tree *t, enum tree_walk how, struct tree_inode *from,
	const char *path, struct tree_spot *ret, struct error *err);
