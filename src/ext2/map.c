/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Block maps. The file's blocks are visited once in ascending order, with one open map
 * block per height. A map block is complete when the visit leaves the range it covers;
 * then its address goes into the one above it. So the maps of a file of any size need
 * three blocks of memory.
 */
#include "map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "layout.h"
#include "tree/tree.h"

void block_runs_init_whole(struct block_runs *it, uint64_t count)
{
	*it = (struct block_runs){.rest = {0, count}};
}

static uint64_t blocks_for(uint64_t bytes, uint32_t shift)
{
	return (bytes >> shift) + ((bytes & ((1U << shift) - 1)) != 0);
}

void block_runs_init_file(
	struct block_runs *it, const struct tree_inode *inode, uint32_t shift)
{
	*it = (struct block_runs){.block_shift = shift};
	if (inode->all_hole)
		return;
	if (inode->n_extents)
		it->inode = inode;
	else
		it->rest.count = blocks_for(inode->size, shift);
}

/* Extents are of bytes: several can meet in one block, or in neighbouring ones. */
static bool next_extent(struct block_runs *it, struct block_run *ret)
{
	while (it->extent < it->inode->n_extents) {
		const struct tree_extent *e = &it->inode->extents[it->extent++];
		if (e->len == 0)
			continue;
		ret->first = e->offset >> it->block_shift;
		ret->count = blocks_for(e->offset + e->len, it->block_shift) - ret->first;
		return true;
	}
	return false;
}

bool block_runs_next(struct block_runs *it, struct block_run *ret)
{
	struct block_run run = it->rest, next;

	it->rest = (struct block_run){0};
	if (it->inode && run.count == 0 && !next_extent(it, &run))
		return false;
	if (run.count == 0)
		return false;
	while (it->inode && next_extent(it, &next)) {
		if (next.first > run.first + run.count) {
			it->rest = next;
			break;
		}
		run.count = next.first + next.count - run.first;
	}
	*ret = run;
	return true;
}

/* Pointers in a map block, as a shift. */
static uint32_t slots_shift(uint32_t block_size)
{
	return __builtin_ctz(block_size) - 2;
}

/* The first file block under the root of that height (1 to 3), and how many there are. */
static uint64_t height_start(uint32_t block_size, int height, uint64_t *ret_count)
{
	uint32_t shift = slots_shift(block_size);
	uint64_t start = EXT2_DIRECT_BLOCKS;

	for (int h = 1; h < height; h++)
		start += 1ULL << (h * shift);
	*ret_count = 1ULL << (height * shift);
	return start;
}

/* The part of a run that is under the root of that height, relative to the root's first
 * block. False: none of it is. */
static bool clip_run(const struct block_run *run, uint32_t block_size, int height,
	struct block_run *ret)
{
	uint64_t count;
	uint64_t start = height_start(block_size, height, &count);
	uint64_t from = MAX(run->first, start);
	uint64_t to = MIN(run->first + run->count, start + count);

	if (from >= to)
		return false;
	*ret = (struct block_run){from - start, to - from};
	return true;
}

/* last[h]: the last map block of height h that has been counted, plus 1. */
static uint64_t count_new_maps(
	const struct block_run *part, uint32_t shift, int height, uint64_t last[static 4])
{
	uint64_t n = 0;

	for (int h = 1; h <= height; h++) {
		uint64_t from = part->first >> (h * shift);
		uint64_t to = (part->first + part->count - 1) >> (h * shift);
		n += to - from + (last[h] != from + 1);
		last[h] = to + 1;
	}
	return n;
}

uint64_t map_max_size(uint32_t block_size)
{
	uint64_t count;
	uint64_t start = height_start(block_size, EXT2_MAP_HEIGHTS, &count);

	return (start + count) * block_size;
}

void map_measure(struct block_runs runs, uint32_t block_size, struct map_shape *ret)
{
	uint64_t last[EXT2_MAP_HEIGHTS + 1][4] = {0};
	struct map_shape shape = {0};
	struct block_run run, part;

	while (block_runs_next(&runs, &run)) {
		shape.data_blocks += run.count;
		for (int h = 1; h <= EXT2_MAP_HEIGHTS; h++)
			if (clip_run(&run, block_size, h, &part))
				shape.maps[h - 1] += count_new_maps(
					&part, slots_shift(block_size), h, last[h]);
	}
	*ret = shape;
}

uint64_t map_total(const struct map_shape *shape)
{
	return shape->maps[0] + shape->maps[1] + shape->maps[2];
}

/* Addresses of `count` consecutive data blocks. */
static void fill_addresses(
	const struct layout *l, uint32_t *slots, uint32_t data, uint64_t count)
{
	while (count) {
		uint32_t run;
		uint32_t address = layout_address(l, data, &run);
		run = MIN(run, count);
		for (uint32_t i = 0; i < run; i++)
			*slots++ = htole32(address + i);
		data += run;
		count -= run;
	}
}

static uint32_t address_of(const struct layout *l, uint32_t data)
{
	uint32_t run;

	return layout_address(l, data, &run);
}

void map_fill_slots(const struct layout *l, struct block_runs runs, uint32_t meta,
	uint32_t first, uint32_t slots[static EXT2_BLOCK_SLOTS])
{
	struct block_runs direct = runs;
	struct map_shape shape;
	struct block_run run;

	memset(slots, 0, EXT2_BLOCK_SLOTS * sizeof(slots[0]));
	while (block_runs_next(&direct, &run) && run.first < EXT2_DIRECT_BLOCKS) {
		uint64_t count = MIN(run.count, EXT2_DIRECT_BLOCKS - run.first);
		fill_addresses(l, slots + run.first, first, count);
		first += count;
	}
	map_measure(runs, l->block_size, &shape);
	for (int i = 0; i < EXT2_MAP_HEIGHTS; i++) {
		meta += shape.maps[i];
		if (shape.maps[i])
			slots[EXT2_DIRECT_BLOCKS + i] = htole32(address_of(l, meta - 1));
	}
}

struct map_writer {
	const struct layout *layout;
	uint32_t shift;
	uint32_t next_map, next_data;
	map_put_fn *put;
	void *put_data;

	/* The open map block of each height, and its number among those of its height. */
	int height;
	uint32_t *slots[EXT2_MAP_HEIGHTS + 1];
	bool open[EXT2_MAP_HEIGHTS + 1];
	uint64_t unit[EXT2_MAP_HEIGHTS + 1];
};

static int close_map(struct map_writer *w, int h)
{
	uint32_t block_size = w->layout->block_size;

	if (w->put(w->slots[h], w->put_data) < 0)
		return -1;
	if (h < w->height) {
		uint32_t mask = (1U << w->shift) - 1;
		w->slots[h + 1][w->unit[h] & mask] =
			htole32(address_of(w->layout, w->next_map));
	}
	w->next_map++;
	w->open[h] = false;
	memset(w->slots[h], 0, block_size);
	return 0;
}

/* Open the map blocks that lead to this file block. */
static int enter_block(struct map_writer *w, uint64_t block)
{
	for (int h = 1; h <= w->height; h++) {
		uint64_t unit = block >> (h * w->shift);
		if (w->open[h] && w->unit[h] == unit)
			break;
		if (w->open[h] && close_map(w, h) < 0)
			return -1;
	}
	for (int h = 1; h <= w->height; h++) {
		w->open[h] = true;
		w->unit[h] = block >> (h * w->shift);
	}
	return 0;
}

static int write_part(struct map_writer *w, struct block_run part)
{
	uint32_t per_map = 1U << w->shift;

	while (part.count) {
		uint32_t slot = part.first & (per_map - 1);
		uint32_t count = MIN(part.count, per_map - slot);
		if (enter_block(w, part.first) < 0)
			return -1;
		fill_addresses(w->layout, w->slots[1] + slot, w->next_data, count);
		w->next_data += count;
		part.first += count;
		part.count -= count;
	}
	return 0;
}

/* All maps under the root of one height. */
static int write_height(struct map_writer *w, struct block_runs runs)
{
	struct block_run run, part;
	uint32_t data = w->next_data;

	while (block_runs_next(&runs, &run)) {
		uint64_t count;
		uint64_t start = height_start(w->layout->block_size, w->height, &count);
		if (clip_run(&run, w->layout->block_size, w->height, &part)) {
			w->next_data = data + (part.first + start - run.first);
			if (write_part(w, part) < 0)
				return -1;
		}
		data += run.count;
	}
	for (int h = 1; h <= w->height; h++)
		if (w->open[h] && close_map(w, h) < 0)
			return -1;
	return 0;
}

int map_write(const struct layout *l, struct block_runs runs, uint32_t meta,
	uint32_t first, map_put_fn *put, void *data)
{
	size_t slots = l->block_size / sizeof(uint32_t);
	CLEANUP_FREE uint32_t *buffer =
		xcalloc(EXT2_MAP_HEIGHTS * slots, sizeof(uint32_t));
	struct map_writer w = {
		.layout = l,
		.shift = slots_shift(l->block_size),
		.next_map = meta,
		.put = put,
		.put_data = data,
	};

	for (int h = 1; h <= EXT2_MAP_HEIGHTS; h++)
		w.slots[h] = buffer + (h - 1) * slots;
	for (w.height = 1; w.height <= EXT2_MAP_HEIGHTS; w.height++) {
		w.next_data = first;
		if (write_height(&w, runs) < 0)
			return -1;
	}
	return 0;
}
