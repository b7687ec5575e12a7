/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A block group's own blocks, which stand in front of its data blocks: superblock, group
 * descriptors, bitmaps, inode table. layout_overhead() says how many they are. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ext2_plan;

/* The first ones may hold something; those behind them are unused inodes, and zero. */
uint32_t group_used_blocks(const struct ext2_plan *p, uint32_t group);
/* Fill in the group's own block `n`, from 0. False: all of it is zero. */
bool group_write_block(
	const struct ext2_plan *p, uint32_t group, uint32_t n, uint8_t *block);
