/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree/put.h"

#include <errno.h>

#include "tree/resolve.h"

int tree_put(struct tree *t, const struct tree_spot *spot, const struct tree_inode *file,
	struct tree_inode **ret_inode, struct error *err)
{
	struct tree_inode *into = node_at(spot);

	if (!S_ISDIR(file->mode)) {
		if (spot->len == 0)
			return error_set(err, EISDIR, "put a file there");
		return node_add(t, spot, file, ret_inode, err);
	}
	if (into && S_ISLNK(into->mode) &&
		resolve_dir(t, TREE_WALK_MAKE, spot, &into, err) < 0)
		return -1;
	if (!into || !S_ISDIR(into->mode))
		return node_add(t, spot, file, ret_inode, err);
	node_update_dir(t, into, file);
	*ret_inode = into;
	return 0;
}
