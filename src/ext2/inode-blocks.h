/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An inode's blocks in the plan's first zone: its map, then a directory's names or a long
 * symlink's target, then attributes. */
#pragma once

#include <stdint.h>

struct ext2_plan;
struct tree_inode;

typedef int inode_put_fn(const void *block, void *data);

/* Hand them out in ascending order, as many as the plan has; -1 as soon as put() says so. */
int inode_write_blocks(const struct ext2_plan *p, const struct tree_inode *inode,
	inode_put_fn *put, void *data);
/* The one block of the lost+found that is not in the tree. */
int inode_write_lost_found(const struct ext2_plan *p, inode_put_fn *put, void *data);
