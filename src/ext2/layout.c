/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Geometry. The number of groups depends on the demand, but each group costs blocks of its
 * own, and all groups have the same number of inodes. So each candidate is computed in
 * full and then checked: does it hold the demand? Candidates are computed in 64 bits.
 */
#include "layout.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "base/mem.h"
#include "disk.h"

/*
 * With a given size, how much free space gets one spare inode: as in mke2fs up to a million
 * inodes, after that much more space per inode, since each costs 256 bytes that every
 * e2fsck reads.
 */
#define SPACE_PER_INODE	      (16 * 1024)
#define DENSE_INODES	      (1024 * 1024)
#define SPACE_PER_LATER_INODE (1024 * 1024)

/* Keeps the reserved inodes together in group 0. */
#define MIN_INODES_PER_GROUP 16

static uint64_t divide_up(uint64_t n, uint64_t by)
{
	return n / by + (n % by != 0);
}

/* A group's bitmaps are one block each: this limits its blocks and its inodes. */
static uint32_t bits_per_block(const struct layout *l)
{
	return l->block_size * 8;
}

bool layout_group_has_super(uint32_t group)
{
	if (group <= 1)
		return true;
	for (uint32_t base = 3; base <= 7; base += 2) {
		uint64_t power = base;
		while (power < group)
			power *= base;
		if (power == group)
			return true;
	}
	return false;
}

static uint32_t count_supers(uint64_t groups)
{
	uint32_t n = MIN(groups, 2);

	for (uint32_t base = 3; base <= 7; base += 2)
		for (uint64_t power = base; power < groups; power *= base)
			n++;
	return n;
}

uint32_t layout_overhead(const struct layout *l, uint32_t group)
{
	return (layout_group_has_super(group) ? 1 + l->descriptor_blocks : 0) + 2 +
		l->table_blocks;
}

static uint64_t total_overhead(const struct layout *l, uint64_t groups)
{
	return groups * (2 + l->table_blocks) +
		count_supers(groups) * (uint64_t)(1 + l->descriptor_blocks);
}

/* Compute what depends on the number of groups alone. False: too few groups, or too many. */
static bool set_groups(struct layout *l, uint64_t groups, uint64_t inodes)
{
	/* Whole bytes of the bitmap, whole blocks of the table. */
	uint64_t unit = MAX(8, l->block_size / EXT2_INODE_SIZE);
	uint64_t per_group = MAX(divide_up(inodes, groups), MIN_INODES_PER_GROUP);

	per_group = divide_up(per_group, unit) * unit;
	if (per_group > bits_per_block(l) || groups * per_group > UINT32_MAX)
		return false;
	l->groups = groups;
	l->inodes_per_group = per_group;
	l->table_blocks = per_group * EXT2_INODE_SIZE / l->block_size;
	l->descriptor_blocks = divide_up(groups * EXT2_DESC_SIZE, l->block_size);
	return layout_overhead(l, 0) < bits_per_block(l);
}

/* A file system of this many blocks, without a last group that could hold no data. */
static bool try_blocks(struct layout *l, uint64_t blocks, uint32_t blocks_per_group,
	uint64_t inodes, uint64_t need)
{
	for (;;) {
		if (blocks <= l->first_block || blocks > UINT32_MAX)
			return false;
		uint64_t groups = divide_up(blocks - l->first_block, blocks_per_group);
		if (!set_groups(l, groups, inodes))
			return false;
		uint64_t last = blocks - l->first_block - (groups - 1) * blocks_per_group;
		if (layout_overhead(l, groups - 1) < last)
			break;
		blocks -= last;
	}
	if (l->groups > 1 && layout_overhead(l, 0) >= blocks_per_group)
		return false;
	l->blocks = blocks;
	l->blocks_per_group = blocks_per_group;
	return blocks - l->first_block - total_overhead(l, l->groups) >= need;
}

/*
 * The smallest number of blocks. If inodes rather than blocks decide the number of groups
 * (many empty files or symlinks), groups of full size would be mostly free space: then
 * smaller ones are used.
 */
static bool find_minimum(struct layout *l, uint64_t inodes, uint64_t need,
	uint64_t *ret_blocks, uint32_t *ret_per_group)
{
	uint64_t for_inodes = MAX(divide_up(inodes, bits_per_block(l)), 1);
	uint64_t groups = MAX(divide_up(need, bits_per_block(l)), for_inodes);
	uint32_t per_group = bits_per_block(l);

	while (!set_groups(l, groups, inodes) ||
		groups * per_group < need + total_overhead(l, groups))
		if (++groups * per_group > UINT32_MAX + (uint64_t)per_group)
			return false;
	if (groups > 1 && groups == for_inodes) {
		uint64_t share = divide_up(need + total_overhead(l, groups), groups);
		per_group = divide_up(MAX(share, layout_overhead(l, 0) + 1), 8) * 8;
	}

	uint64_t before = (groups - 1) * per_group;
	uint64_t data_before = before - total_overhead(l, groups - 1);
	uint64_t last = layout_overhead(l, groups - 1) +
		(need > data_before ? need - data_before : 1);
	*ret_blocks = l->first_block + before + last;
	*ret_per_group = per_group;
	return try_blocks(l, *ret_blocks, per_group, inodes, need);
}

static uint64_t spare_inodes(uint64_t bytes)
{
	return MIN(bytes / SPACE_PER_INODE, DENSE_INODES + bytes / SPACE_PER_LATER_INODE);
}

static int fill_size(struct layout *l, const struct layout_demand *demand,
	uint64_t minimum, uint32_t per_group, struct error *err)
{
	uint64_t blocks = demand->size >> l->block_shift;
	uint64_t need = demand->data_blocks;

	if (blocks > UINT32_MAX)
		return error_set(err, EFBIG,
			"an image of %" PRIu64
			" bytes has more than 2^32 blocks of %" PRIu32,
			demand->size, l->block_size);
	if (blocks < minimum)
		return error_set(err, ENOSPC,
			"an image of %" PRIu64
			" bytes is too small: its files need %" PRIu64,
			demand->size, minimum << l->block_shift);

	uint64_t spare = spare_inodes((blocks - minimum) << l->block_shift);
	if (try_blocks(l, blocks, bits_per_block(l), demand->inodes + spare, need) ||
		try_blocks(l, blocks, bits_per_block(l), demand->inodes, need) ||
		try_blocks(l, blocks, per_group, demand->inodes, need))
		return 0;
	/* One more group can cost more descriptor blocks than it adds. */
	if (blocks - minimum < per_group &&
		try_blocks(l, minimum, per_group, demand->inodes, need))
		return 0;
	return error_set(err, EFBIG,
		"an image of %" PRIu64 " bytes has too many groups for blocks of %" PRIu32
		" bytes: use larger blocks",
		demand->size, l->block_size);
}

static void number_data_blocks(struct layout *l)
{
	uint32_t data = 0;

	l->first_data = xcalloc((size_t)l->groups + 1, sizeof(l->first_data[0]));
	for (uint32_t g = 0; g < l->groups; g++) {
		l->first_data[g] = data;
		data += layout_group_blocks(l, g) - layout_overhead(l, g);
	}
	l->first_data[l->groups] = data;
}

int layout_init(struct layout *l, const struct layout_demand *demand, struct error *err)
{
	struct layout found = {.block_size = demand->block_size};
	uint64_t need = demand->data_blocks + (demand->size ? 0 : demand->free_blocks);
	uint64_t inodes = demand->inodes + (demand->size ? 0 : demand->free_inodes);
	uint64_t minimum;
	uint32_t per_group;

	found.block_shift = __builtin_ctz(demand->block_size);
	found.first_block = demand->block_size == EXT2_SUPER_OFFSET ? 1 : 0;
	if (need > UINT32_MAX || inodes > UINT32_MAX ||
		!find_minimum(&found, inodes, need, &minimum, &per_group))
		return error_set(err, EFBIG,
			"%" PRIu64 " blocks of %" PRIu32 " bytes and %" PRIu64
			" inodes are more than an ext2 image can have",
			need, demand->block_size, inodes);
	if (demand->size && fill_size(&found, demand, minimum, per_group, err) < 0)
		return -1;
	found.size =
		demand->size ? demand->size : (uint64_t)found.blocks << found.block_shift;
	found.size = found.size >> found.block_shift << found.block_shift;
	number_data_blocks(&found);
	*l = found;
	return 0;
}

void layout_done(struct layout *l)
{
	free(l->first_data);
	*l = (struct layout){0};
}

uint32_t layout_group_start(const struct layout *l, uint32_t group)
{
	return l->first_block + group * l->blocks_per_group;
}

uint32_t layout_group_blocks(const struct layout *l, uint32_t group)
{
	if (group + 1 == l->groups)
		return l->blocks - layout_group_start(l, group);
	return l->blocks_per_group;
}

uint32_t layout_block_bitmap(const struct layout *l, uint32_t group)
{
	return layout_group_start(l, group) +
		(layout_group_has_super(group) ? 1 + l->descriptor_blocks : 0);
}

uint32_t layout_inode_bitmap(const struct layout *l, uint32_t group)
{
	return layout_block_bitmap(l, group) + 1;
}

uint32_t layout_inode_table(const struct layout *l, uint32_t group)
{
	return layout_block_bitmap(l, group) + 2;
}

uint32_t layout_data_blocks(const struct layout *l)
{
	return l->first_data[l->groups];
}

uint32_t layout_inodes(const struct layout *l)
{
	return l->groups * l->inodes_per_group;
}

uint32_t layout_group_of(const struct layout *l, uint32_t block)
{
	return (block - l->first_block) / l->blocks_per_group;
}

uint32_t layout_address(const struct layout *l, uint32_t data, uint32_t *ret_run)
{
	uint32_t low = 0, high = l->groups;

	assert(data < l->first_data[l->groups]);
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (l->first_data[middle] <= data)
			low = middle;
		else
			high = middle;
	}
	*ret_run = l->first_data[low + 1] - data;
	return layout_inode_table(l, low) + l->table_blocks + (data - l->first_data[low]);
}
