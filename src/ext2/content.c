/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Contents. Workers take stretches of neighbouring inodes, whose contents are neighbours
 * in the image too. Small files are collected in a buffer and written together; large
 * ones are handed to the kernel: as shared extents if the file system can, as a copy
 * inside the kernel otherwise.
 *
 * Nothing is made up: a file that ends early or has changed since it was added is an
 * error.
 */
#include "content.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/io.h"
#include "base/mem.h"
#include "plan.h"

/* A worker's buffer, and how many bytes of files it takes at a time. */
#define BUFFER_SIZE (1024 * 1024)
#define JOB_SIZE    (4 * 1024 * 1024)

/* From here on a file is worth system calls of its own. */
#define DIRECT_SIZE (256 * 1024)

/* What file systems share is whole blocks of theirs. */
#define CLONE_ALIGN 4096

struct content {
	const struct ext2_plan *plan;
	int fd;
	atomic_bool stop;
	_Atomic uint64_t done;

	pthread_mutex_t lock; /* for all below */
	pthread_cond_t ended;
	uint32_t next_inode;
	unsigned running;
	bool failed;
	struct error err;
	struct ext2_emit_stats stats;

	unsigned n_threads;
	pthread_t threads[];
};

struct worker {
	struct content *c;
	struct ext2_emit_stats stats;
	struct error err;

	/* Blocks to be written together. */
	uint8_t *buffer;
	uint32_t start; /* the first one's data number */
	uint32_t used;
};

/* Where a file's bytes come from. */
struct source {
	const struct tree_inode *inode;
	const uint8_t *memory; /* or */
	int fd;
	uint64_t offset;
};

static int write_error(struct error *err)
{
	return error_set(err, errno, "write the image");
}

static int source_error(
	struct worker *w, const struct source *s, int num, const char *what)
{
	CLEANUP_FREE char *path = tree_inode_path(w->c->plan->tree, s->inode);

	return error_set(&w->err, num, "'%s': %s", path, what);
}

static void count(struct worker *w, uint64_t *counter, uint64_t bytes)
{
	*counter += bytes;
	atomic_fetch_add_explicit(&w->c->done, bytes, memory_order_relaxed);
}

static int flush_buffer(struct worker *w)
{
	const struct layout *l = &w->c->plan->layout;
	uint8_t *from = w->buffer;

	while (w->used) {
		uint32_t run;
		uint64_t address = layout_address(l, w->start, &run);
		run = MIN(run, w->used);
		size_t len = (size_t)run << l->block_shift;
		if (io_pwrite_full(w->c->fd, from, len, address << l->block_shift) < 0)
			return write_error(&w->err);
		count(w, &w->stats.copied, len);
		from += len;
		w->start += run;
		w->used -= run;
	}
	return 0;
}

static int read_source(
	struct worker *w, const struct source *s, void *to, size_t len, uint64_t at)
{
	if (s->memory) {
		memcpy(to, s->memory + at, len);
		return 0;
	}
	ssize_t n = io_pread_full(s->fd, to, len, s->offset + at);
	if (n < 0)
		return source_error(w, s, errno, "read");
	if ((size_t)n < len)
		return source_error(w, s, 0, "the file became shorter while it was read");
	return 0;
}

/* By way of the buffer: from that block of the file to that data block. */
static int copy_buffered(
	struct worker *w, const struct source *s, struct block_run run, uint32_t data)
{
	const uint32_t shift = w->c->plan->layout.block_shift;
	const uint32_t room = BUFFER_SIZE >> shift;

	if (w->used && w->start + w->used != data && flush_buffer(w) < 0)
		return -1;
	while (run.count) {
		if (w->used == room && flush_buffer(w) < 0)
			return -1;
		if (w->used == 0)
			w->start = data;
		uint32_t n = MIN(run.count, room - w->used);
		uint64_t at = run.first << shift;
		size_t whole = (size_t)n << shift, len = MIN(whole, s->inode->size - at);
		uint8_t *to = w->buffer + ((size_t)w->used << shift);
		if (read_source(w, s, to, len, at) < 0)
			return -1;
		memset(to + len, 0, whole - len);
		w->used += n;
		run.first += n;
		run.count -= n;
		data += n;
	}
	return 0;
}

/* Share `len` bytes between the files. false: they can't, or the range does not suit. */
static bool clone_range(int in, uint64_t from, int out, uint64_t to, uint64_t len)
{
	struct file_clone_range range = {
		.src_fd = in, .src_offset = from, .src_length = len, .dest_offset = to};

	if ((from | to | len) % CLONE_ALIGN)
		return false;
	return ioctl(out, FICLONERANGE, &range) == 0;
}

/* The bytes copied: fewer than len if the kernel can't, or the source has no more. */
static uint64_t copy_range(int in, uint64_t from, int out, uint64_t to, uint64_t len)
{
	off_t in_at = from, out_at = to;
	uint64_t done = 0;

	while (done < len) {
		ssize_t n = copy_file_range(in, &in_at, out, &out_at, len - done, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += n;
	}
	return done;
}

/*
 * Inside the kernel, as many whole blocks of the run as it can; what is left (the end of
 * the file, or everything) is for the buffer. Errors of the kernel's come up again there,
 * with their reason.
 */
static uint32_t copy_direct(
	struct worker *w, const struct source *s, struct block_run run, uint32_t data)
{
	const struct layout *l = &w->c->plan->layout;
	uint64_t whole_blocks = s->inode->size >> l->block_shift;
	uint32_t done = 0;

	if (run.first >= whole_blocks)
		return 0;
	run.count = MIN(run.count, whole_blocks - run.first);
	while (done < run.count && !atomic_load(&w->c->stop)) {
		uint32_t n;
		uint64_t to = (uint64_t)layout_address(l, data + done, &n)
			<< l->block_shift;
		uint64_t from = s->offset + ((run.first + done) << l->block_shift);
		n = MIN(n, run.count - done);
		uint64_t len = (uint64_t)n << l->block_shift;
		if (clone_range(s->fd, from, w->c->fd, to, len)) {
			count(w, &w->stats.reflinked, len);
		} else {
			uint64_t copied = copy_range(s->fd, from, w->c->fd, to, len);
			n = copied >> l->block_shift;
			count(w, &w->stats.copied_in_kernel,
				(uint64_t)n << l->block_shift);
			if (copied < len)
				return done + n;
		}
		done += n;
	}
	return done;
}

static int copy_runs(struct worker *w, const struct source *s)
{
	struct block_runs runs = plan_block_runs(w->c->plan, s->inode);
	const uint32_t shift = w->c->plan->layout.block_shift;
	uint32_t data = plan_first_block(w->c->plan, s->inode, NULL);
	struct block_run run;

	while (block_runs_next(&runs, &run) && !atomic_load(&w->c->stop)) {
		uint32_t total = run.count;
		uint32_t direct = 0;
		if (!s->memory && (uint64_t)total << shift >= DIRECT_SIZE)
			direct = copy_direct(w, s, run, data);
		run.first += direct;
		run.count -= direct;
		if (run.count && copy_buffered(w, s, run, data + direct) < 0)
			return -1;
		data += total;
	}
	return 0;
}

static int copy_file(struct worker *w, const struct tree_inode *inode)
{
	struct source s = {.inode = inode, .fd = -1};

	if (inode->content == TREE_CONTENT_NONE || inode->size == 0 || inode->all_hole)
		return 0;
	if (inode->content == TREE_CONTENT_MEMORY) {
		s.memory = tree_content_memory(inode);
		return copy_runs(w, &s);
	}
	if (tree_content_open(inode, &s.fd, &s.offset, &w->err) < 0)
		return -1;
	int r = copy_runs(w, &s);
	if (r == 0)
		r = tree_content_verify(inode, s.fd, &w->err);
	close(s.fd);
	return r;
}

/* The next stretch of inodes; false: there is none. */
static bool take_job(struct content *c, uint32_t *ret_first, uint32_t *ret_end)
{
	uint64_t bytes = 0;

	pthread_mutex_lock(&c->lock);
	uint32_t i = *ret_first = c->next_inode;
	for (; i < c->plan->n_inodes && bytes < JOB_SIZE; i++) {
		const struct tree_inode *inode = tree_inode_at(c->plan->tree, i);
		if (S_ISREG(inode->mode))
			bytes += MIN(inode->size, JOB_SIZE);
	}
	c->next_inode = *ret_end = i;
	pthread_mutex_unlock(&c->lock);
	return *ret_first < i;
}

static int do_jobs(struct worker *w)
{
	uint32_t i, end;

	while (take_job(w->c, &i, &end)) {
		for (; i < end; i++) {
			const struct tree_inode *inode =
				tree_inode_at(w->c->plan->tree, i);
			if (atomic_load(&w->c->stop))
				return 0;
			if (S_ISREG(inode->mode) && copy_file(w, inode) < 0)
				return -1;
		}
		if (flush_buffer(w) < 0)
			return -1;
	}
	return 0;
}

static void *run_worker(void *data)
{
	struct content *c = data;
	struct worker w = {.c = c, .buffer = xmalloc(BUFFER_SIZE)};
	int r = do_jobs(&w);

	pthread_mutex_lock(&c->lock);
	if (r < 0) {
		if (!c->failed)
			c->err = w.err;
		c->failed = true;
		atomic_store(&c->stop, true);
	}
	c->stats.reflinked += w.stats.reflinked;
	c->stats.copied_in_kernel += w.stats.copied_in_kernel;
	c->stats.copied += w.stats.copied;
	if (--c->running == 0)
		pthread_cond_signal(&c->ended);
	pthread_mutex_unlock(&c->lock);
	free(w.buffer);
	return NULL;
}

static void init_sync(struct content *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->ended, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&c->lock, NULL);
}

int content_start(const struct ext2_plan *p, int fd, unsigned workers,
	struct content **ret_content, struct error *err)
{
	struct content *c = xcalloc(1, sizeof(*c) + workers * sizeof(c->threads[0]));

	c->plan = p;
	c->fd = fd;
	init_sync(c);
	c->running = workers;
	for (; c->n_threads < workers; c->n_threads++) {
		int num = pthread_create(&c->threads[c->n_threads], NULL, run_worker, c);
		if (num == 0)
			continue;
		pthread_mutex_lock(&c->lock);
		c->running -= workers - c->n_threads;
		pthread_mutex_unlock(&c->lock);
		if (c->n_threads)
			break;
		content_finish(c, NULL, NULL);
		return error_set(err, num, "start a thread");
	}
	*ret_content = c;
	return 0;
}

uint64_t content_done(const struct content *c)
{
	return atomic_load_explicit(&c->done, memory_order_relaxed);
}

bool content_wait(struct content *c, int timeout_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += timeout_ms % 1000 * 1000000L;
	until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&c->lock);
	while (c->running && pthread_cond_timedwait(&c->ended, &c->lock, &until) == 0)
		;
	bool ended = c->running == 0;
	pthread_mutex_unlock(&c->lock);
	return ended;
}

void content_cancel(struct content *c)
{
	atomic_store(&c->stop, true);
}

int content_finish(
	struct content *c, struct ext2_emit_stats *ret_stats, struct error *err)
{
	for (unsigned i = 0; i < c->n_threads; i++)
		pthread_join(c->threads[i], NULL);
	bool failed = c->failed;
	if (failed && err)
		*err = c->err;
	if (!failed && ret_stats)
		*ret_stats = c->stats;
	pthread_cond_destroy(&c->ended);
	pthread_mutex_destroy(&c->lock);
	free(c);
	return failed ? -1 : 0;
}
