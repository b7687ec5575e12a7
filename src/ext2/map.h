/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which blocks of a file exist, and the map blocks that lead to them.
 *
 * A file's blocks have consecutive data numbers, holes have none; its map blocks come
 * before them in the plan's first zone, lower ones before the one that points to them:
 *
 *	│ single │ double's maps ..., double │ triple's maps ..., triple │
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "disk.h"

struct ext2_plan;
struct tree_inode;

/* A stretch of neighbouring blocks of a file. */
struct block_run {
	uint64_t first;
	uint64_t count;
};

/*
 * Walks over what a file has in blocks of that size: ascending, with a hole between any
 * two.
 */
struct block_runs {
	const struct tree_inode *inode; /* NULL: `rest` is all there is */
	uint32_t block_shift;
	uint32_t extent;
	struct block_run rest;
};

void block_runs_init_file(
	struct block_runs *it, const struct tree_inode *inode, uint32_t shift);
void block_runs_init_whole(struct block_runs *it, uint64_t count);
bool block_runs_next(struct block_runs *it, struct block_run *ret);

struct map_shape {
	uint64_t data_blocks;
	uint64_t maps[EXT2_MAP_HEIGHTS]; /* map blocks below each of the three roots, root
					    included */
};

/* No further than to map_max_size(). */
void map_measure(struct block_runs runs, uint32_t block_size, struct map_shape *ret);
uint64_t map_total(const struct map_shape *shape);

/* The largest file that maps can describe, holes too, in bytes. */
uint64_t map_max_size(uint32_t block_size);

/* i_block of an inode with maps from `meta` and blocks from `first`. */
void map_fill_slots(const struct ext2_plan *p, struct block_runs runs, uint32_t meta,
	uint32_t first, uint32_t slots[static EXT2_BLOCK_SLOTS]);

/* Hand out the map blocks in ascending order. */
typedef int map_put_fn(const void *block, void *data);
int map_write(const struct ext2_plan *p, struct block_runs runs, uint32_t meta,
	uint32_t first, map_put_fn *put, void *data);
