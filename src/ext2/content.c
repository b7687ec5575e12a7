/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each worker takes a range of consecutive inodes, whose contents are consecutive in the
 * image too, and copies them (copy.c). Opening files costs more than writing, and only one
 * thread at a time can write to a file: so two workers help, and more do not.
 *
 * The first error stops all workers.
 */
#include "content.h"

#include <pthread.h>
#include <time.h>

#include "base/mem.h"
#include "copy.h"
#include "plan.h"

/* How many bytes of files a worker takes at a time. */
#define JOB_SIZE (1024 * 1024)

struct content {
	struct copy_target target;

	/* Protects all members below. */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	uint32_t next_inode;
	unsigned running;
	bool failed;
	struct error err;
	struct ext2_emit_stats stats;

	unsigned n_threads;
	pthread_t threads[];
};

/* Take the next range of inodes; false: none are left. */
static bool take_job(struct content *c, uint32_t *ret_first, uint32_t *ret_end)
{
	const struct ext2_plan *p = c->target.plan;
	uint64_t bytes = 0;

	pthread_mutex_lock(&c->lock);
	uint32_t i = *ret_first = c->next_inode;
	for (; i < p->n_inodes && bytes < JOB_SIZE; i++) {
		const struct tree_inode *inode = tree_inode_at(p->tree, i);
		if (S_ISREG(inode->mode))
			bytes += MIN(inode->size, JOB_SIZE);
	}
	c->next_inode = *ret_end = i;
	pthread_mutex_unlock(&c->lock);
	return *ret_first < i;
}

static int do_jobs(struct content *c, struct copier *copier, struct error *err)
{
	uint32_t i, end;

	while (take_job(c, &i, &end)) {
		for (; i < end; i++) {
			const struct tree_inode *inode =
				tree_inode_at(c->target.plan->tree, i);
			if (atomic_load(&c->target.stop))
				return 0;
			if (S_ISREG(inode->mode) && copier_add(copier, inode, err) < 0)
				return -1;
		}
		if (copier_flush(copier, err) < 0)
			return -1;
	}
	return 0;
}

static void *run_worker(void *data)
{
	struct content *c = data;
	struct copier copier;
	struct error err;

	copier_init(&copier, &c->target);
	int r = do_jobs(c, &copier, &err);
	copier_done(&copier);

	pthread_mutex_lock(&c->lock);
	if (r < 0) {
		if (!c->failed)
			c->err = err;
		c->failed = true;
		atomic_store(&c->target.stop, true);
	}
	c->stats.reflinked += copier.stats.reflinked;
	c->stats.copied += copier.stats.copied;
	if (--c->running == 0)
		pthread_cond_signal(&c->ended);
	pthread_mutex_unlock(&c->lock);
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

	c->target.plan = p;
	c->target.fd = fd;
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
	return atomic_load_explicit(&c->target.done, memory_order_relaxed);
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
	atomic_store(&c->target.stop, true);
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
