/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blocks of metadata on demand. A group's own are arithmetic. Those of inodes are made by
 * functions that hand out all blocks of one inode from its first: so a window of neighbouring
 * blocks is made at once and kept, and a guest that walks through a directory finds the next
 * block there.
 *
 *	data │ inode 7 │ inode 8 │       inode 9       │ inode 10 │
 *	          ├── window ───────┤                    WINDOW blocks; if its last inode
 *	                            ├───────────┤        is a large one, up to WINDOW_MAX
 *
 * The windows are few and bounded in size, whatever the tree, so they are searched one by one.
 */
#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "ext2.h"
#include "group.h"
#include "inode-blocks.h"
#include "plan.h"

/* In bytes. Sorting a large directory anew for each small window would cost more than it. */
#define WINDOW	   (256 * 1024)
#define WINDOW_MAX (8 * 1024 * 1024)
#define KEPT_MAX   (WINDOW_MAX + 16 * WINDOW)

struct window {
	struct window *next;
	/* Data numbers. */
	uint32_t first, count;
	uint8_t blocks[];
};

struct ext2_metadata {
	const struct ext2_plan *plan;
	/* Of what follows. */
	pthread_mutex_t lock;
	/* The one that was used last is the first. */
	struct window *windows;
	uint64_t kept; /* bytes in them */
};

struct ext2_metadata *ext2_metadata_new(const struct ext2_plan *p)
{
	struct ext2_metadata *m = xcalloc(1, sizeof(*m));

	m->plan = p;
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

void ext2_metadata_free(struct ext2_metadata *m)
{
	if (!m)
		return;
	for (struct window *w = m->windows, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	pthread_mutex_destroy(&m->lock);
	free(m);
}

struct filling {
	const struct ext2_plan *plan;
	struct window *window;
	/* Data number of the next block that is handed out. */
	uint32_t next;
};

/* -1: no more are wanted. */
static int take_block(const void *block, void *data)
{
	struct filling *f = data;
	struct window *w = f->window;
	uint32_t n = f->next++;

	if (n >= w->first && n - w->first < w->count)
		memcpy(w->blocks +
				((size_t)(n - w->first) << f->plan->layout.block_shift),
			block, f->plan->block_size);
	return n + 1 >= w->first + w->count ? -1 : 0;
}

static void fill(const struct ext2_plan *p, struct window *w)
{
	struct filling f = {p, w, 0};
	uint32_t index = 0;

	if (p->add_lost_found && w->first == 0) {
		if (inode_write_lost_found(p, take_block, &f) < 0)
			return;
	} else {
		index = plan_owner_of_meta(p, w->first);
		f.next = p->inodes[index].meta;
	}
	for (; index < p->n_inodes; index++)
		if (inode_write_blocks(p, tree_inode_at(p->tree, index), take_block, &f) <
			0)
			return;
}

/* Up to the end of the inode that its last block belongs to, if that is not too far. */
static uint32_t window_end(const struct ext2_plan *p, uint32_t first)
{
	const uint32_t shift = p->layout.block_shift;
	uint32_t end = MIN((uint64_t)first + (WINDOW >> shift), p->meta_blocks);
	uint32_t index = plan_owner_of_meta(p, end - 1);
	uint32_t inode_end =
		index + 1 < p->n_inodes ? p->inodes[index + 1].meta : p->meta_blocks;

	return MAX(end, MIN(inode_end, (uint64_t)first + (WINDOW_MAX >> shift)));
}

static void drop_last(struct ext2_metadata *m)
{
	struct window **at = &m->windows;

	while ((*at)->next)
		at = &(*at)->next;
	m->kept -= (uint64_t)(*at)->count << m->plan->layout.block_shift;
	free(*at);
	*at = NULL;
}

static struct window *make_window(struct ext2_metadata *m, uint32_t data)
{
	const uint32_t shift = m->plan->layout.block_shift;
	uint32_t first = data - data % (WINDOW >> shift);
	uint32_t count = window_end(m->plan, first) - first;
	size_t bytes = (size_t)count << shift;

	while (m->windows && m->kept + bytes > KEPT_MAX)
		drop_last(m);
	struct window *w = xcalloc(1, sizeof(*w) + bytes);
	w->first = first;
	w->count = count;
	fill(m->plan, w);
	m->kept += bytes;
	return w;
}

static const uint8_t *find_block(struct ext2_metadata *m, uint32_t data)
{
	struct window **at = &m->windows, *w;

	while ((w = *at) && !(data >= w->first && data - w->first < w->count))
		at = &w->next;
	if (w)
		*at = w->next;
	else
		w = make_window(m, data);
	w->next = m->windows;
	m->windows = w;
	return w->blocks + ((size_t)(data - w->first) << m->plan->layout.block_shift);
}

void ext2_metadata_read(struct ext2_metadata *m, uint32_t block, void *to)
{
	const struct ext2_plan *p = m->plan;
	uint32_t group = layout_group_of(&p->layout, block);
	uint32_t n = block - layout_group_start(&p->layout, group);
	uint32_t own = layout_overhead(&p->layout, group);

	if (n < own) {
		group_write_block(p, group, n, to);
		return;
	}
	uint32_t data = p->layout.first_data[group] + n - own;
	assert(data < p->meta_blocks);
	pthread_mutex_lock(&m->lock);
	memcpy(to, find_block(m, data), p->block_size);
	pthread_mutex_unlock(&m->lock);
}
