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

struct layout;
struct tree_inode;

/* A stretch of neighbouring blocks of a file. */
struct block_run {
	uint64_t first;
	uint64_t count;
};

/* Iterates over a file's runs in ascending order; there is a hole between any two. */
struct block_runs {
	/* NULL: `rest` is the only run. */
	const struct tree_inode *inode;
	uint32_t block_shift;
	/* Next of the inode's extents. */
	uint32_t extent;
	struct block_run rest;
};

void block_runs_init_file(
	struct block_runs *it, const struct tree_inode *inode, uint32_t shift);
void block_runs_init_whole(struct block_runs *it, uint64_t count);
bool block_runs_next(struct block_runs *it, struct block_run *ret);

struct map_shape {
	uint64_t data_blocks;
	/* Map blocks of the single, double and triple tree, with their roots. */
	uint64_t maps[EXT2_MAP_HEIGHTS];
};

/* Blocks beyond map_max_size() are not counted. */
void map_measure(struct block_runs runs, uint32_t block_size, struct map_shape *ret);
uint64_t map_total(const struct map_shape *shape);

/* The largest file that maps can describe, holes too, in bytes. */
uint64_t map_max_size(uint32_t block_size);

/* Fill i_block of an inode whose map blocks begin at data block `meta`, and whose own blocks
 * begin at data block `first`. */
void map_fill_slots(const struct layout *l, struct block_runs runs, uint32_t meta,
	uint32_t first, uint32_t slots[static EXT2_BLOCK_SLOTS]);

/* Hand out the same inode's map blocks in ascending order. */
typedef int map_put_fn(const void *block, void *data);
int map_write(const struct layout *l, struct block_runs runs, uint32_t meta,
	uint32_t first, map_put_fn *put, void *data);
