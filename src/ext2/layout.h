/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The geometry of an image: how many groups, how large, and where their tables are.
 *
 * All else in this folder speaks of *data blocks*: those that are not a group's own
 * tables, numbered from 0 through the whole image. What is allocated in one go has
 * consecutive data numbers, though a group's tables may lie between them on the disk:
 *
 *	disk   │SB GD BB IB IT│▒▒▒▒▒▒▒▒▒▒│SB GD BB IB IT│▒▒▒▒▒▒▒▒▒▒│BB IB IT│▒▒▒▒▒▒▒▒
 *	data                   0 ...  n-1                n ...
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct layout {
	uint32_t block_size;
	uint32_t block_shift; /* log2 of it */
	uint32_t first_block; /* where group 0 begins */
	uint32_t blocks;      /* of the whole file system, the boot block too */
	uint32_t groups;
	uint32_t blocks_per_group;
	uint32_t inodes_per_group;
	uint32_t descriptor_blocks; /* in each group that has a superblock */
	uint32_t table_blocks;	    /* inode table of one group */
	uint64_t size;		    /* of the image in bytes */
	uint32_t *
		first_data; /* by group, and one more for the end: its first data block */
};

/* What has to go in. */
struct layout_demand {
	uint32_t block_size;
	uint64_t size; /* of the image in bytes; 0: as small as fits */
	uint64_t data_blocks, inodes;
	uint64_t free_blocks, free_inodes; /* with size 0: room to leave */
};

int layout_init(struct layout *l, const struct layout_demand *demand, struct error *err);
void layout_done(struct layout *l);

/* Where a group's own blocks are. */
bool layout_group_has_super(uint32_t group);
uint32_t layout_group_start(const struct layout *l, uint32_t group);
uint32_t layout_group_blocks(const struct layout *l, uint32_t group);
uint32_t layout_block_bitmap(const struct layout *l, uint32_t group);
uint32_t layout_inode_bitmap(const struct layout *l, uint32_t group);
uint32_t layout_inode_table(const struct layout *l, uint32_t group);

/* Blocks a group has for its own tables. */
uint32_t layout_overhead(const struct layout *l, uint32_t group);
uint32_t layout_data_blocks(const struct layout *l);
uint32_t layout_inodes(const struct layout *l);

/*
 * The disk address of a data block; *ret_run is how many blocks from there on are
 * neighbours on the disk too.
 */
uint32_t layout_address(const struct layout *l, uint32_t data, uint32_t *ret_run);
uint32_t layout_group_of(const struct layout *l, uint32_t block);
