/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a file to its blocks in the image:
 *
 *	source ──► buffer ──► image	neighbours in the image are written together
 *	source ═════════════► image	extents are shared, if the file system can
 *
 * Only whole blocks can be shared; a file's end goes through the buffer. The buffer fits
 * into a CPU's cache: copying through it is faster than copy_file_range(), and twice as
 * fast as through a buffer of a megabyte.
 *
 * A file that ends early or has changed since it was added is an error.
 */
#include "copy.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/io.h"
#include "base/mem.h"
#include "plan.h"

#define BUFFER_SIZE (128 * 1024)

/* File systems share whole blocks of their own size. */
#define CLONE_ALIGN 4096

/*
 * Sharing a range of any length costs XFS as much as copying 32 KiB, and splits the writes
 * around it. 64 and 128 KiB were the fastest thresholds for images of installed files; 64
 * shares more.
 */
#define CLONE_MIN (64 * 1024)

/* A regular file's content, opened. */
struct source {
	const struct tree_inode *inode;
	/* The content itself, or NULL: then it begins at `offset` of `fd`. */
	const uint8_t *memory;
	int fd;
	uint64_t offset;
};

void copier_init(struct copier *c, struct copy_target *target)
{
	*c = (struct copier){.target = target, .buffer = xmalloc(BUFFER_SIZE)};
}

void copier_done(struct copier *c)
{
	free(c->buffer);
}

static bool stopped(const struct copier *c)
{
	return atomic_load_explicit(&c->target->stop, memory_order_relaxed);
}

static void count(struct copier *c, uint64_t *counter, uint64_t bytes)
{
	*counter += bytes;
	atomic_fetch_add_explicit(&c->target->done, bytes, memory_order_relaxed);
}

int copier_flush(struct copier *c, struct error *err)
{
	const struct layout *l = &c->target->plan->layout;
	const uint8_t *from = c->buffer;

	while (c->used) {
		uint32_t run;
		uint64_t address = layout_address(l, c->start, &run);
		run = MIN(run, c->used);
		size_t len = (size_t)run << l->block_shift;
		/* The image is zero there. */
		bool is_zero = from[0] == 0 && memcmp(from, from + 1, len - 1) == 0;
		if (!is_zero &&
			io_pwrite_full(
				c->target->fd, from, len, address << l->block_shift))
			return error_set(err, errno, "write the image");
		count(c, &c->stats.copied, len);
		from += len;
		c->start += run;
		c->used -= run;
	}
	return 0;
}

static int read_source(const struct copier *c, const struct source *s, void *to,
	size_t len, uint64_t at, struct error *err)
{
	if (s->memory) {
		memcpy(to, s->memory + at, len);
		return 0;
	}
	ssize_t n = io_pread_full(s->fd, to, len, s->offset + at);
	if (n == (ssize_t)len)
		return 0;
	int num = errno;
	/* If the file changed, that is the better message. */
	if (n >= 0 && tree_content_verify(s->inode, s->fd, err) < 0)
		return -1;
	CLEANUP_FREE char *path = tree_inode_path(c->target->plan->tree, s->inode);
	if (n < 0)
		return error_set(err, num, "read '%s'", path);
	return error_set(err, 0, "read '%s': it ends early", path);
}

/* Copy a run of the file's blocks to data block `data` and the following ones. */
static int copy_buffered(struct copier *c, const struct source *s, struct block_run run,
	uint32_t data, struct error *err)
{
	const uint32_t shift = c->target->plan->layout.block_shift;
	const uint32_t room = BUFFER_SIZE >> shift;

	if (c->used && c->start + c->used != data && copier_flush(c, err) < 0)
		return -1;
	while (run.count && !stopped(c)) {
		if (c->used == room && copier_flush(c, err) < 0)
			return -1;
		if (c->used == 0)
			c->start = data;
		uint32_t n = MIN(run.count, room - c->used);
		uint64_t at = run.first << shift;
		size_t whole = (size_t)n << shift, len = MIN(whole, s->inode->size - at);
		uint8_t *to = c->buffer + ((size_t)c->used << shift);
		if (read_source(c, s, to, len, at, err) < 0)
			return -1;
		memset(to + len, 0, whole - len);
		c->used += n;
		run.first += n;
		run.count -= n;
		data += n;
	}
	return 0;
}

/* False: the file systems can't share, or not this range. */
static bool clone_range(int in, uint64_t from, int out, uint64_t to, uint64_t len)
{
	struct file_clone_range range = {
		.src_fd = in, .src_offset = from, .src_length = len, .dest_offset = to};

	if ((from | to | len) % CLONE_ALIGN)
		return false;
	return ioctl(out, FICLONERANGE, &range) == 0;
}

/*
 * Share as many blocks of the run as possible, and return how many. The rest is copied;
 * if the disk has failed, copying reports that.
 */
static uint32_t clone_blocks(
	struct copier *c, const struct source *s, struct block_run run, uint32_t data)
{
	const struct layout *l = &c->target->plan->layout;
	uint64_t whole_blocks = s->inode->size >> l->block_shift;
	uint32_t done = 0;

	while (run.first + done < whole_blocks && done < run.count && !stopped(c)) {
		uint32_t n;
		uint64_t address = layout_address(l, data + done, &n);
		uint64_t from = s->offset + ((run.first + done) << l->block_shift);
		n = MIN(n, MIN(run.count, whole_blocks - run.first) - done);
		uint64_t len = (uint64_t)n << l->block_shift;
		if (!clone_range(
			    s->fd, from, c->target->fd, address << l->block_shift, len))
			break;
		count(c, &c->stats.reflinked, len);
		done += n;
	}
	return done;
}

static int copy_runs(struct copier *c, const struct source *s, struct error *err)
{
	struct block_runs runs = plan_block_runs(c->target->plan, s->inode);
	uint32_t data = plan_content_block(c->target->plan, s->inode);
	const uint32_t clone_min = CLONE_MIN / c->target->plan->block_size;
	struct block_run run;

	while (block_runs_next(&runs, &run) && !stopped(c)) {
		uint32_t shared = 0;
		if (!s->memory && run.count >= clone_min)
			shared = clone_blocks(c, s, run, data);
		struct block_run rest = {run.first + shared, run.count - shared};
		if (rest.count && copy_buffered(c, s, rest, data + shared, err) < 0)
			return -1;
		data += run.count;
	}
	return 0;
}

int copier_add(struct copier *c, const struct tree_inode *inode, struct error *err)
{
	struct source s = {.inode = inode};

	if (inode->content == TREE_CONTENT_NONE || inode->all_hole)
		return 0;
	if (inode->content == TREE_CONTENT_MEMORY) {
		s.memory = tree_content_memory(inode);
		return copy_runs(c, &s, err);
	}
	CLEANUP_CLOSE int fd = -1;
	if (tree_content_open(inode, &fd, &s.offset, err) < 0)
		return -1;
	s.fd = fd;
	if (copy_runs(c, &s, err) < 0)
		return -1;
	return tree_content_verify(inode, fd, err);
}
