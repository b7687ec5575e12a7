/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing the image: one ascending pass over its metadata, while workers write contents to
 * their planned addresses (content.c).
 *
 * The pass writes a group's own tables before the first block in that group, and asserts
 * that each block is where the plan says. Unused inodes and free blocks are not written:
 * they are holes, which read as zeros.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "content.h"
#include "group.h"
#include "inode-blocks.h"
#include "plan.h"

#define DEFAULT_WORKERS 2
#define BUFFER_BLOCKS	256
#define PROGRESS_MS	50

struct emitter {
	const struct ext2_plan *plan;
	int fd;
	const struct ext2_emit_options *options;
	struct content *content;
	struct error *err;

	/* Blocks that will be written together: `used` of them, from address `start`. */
	uint8_t *buffer;
	uint64_t start;
	uint32_t used;

	/* Groups before this one have their tables. */
	uint32_t next_group;
	/* Data number of the next block in the plan's first zone. */
	uint32_t next_meta;
	uint8_t *block;
};

static int flush(struct emitter *e)
{
	const uint32_t shift = e->plan->layout.block_shift;

	if (io_pwrite_full(
		    e->fd, e->buffer, (size_t)e->used << shift, e->start << shift) < 0)
		return error_set(e->err, errno, "write the image");
	e->start += e->used;
	e->used = 0;
	return 0;
}

/* Addresses must ascend. */
static int put_block(struct emitter *e, uint32_t address, const void *block)
{
	const uint32_t shift = e->plan->layout.block_shift;
	uint64_t position = e->start + e->used;

	assert(address >= position);
	if ((address != position || e->used == BUFFER_BLOCKS) && flush(e) < 0)
		return -1;
	if (e->used == 0)
		e->start = address;
	memcpy(e->buffer + ((size_t)e->used << shift), block, e->plan->block_size);
	e->used++;
	return 0;
}

static int report(struct emitter *e)
{
	const struct ext2_plan *p = e->plan;
	const uint32_t shift = p->layout.block_shift;

	if (!e->options->progress)
		return 0;
	uint64_t done = content_done(e->content) + ((uint64_t)e->next_meta << shift);
	if (e->options->progress(
		    done, (uint64_t)p->used_blocks << shift, e->options->progress_data))
		return error_set(e->err, ECANCELED, "write the image");
	return 0;
}

static int emit_group(struct emitter *e, uint32_t group)
{
	const struct ext2_plan *p = e->plan;
	uint32_t start = layout_group_start(&p->layout, group);
	uint32_t used = group_used_blocks(p, group);

	for (uint32_t i = 0; i < used; i++)
		if (group_write_block(p, group, i, e->block) &&
			put_block(e, start + i, e->block) < 0)
			return -1;
	return report(e);
}

/* Write the next block of the first zone, and before it the tables of its group. */
static int put_meta(const void *block, void *data)
{
	struct emitter *e = data;
	uint32_t run;
	uint32_t address = layout_address(&e->plan->layout, e->next_meta, &run);

	for (; e->next_group <= layout_group_of(&e->plan->layout, address);
		e->next_group++)
		if (emit_group(e, e->next_group) < 0)
			return -1;
	e->next_meta++;
	return put_block(e, address, block);
}

static int emit_metadata(struct emitter *e)
{
	const struct ext2_plan *p = e->plan;

	if (p->add_lost_found && inode_write_lost_found(p, put_meta, e) < 0)
		return -1;
	for (uint32_t i = 0; i < p->n_inodes; i++) {
		assert(e->next_meta == p->inodes[i].meta);
		if (inode_write_blocks(p, tree_inode_at(p->tree, i), put_meta, e) < 0)
			return -1;
	}
	assert(e->next_meta == p->meta_blocks);
	for (; e->next_group < p->layout.groups; e->next_group++)
		if (emit_group(e, e->next_group) < 0)
			return -1;
	return flush(e);
}

static int emit_all(struct emitter *e)
{
	if (emit_metadata(e) < 0)
		return -1;
	while (!content_wait(e->content, PROGRESS_MS))
		if (report(e) < 0)
			return -1;
	return report(e);
}

int ext2_emit(const struct ext2_plan *p, int fd, const struct ext2_emit_options *options,
	struct ext2_emit_stats *ret_stats, struct error *err)
{
	static const struct ext2_emit_options defaults;
	CLEANUP_FREE uint8_t *buffer = xmalloc((size_t)BUFFER_BLOCKS * p->block_size);
	CLEANUP_FREE uint8_t *block = xmalloc(p->block_size);
	struct emitter e = {
		.plan = p,
		.fd = fd,
		.options = options ? options : &defaults,
		.err = err,
		.buffer = buffer,
		.block = block,
	};

	if (ftruncate(fd, p->layout.size) < 0)
		return error_set(
			err, errno, "make an image of %" PRIu64 " bytes", p->layout.size);
	unsigned workers = e.options->workers ? e.options->workers : DEFAULT_WORKERS;
	if (content_start(p, fd, workers, &e.content, err) < 0)
		return -1;
	if (emit_all(&e) < 0) {
		content_cancel(e.content);
		content_finish(e.content, NULL, NULL);
		return -1;
	}
	return content_finish(e.content, ret_stats, err);
}
