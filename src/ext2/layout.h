/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The geometry of an image: how many groups, how large, and where their tables are.
 *
 * The rest of this folder counts in *data blocks*: all blocks but the groups' own tables,
 * numbered from 0 through the whole image. Consecutive data numbers are neighbours on the
 * disk unless a group's tables lie between them:
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
	uint32_t blocks;      /* of the whole file system, with the boot block */
	uint32_t groups;
	uint32_t blocks_per_group;
	uint32_t inodes_per_group;
	uint32_t descriptor_blocks; /* in each group that has a superblock */
	uint32_t table_blocks;	    /* inode table of one group */
	uint64_t size;		    /* of the image in bytes */
	/* The first data block of each group, and one entry more for the end. */
	uint32_t *first_data;
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

/* Where a group's own blocks are: */
bool layout_group_has_super(uint32_t group);
uint32_t layout_group_start(const struct layout *l, uint32_t group);
uint32_t layout_group_blocks(const struct layout *l, uint32_t group);
uint32_t layout_block_bitmap(const struct layout *l, uint32_t group);
uint32_t layout_inode_bitmap(const struct layout *l, uint32_t group);
uint32_t layout_inode_table(const struct layout *l, uint32_t group);

/* Number of blocks that a group's own tables take. */
uint32_t layout_overhead(const struct layout *l, uint32_t group);
uint32_t layout_data_blocks(const struct layout *l);
uint32_t layout_inodes(const struct layout *l);

/* The disk address of a data block. *ret_run: how many blocks from this one on are
 * neighbours on the disk. */
uint32_t layout_address(const struct layout *l, uint32_t data, uint32_t *ret_run);
uint32_t layout_group_of(const struct layout *l, uint32_t block);
