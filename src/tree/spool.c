/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Spool files. */
#include "tree/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"

/* Below what every file system takes as a file's size; beyond it another file is
 * begun. */
#define SPOOL_MAX ((uint64_t)1 << 40)

/* Files from here on begin at a block, so that they can be copied by sharing blocks;
 * smaller ones are packed. */
#define ALIGN_FROM (32 * 1024)
#define BLOCK	   4096

struct spool {
	struct spool *next;
	char *dir; /* for messages */
	int fd;
	uint64_t end;
};

static int open_unlinked(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	CLEANUP_FREE char *name = xasprintf("%s/hypermin-spool-XXXXXX", dir);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

static struct spool *begin(struct tree *t, const char *dir, struct error *err)
{
	int fd = open_unlinked(dir);
	if (fd < 0)
		return error_null(err, errno, "create a temporary file in '%s'", dir);
	struct spool *s = xcalloc(1, sizeof(*s));
	s->fd = fd;
	s->dir = xstrdup(dir);
	s->next = t->spools;
	t->spools = s;
	return s;
}

int spool_reserve(struct tree *t, const char *dir, uint64_t size, struct spool_slice *ret,
	struct error *err)
{
	struct spool *s = t->spools;

	if (!s || (s->end > 0 && (size > SPOOL_MAX || s->end > SPOOL_MAX - size)))
		s = begin(t, dir, err);
	if (!s)
		return -1;
	if (size >= ALIGN_FROM)
		s->end = (s->end + BLOCK - 1) / BLOCK * BLOCK;
	*ret = (struct spool_slice){.spool = s, .offset = s->end};
	s->end += size;
	return 0;
}

static int write_error(const struct spool *s, struct error *err)
{
	return error_set(err, errno, "write a temporary file in '%s'", s->dir);
}

int spool_write(const struct spool_slice *s, uint64_t offset, const void *data,
	size_t len, struct error *err)
{
	if (io_pwrite_full(s->spool->fd, data, len, s->offset + offset) == 0)
		return 0;
	return write_error(s->spool, err);
}

int spool_extend(const struct spool_slice *s, uint64_t size, struct error *err)
{
	struct stat st;

	if (fstat(s->spool->fd, &st) < 0)
		return write_error(s->spool, err);
	if ((uint64_t)st.st_size < s->offset + size &&
		ftruncate(s->spool->fd, s->offset + size) < 0)
		return write_error(s->spool, err);
	return 0;
}

int spool_equal(const struct spool_slice *a, const struct spool_slice *b, uint64_t size,
	bool *ret, struct error *err)
{
	char one[16 * 1024], two[sizeof(one)];
	bool same = true;

	for (uint64_t at = 0; same && at < size; at += sizeof(one)) {
		size_t n = MIN(size - at, sizeof(one));
		if (io_pread_full(a->spool->fd, one, n, a->offset + at) != (ssize_t)n ||
			io_pread_full(b->spool->fd, two, n, b->offset + at) != (ssize_t)n)
			return error_set(err, errno, "read a temporary file in '%s'",
				a->spool->dir);
		same = memcmp(one, two, n) == 0;
	}
	*ret = same;
	return 0;
}

int spool_open(const struct spool_slice *s, int *ret_fd, struct error *err)
{
	int fd = fcntl(s->spool->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return error_set(
			err, errno, "open a temporary file in '%s'", s->spool->dir);
	*ret_fd = fd;
	return 0;
}

void spools_free(struct spool *spools)
{
	while (spools) {
		struct spool *next = spools->next;
		close(spools->fd);
		free(spools->dir);
		free(spools);
		spools = next;
	}
}
