/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the plan: numbers and addresses that follow from what planner.c has decided. */
#include "plan.h"

#include <string.h>

static uint32_t first_number(const struct ext2_plan *p)
{
	return EXT2_FIRST_INO + (p->add_lost_found ? 1 : 0);
}

uint32_t plan_inode_number(const struct ext2_plan *p, uint32_t index)
{
	return index == 0 ? EXT2_ROOT_INO : first_number(p) + index - 1;
}

uint32_t plan_last_inode(const struct ext2_plan *p)
{
	return first_number(p) + p->n_inodes - 2;
}

const struct tree_inode *plan_inode_by_number(const struct ext2_plan *p, uint32_t ino)
{
	if (ino == EXT2_ROOT_INO)
		return tree_root(p->tree);
	if (ino < first_number(p) || ino > plan_last_inode(p))
		return NULL;
	return tree_inode_at(p->tree, ino - first_number(p) + 1);
}

const struct plan_dir *plan_dir(const struct ext2_plan *p, const struct tree_inode *dir)
{
	return &p->dirs.items[p->inodes[dir->index].dir];
}

static uint32_t meta_of(const struct ext2_plan *p, uint32_t index)
{
	return p->inodes[index].meta;
}

static uint32_t content_of(const struct ext2_plan *p, uint32_t index)
{
	const struct plan_inode *planned = &p->inodes[index];

	return S_ISDIR(tree_inode_at(p->tree, index)->mode)
		? p->dirs.items[planned->dir].content
		: planned->content;
}

/* The last inode whose first number is not above this one. Those without a block have the
 * number of the next one that has some, and stand before it. */
static uint32_t find_owner(const struct ext2_plan *p, uint32_t number,
	uint32_t (*first)(const struct ext2_plan *p, uint32_t index))
{
	uint32_t low = 0, high = p->n_inodes;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (first(p, middle) <= number)
			low = middle;
		else
			high = middle;
	}
	return low;
}

uint32_t plan_owner_of_meta(const struct ext2_plan *p, uint32_t data)
{
	return find_owner(p, data, meta_of);
}

uint32_t plan_owner_of_content(const struct ext2_plan *p, uint32_t content)
{
	return find_owner(p, content, content_of);
}

struct block_runs plan_block_runs(
	const struct ext2_plan *p, const struct tree_inode *inode)
{
	struct block_runs runs;

	if (S_ISREG(inode->mode))
		block_runs_init_file(&runs, inode, __builtin_ctz(p->block_size));
	else if (S_ISDIR(inode->mode))
		block_runs_init_whole(&runs, plan_dir(p, inode)->shape.blocks);
	else if (S_ISLNK(inode->mode) && inode->size >= EXT2_FAST_SYMLINK)
		block_runs_init_whole(&runs, 1);
	else
		block_runs_init_whole(&runs, 0);
	return runs;
}

uint32_t plan_content_block(const struct ext2_plan *p, const struct tree_inode *file)
{
	return p->meta_blocks + p->inodes[file->index].content;
}

uint32_t plan_first_block(const struct ext2_plan *p, const struct tree_inode *inode,
	const struct map_shape *shape)
{
	if (S_ISREG(inode->mode))
		return plan_content_block(p, inode);
	return p->inodes[inode->index].meta + map_total(shape);
}

void ext2_plan_free(struct ext2_plan *p)
{
	if (!p)
		return;
	layout_done(&p->layout);
	vector_done(&p->dirs);
	vector_done(&p->xattr_blocks);
	free(p->inodes);
	free(p->group_dirs);
	free(p);
}

void ext2_plan_summary(const struct ext2_plan *p, struct ext2_summary *ret)
{
	*ret = (struct ext2_summary){
		.size = p->layout.size,
		.block_size = p->block_size,
		.blocks = p->layout.blocks,
		.free_blocks = layout_data_blocks(&p->layout) - p->used_blocks,
		.inodes = layout_inodes(&p->layout),
		.free_inodes = layout_inodes(&p->layout) - plan_last_inode(p),
		.groups = p->layout.groups,
	};
	memcpy(ret->uuid, p->uuid, sizeof(ret->uuid));
}
