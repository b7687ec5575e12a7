/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inode-blocks.h"

#include <string.h>

#include "base/mem.h"
#include "dir.h"
#include "plan.h"
#include "xattr.h"

static int write_symlink(const struct ext2_plan *p, const struct tree_inode *inode,
	inode_put_fn *put, void *data)
{
	CLEANUP_FREE uint8_t *block = xcalloc(1, p->block_size);

	memcpy(block, inode->target, inode->size);
	return put(block, data);
}

/* Only the first of the inodes that share the block has it among its own. */
static int write_xattrs(const struct ext2_plan *p, const struct tree_inode *inode,
	inode_put_fn *put, void *data)
{
	uint32_t index = p->inodes[inode->index].xattrs;
	CLEANUP(xattr_set_done) struct xattr_set set = {0};

	if (index == NO_XATTR_BLOCK || p->xattr_blocks.items[index].owner != inode->index)
		return 0;
	/* The plan has checked them. */
	if (xattr_set_init(&set, inode, p->block_size, NULL) < 0)
		return -1;
	CLEANUP_FREE uint8_t *block = xcalloc(1, p->block_size);
	xattr_write_block(
		&set, p->xattr_blocks.items[index].refcount, block, p->block_size);
	return put(block, data);
}

int inode_write_blocks(const struct ext2_plan *p, const struct tree_inode *inode,
	inode_put_fn *put, void *data)
{
	struct block_runs runs = plan_block_runs(p, inode);
	struct map_shape shape;

	map_measure(runs, p->block_size, &shape);
	uint32_t first = plan_first_block(p, inode, &shape);
	if (map_total(&shape) &&
		map_write(&p->layout, runs, p->inodes[inode->index].meta, first, put,
			data) < 0)
		return -1;
	if (S_ISDIR(inode->mode) && dir_write(p, inode, put, data) < 0)
		return -1;
	if (S_ISLNK(inode->mode) && shape.data_blocks &&
		write_symlink(p, inode, put, data) < 0)
		return -1;
	return write_xattrs(p, inode, put, data);
}

int inode_write_lost_found(const struct ext2_plan *p, inode_put_fn *put, void *data)
{
	return dir_write_empty(p, EXT2_FIRST_INO, EXT2_ROOT_INO, put, data);
}
