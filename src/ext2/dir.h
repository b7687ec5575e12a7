/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directory blocks: a plain list of names if one block holds them, else a hash tree. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct dir_shape;
struct ext2_plan;
struct tree_inode;

void dir_measure(
	const struct ext2_plan *p, const struct tree_inode *dir, struct dir_shape *ret);

/* Hand out the directory's blocks in ascending order, in the shape that the plan has. */
typedef int dir_put_fn(const void *block, void *data);
int dir_write(const struct ext2_plan *p, const struct tree_inode *dir, dir_put_fn *put,
	void *data);
/* The same for an empty directory that is not in the tree. */
int dir_write_empty(const struct ext2_plan *p, uint32_t ino, uint32_t parent_ino,
	dir_put_fn *put, void *data);
