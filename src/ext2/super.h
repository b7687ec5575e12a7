/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The blocks that describe the image itself: superblock, group descriptors, bitmaps. */
#pragma once

#include <stdint.h>

#include "disk.h"

struct ext2_plan;

/* The superblock of this group: group 0 has the primary one, the others have copies. */
void super_encode(const struct ext2_plan *p, uint32_t group, struct disk_super *ret);
void super_encode_group(
	const struct ext2_plan *p, uint32_t group, struct disk_group *ret);

/* A bitmap is one block. */
void super_fill_block_bitmap(const struct ext2_plan *p, uint32_t group, uint8_t *block);
void super_fill_inode_bitmap(const struct ext2_plan *p, uint32_t group, uint8_t *block);
/* How many of the group's inodes are in use: always the first ones. */
uint32_t super_used_inodes(const struct ext2_plan *p, uint32_t group);
