/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A package's file, put into a tree where the package has it. */
#pragma once

#include "packages/packages.h"
#include "tree/tree.h"

/* As tree_add_path(). */
enum tree_result package_file_add(struct tree *t, const char *root,
	const struct package_file *file, struct error *err);
