/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Superblock, group descriptors and bitmaps. The plan uses inodes and data blocks in
 * ascending order without gaps, so a group's use is arithmetic, and a bitmap has two runs
 * of ones: what is in use, and the bits beyond the group's end.
 *
 * The image depends on its input alone: its creation time is the root directory's time, and
 * all other times are "never".
 */
#include "super.h"

#include <string.h>

#include "base/mem.h"
#include "plan.h"

static uint32_t clamp_time(int64_t sec)
{
	return sec < 0 || sec > UINT32_MAX ? 0 : sec;
}

void super_encode(const struct ext2_plan *p, uint32_t group, struct disk_super *ret)
{
	const struct layout *l = &p->layout;
	uint32_t ro_compat = EXT2_RO_COMPAT_SPARSE_SUPER | EXT2_RO_COMPAT_LARGE_FILE |
		(p->huge_file ? EXT2_RO_COMPAT_HUGE_FILE : 0) |
		(p->dir_nlink ? EXT2_RO_COMPAT_DIR_NLINK : 0);

	*ret = (struct disk_super){
		.inodes_count = htole32(layout_inodes(l)),
		.blocks_count = htole32(l->blocks),
		.free_blocks_count = htole32(layout_data_blocks(l) - p->used_blocks),
		.free_inodes_count = htole32(layout_inodes(l) - plan_last_inode(p)),
		.first_data_block = htole32(l->first_block),
		.log_block_size = htole32(l->block_shift - 10),
		.log_cluster_size = htole32(l->block_shift - 10),
		.blocks_per_group = htole32(l->blocks_per_group),
		.clusters_per_group = htole32(l->blocks_per_group),
		.inodes_per_group = htole32(l->inodes_per_group),
		.max_mnt_count = htole16(EXT2_MAX_MNT_COUNT_NEVER),
		.magic = htole16(EXT2_SUPER_MAGIC),
		.state = htole16(EXT2_STATE_CLEAN),
		.errors = htole16(EXT2_ERRORS_CONTINUE),
		.rev_level = htole32(1),
		.first_ino = htole32(EXT2_FIRST_INO),
		.inode_size = htole16(EXT2_INODE_SIZE),
		.block_group_nr = htole16(group),
		.feature_compat = htole32(EXT2_COMPAT_EXT_ATTR | EXT2_COMPAT_DIR_INDEX),
		.feature_incompat = htole32(EXT2_INCOMPAT_FILETYPE),
		.feature_ro_compat = htole32(ro_compat),
		.def_hash_version = EXT2_HASH_HALF_MD4,
		.default_mount_opts = htole32(EXT2_MOUNT_XATTR_USER | EXT2_MOUNT_ACL),
		.mkfs_time = htole32(clamp_time(tree_root(p->tree)->mtime.sec)),
		.flags = htole32(EXT2_FLAGS_UNSIGNED_HASH),
	};
	memcpy(ret->uuid, p->uuid, sizeof(ret->uuid));
	memcpy(ret->volume_name, p->label, sizeof(ret->volume_name));
	for (int i = 0; i < 4; i++)
		ret->hash_seed[i] = htole32(p->hash_seed[i]);
}

static uint32_t used_data_blocks(const struct ext2_plan *p, uint32_t group)
{
	uint32_t first = p->layout.first_data[group],
		 end = p->layout.first_data[group + 1];

	if (p->used_blocks <= first)
		return 0;
	return MIN(p->used_blocks, end) - first;
}

uint32_t super_used_inodes(const struct ext2_plan *p, uint32_t group)
{
	uint64_t before = (uint64_t)group * p->layout.inodes_per_group;

	if (plan_last_inode(p) <= before)
		return 0;
	return MIN(plan_last_inode(p) - before, p->layout.inodes_per_group);
}

void super_encode_group(const struct ext2_plan *p, uint32_t group, struct disk_group *ret)
{
	const struct layout *l = &p->layout;
	uint32_t data = l->first_data[group + 1] - l->first_data[group];

	*ret = (struct disk_group){
		.block_bitmap = htole32(layout_block_bitmap(l, group)),
		.inode_bitmap = htole32(layout_inode_bitmap(l, group)),
		.inode_table = htole32(layout_inode_table(l, group)),
		.free_blocks_count = htole16(data - used_data_blocks(p, group)),
		.free_inodes_count =
			htole16(l->inodes_per_group - super_used_inodes(p, group)),
		.used_dirs_count = htole16(p->group_dirs[group]),
	};
}

/* Bits from..to-1. */
static void set_bits(uint8_t *bits, uint32_t from, uint32_t to)
{
	for (; from < to && from % 8; from++)
		bits[from / 8] |= 1U << from % 8;
	if (from < to) {
		memset(bits + from / 8, 0xff, (to - from) / 8);
		from += (to - from) / 8 * 8;
	}
	for (; from < to; from++)
		bits[from / 8] |= 1U << from % 8;
}

static void fill_bitmap(
	const struct ext2_plan *p, uint8_t *block, uint32_t used, uint32_t exist)
{
	memset(block, 0, p->block_size);
	set_bits(block, 0, used);
	set_bits(block, exist, p->block_size * 8);
}

void super_fill_block_bitmap(const struct ext2_plan *p, uint32_t group, uint8_t *block)
{
	fill_bitmap(p, block,
		layout_overhead(&p->layout, group) + used_data_blocks(p, group),
		layout_group_blocks(&p->layout, group));
}

void super_fill_inode_bitmap(const struct ext2_plan *p, uint32_t group, uint8_t *block)
{
	fill_bitmap(p, block, super_used_inodes(p, group), p->layout.inodes_per_group);
}
