/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names in one directory, with a hash index once there are many. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strmap.h"

struct tree;
struct tree_entry;
struct tree_inode;

struct tree_dir {
	/* A name that was taken out stays, without an inode, until tree_dir_settle(). */
	struct tree_entry *items;
	uint32_t len, cap;
	/* Positions in items, plus 1, by name; empty while there are few names. */
	struct strmap index;
	bool sorted;
	/* The root's parent is the root. */
	struct tree_inode *parent;
	/* Its name in the parent, as long as it is in the tree. */
	const char *name;
	/* The next of all directories of the tree. */
	struct tree_dir *next;
};

/* NULL if the name is not there. Names need no NUL behind them. */
struct tree_entry *tree_dir_find(const struct tree_dir *d, const char *name, size_t len);
/* Add a name, which must not be there. It is copied. */
struct tree_entry *tree_dir_add(
	struct tree *t, struct tree_dir *d, const char *name, size_t len);
/* Drop the names that were taken out, sort, and free the index. */
void tree_dir_settle(struct tree_dir *d);
