/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "serve/files.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/serve.h"
#include "tree/tree.h"

/* More than there are threads, each of which uses one. */
#define OPEN_MAX (2 * SERVE_CLIENTS_MAX * SERVE_THREADS)

struct open_file {
	const struct tree_inode *inode;
	int fd;
	/* Where in it the file begins. */
	uint64_t offset;
	unsigned users;
	/* When it was used last: struct files has the clock. */
	uint64_t used;
};

struct files {
	const struct tree *tree;
	/* Of all that follows. */
	pthread_mutex_t lock;
	struct open_file open[OPEN_MAX];
	size_t n_open;
	uint64_t clock;

	/* A bit for each inode: it is not served any more. */
	atomic_uchar *refused;
};

struct files *files_new(const struct tree *tree)
{
	struct files *f = xcalloc(1, sizeof(*f));

	f->tree = tree;
	pthread_mutex_init(&f->lock, NULL);
	f->refused = xcalloc(tree_inode_count(tree) / 8 + 1, sizeof(f->refused[0]));
	return f;
}

void files_free(struct files *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_open; i++)
		close(f->open[i].fd);
	pthread_mutex_destroy(&f->lock);
	free(f->refused);
	free(f);
}

/* The lock is held. */
static struct open_file *find_open(struct files *f, const struct tree_inode *inode)
{
	for (size_t i = 0; i < f->n_open; i++) {
		struct open_file *o = &f->open[i];
		if (o->inode == inode) {
			o->users++;
			o->used = ++f->clock;
			return o;
		}
	}
	return NULL;
}

/* In place of the one whose last use is the longest ago. Two threads may have opened the same
 * file, which does no harm. The lock is held. */
static struct open_file *keep_open(struct files *f, const struct open_file *fresh)
{
	struct open_file *o = NULL;

	if (f->n_open < OPEN_MAX) {
		o = &f->open[f->n_open++];
	} else {
		for (size_t i = 0; i < OPEN_MAX; i++)
			if (!f->open[i].users && (!o || f->open[i].used < o->used))
				o = &f->open[i];
		close(o->fd);
	}
	*o = *fresh;
	o->users = 1;
	o->used = ++f->clock;
	return o;
}

static bool is_refused(struct files *f, const struct tree_inode *inode)
{
	return atomic_load(&f->refused[inode->index / 8]) >> inode->index % 8 & 1;
}

/* From here on it is never served again: its next state is not the one that was added either.
 * A shortage passes. */
static void refuse(
	struct files *f, const struct tree_inode *inode, const struct error *err)
{
	bool passes = err->num == EMFILE || err->num == ENFILE || err->num == ENOMEM;

	unsigned char bit = 1 << inode->index % 8;
	unsigned char before = passes
		? atomic_load(&f->refused[inode->index / 8])
		: atomic_fetch_or(&f->refused[inode->index / 8], bit);
	if (!(before & bit))
		log_warning("%-s; reading it gives I/O errors%s", err->msg,
			passes ? "" : " from now on");
}

static struct open_file *acquire(
	struct files *f, const struct tree_inode *inode, struct error *err)
{
	struct open_file fresh = {.inode = inode};

	pthread_mutex_lock(&f->lock);
	struct open_file *o = find_open(f, inode);
	pthread_mutex_unlock(&f->lock);
	if (o)
		return o;
	if (tree_content_open(inode, &fresh.fd, &fresh.offset, err) < 0)
		return NULL;
	pthread_mutex_lock(&f->lock);
	o = keep_open(f, &fresh);
	pthread_mutex_unlock(&f->lock);
	return o;
}

static void release(struct files *f, struct open_file *o)
{
	pthread_mutex_lock(&f->lock);
	o->users--;
	pthread_mutex_unlock(&f->lock);
}

static int read_open(const struct files *f, const struct tree_inode *inode, int fd,
	uint64_t at, void *to, size_t len, struct error *err)
{
	ssize_t n = io_pread_full(fd, to, len, at);
	int num = errno;

	if (tree_content_verify(inode, fd, err) < 0)
		return -1;
	if (n == (ssize_t)len)
		return 0;
	CLEANUP_FREE char *path = tree_inode_path(f->tree, inode);
	if (n < 0)
		return error_set(err, num, "read '%s'", path);
	return error_set(err, 0, "read '%s': it ends early", path);
}

/* All of a file: nobody will ask for the rest of it, so it does not stay open. */
static int read_whole(const struct files *f, const struct tree_inode *inode, void *to,
	struct error *err)
{
	CLEANUP_CLOSE int fd = -1;
	uint64_t start;

	if (tree_content_open(inode, &fd, &start, err) < 0)
		return -1;
	return read_open(f, inode, fd, start, to, inode->size, err);
}

static int read_part(struct files *f, const struct tree_inode *inode, uint64_t offset,
	void *to, size_t len, struct error *err)
{
	struct open_file *o = acquire(f, inode, err);

	if (!o)
		return -1;
	int result = read_open(f, inode, o->fd, o->offset + offset, to, len, err);
	release(f, o);
	return result;
}

int files_read(struct files *f, const struct tree_inode *inode, uint64_t offset, void *to,
	size_t len)
{
	struct error err;

	if (inode->content == TREE_CONTENT_MEMORY) {
		memcpy(to, (const uint8_t *)tree_content_memory(inode) + offset, len);
		return 0;
	}
	if (is_refused(f, inode))
		return -1;
	int result = len == inode->size ? read_whole(f, inode, to, &err)
					: read_part(f, inode, offset, to, len, &err);
	if (result < 0)
		refuse(f, inode, &err);
	return result;
}
