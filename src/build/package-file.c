/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "build/package-file.h"

#include <string.h>

enum tree_result package_file_add(struct tree *t, const char *root,
	const struct package_file *file, struct error *err)
{
	if (file->target)
		return tree_add_file(t, file->path,
			&(struct tree_file){.mode = S_IFLNK | 0777,
				.data = file->target,
				.len = strlen(file->target)},
			err);
	return tree_add_path_as(
		t, root, file->source ? file->source : file->path, file->path, err);
}
