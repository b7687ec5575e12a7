/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A kernel in the tree that it was built in, with modules that are not installed. */
#pragma once

#include <stdbool.h>

#include "base/architecture.h"
#include "base/error.h"

/*
 * Is what the user named a build tree, or the image in one? 1: *ret_tree is the tree and
 * *ret_image its image, new strings. 0: no. -1: it is a directory, and no build tree.
 */
int build_tree_find(const char *named, const struct architecture *architecture,
	char **ret_tree, char **ret_image, struct error *err);

/*
 * A directory as "make modules_install" would make it, with links to the tree's modules:
 * …/lib/modules/VERSION. It is removed when this process exits. A new string.
 */
char *build_tree_modules(const char *tree, const char *version, struct error *err);
