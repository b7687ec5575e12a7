/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The times of directories, from the files in them. */
#include "build/directory-times.h"

void directory_times_set(const struct tree *t)
{
	/* Backwards, since a directory is numbered before everything in it. */
	for (uint32_t i = tree_inode_count(t); i-- > 0;) {
		struct tree_inode *dir = tree_inode_at(t, i);
		size_t n = 0;
		const struct tree_entry *entries =
			S_ISDIR(dir->mode) ? tree_dir_entries(dir, &n) : NULL;
		if (S_ISDIR(dir->mode))
			dir->mtime = n ? entries[0].inode->mtime : (struct tree_time){0};
		for (size_t k = 1; k < n; k++)
			if (tree_time_is_later(&entries[k].inode->mtime, &dir->mtime))
				dir->mtime = entries[k].inode->mtime;
	}
}
