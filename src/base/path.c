/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Joining without a slash too many: "/" is the root that has none to give. */
#include "base/path.h"

#include <string.h>

#include "base/mem.h"

char *path_below(const char *root, const char *path)
{
	return xasprintf("%s%s", strcmp(root, "/") == 0 ? "" : root, path);
}
