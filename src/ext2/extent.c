/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From an offset of the image to what lies there: the way back from layout.c, which gives a
 * place its address. Nothing is looked up but the plan, so this is cheap and needs no lock.
 */
#include <assert.h>

#include "base/mem.h"
#include "ext2.h"
#include "group.h"
#include "plan.h"

/* Blocks of the image that are alike, from the first one on. */
struct stretch {
	enum ext2_extent_kind kind;
	uint32_t blocks;
	/* Of content: the file, and which of its blocks the first one is. */
	const struct tree_inode *file;
	uint64_t file_block;
};

static struct stretch content_at(const struct ext2_plan *p, uint32_t content)
{
	uint32_t index = plan_owner_of_content(p, content);
	const struct tree_inode *file = tree_inode_at(p->tree, index);
	struct block_runs runs = plan_block_runs(p, file);
	uint64_t skip = content - p->inodes[index].content;
	struct block_run run;

	assert(S_ISREG(file->mode));
	while (block_runs_next(&runs, &run) && run.count <= skip)
		skip -= run.count;
	return (struct stretch){.kind = EXT2_CONTENT,
		.blocks = MIN(run.count - skip, UINT32_MAX),
		.file = file,
		.file_block = run.first + skip};
}

/* `rest`: how many data blocks are neighbours of this one, with it. */
static struct stretch data_at(const struct ext2_plan *p, uint32_t data, uint32_t rest)
{
	struct stretch s = {EXT2_ZEROS, rest, NULL, 0};

	if (data < p->meta_blocks)
		s = (struct stretch){EXT2_METADATA, p->meta_blocks - data, NULL, 0};
	else if (data < p->used_blocks)
		s = content_at(p, data - p->meta_blocks);
	s.blocks = MIN(s.blocks, rest);
	return s;
}

static struct stretch stretch_at(const struct ext2_plan *p, uint32_t block)
{
	const struct layout *l = &p->layout;

	if (block < l->first_block)
		return (struct stretch){EXT2_ZEROS, l->first_block - block, NULL, 0};
	uint32_t group = layout_group_of(l, block);
	uint32_t n = block - layout_group_start(l, group);
	uint32_t own = layout_overhead(l, group), used = group_used_blocks(p, group);

	if (n < used)
		return (struct stretch){EXT2_METADATA, used - n, NULL, 0};
	if (n < own)
		return (struct stretch){EXT2_ZEROS, own - n, NULL, 0};
	return data_at(
		p, l->first_data[group] + n - own, layout_group_blocks(l, group) - n);
}

struct ext2_extent ext2_extent_at(const struct ext2_plan *p, uint64_t offset)
{
	const uint32_t shift = p->layout.block_shift;
	uint64_t block = offset >> shift, skip = offset & (p->block_size - 1);

	assert(offset < p->layout.size);
	if (block >= p->layout.blocks)
		return (struct ext2_extent){EXT2_ZEROS, p->layout.size - offset, NULL, 0};
	struct stretch s = stretch_at(p, block);
	struct ext2_extent e = {s.kind, ((uint64_t)s.blocks << shift) - skip, s.file, 0};
	if (s.kind != EXT2_CONTENT)
		return e;
	e.offset = (s.file_block << shift) + skip;
	/* Its last block is filled up with zeros. */
	if (e.offset >= s.file->size)
		return (struct ext2_extent){EXT2_ZEROS, p->block_size - skip, NULL, 0};
	e.len = MIN(e.len, s.file->size - e.offset);
	return e;
}
