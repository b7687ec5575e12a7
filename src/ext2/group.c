/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "group.h"

#include <string.h>

#include "inode.h"
#include "plan.h"
#include "super.h"

static uint32_t table_start(const struct ext2_plan *p, uint32_t group)
{
	return layout_overhead(&p->layout, group) - p->layout.table_blocks;
}

static uint32_t inodes_per_block(const struct ext2_plan *p)
{
	return p->block_size / EXT2_INODE_SIZE;
}

uint32_t group_used_blocks(const struct ext2_plan *p, uint32_t group)
{
	uint32_t per_block = inodes_per_block(p);

	return table_start(p, group) +
		(super_used_inodes(p, group) + per_block - 1) / per_block;
}

static void write_descriptors(const struct ext2_plan *p, uint32_t n, uint8_t *block)
{
	const uint32_t per_block = p->block_size / EXT2_DESC_SIZE;
	struct disk_group *descriptors = (struct disk_group *)block;

	for (uint32_t i = 0; i < per_block && n * per_block + i < p->layout.groups; i++)
		super_encode_group(p, n * per_block + i, &descriptors[i]);
}

/* False: the inode is not in use, or a reserved one that is empty. */
static bool encode_inode(const struct ext2_plan *p, uint32_t ino, struct disk_inode *ret)
{
	const struct tree_inode *inode = plan_inode_by_number(p, ino);

	if (inode)
		inode_encode(p, inode, ret);
	else if (ino == EXT2_FIRST_INO && p->add_lost_found)
		inode_encode_lost_found(p, ret);
	else
		return false;
	return true;
}

static bool write_inodes(
	const struct ext2_plan *p, uint32_t group, uint32_t n, uint8_t *block)
{
	const uint32_t per_block = inodes_per_block(p);
	struct disk_inode *inodes = (struct disk_inode *)block;
	uint32_t used = super_used_inodes(p, group), first = n * per_block;
	uint32_t ino = group * p->layout.inodes_per_group + 1 + first;
	bool any = false;

	for (uint32_t i = 0; i < per_block && first + i < used; i++)
		any |= encode_inode(p, ino + i, &inodes[i]);
	return any;
}

bool group_write_block(
	const struct ext2_plan *p, uint32_t group, uint32_t n, uint8_t *block)
{
	uint32_t table = table_start(p, group);

	memset(block, 0, p->block_size);
	if (n >= table)
		return write_inodes(p, group, n - table, block);
	if (n == table - 1) {
		super_fill_inode_bitmap(p, group, block);
	} else if (n == table - 2) {
		super_fill_block_bitmap(p, group, block);
	} else if (n > 0) {
		write_descriptors(p, n - 1, block);
	} else {
		struct disk_super super;
		bool is_first = layout_group_start(&p->layout, group) == 0;
		super_encode(p, group, &super);
		memcpy(block + (is_first ? EXT2_SUPER_OFFSET : 0), &super, sizeof(super));
	}
	return true;
}
