/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files: opening, reading and closing them. write.c changes them. */
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "share/server.h"

/* A file that changes twice within this has the same times after both. */
#define SETTLED_SECONDS 2

/*
 * Whether what the guest has in its cache from an earlier open is still right: it is if
 * the change time is the same, and was not recent when it was noted. Otherwise each
 * compiler that make starts would read the same headers through the socket again.
 */
static bool is_as_seen(struct node *n, const struct stat *st)
{
	const struct timespec *c = &st->st_ctim;
	bool same =
		c->tv_sec == n->seen_ctime.tv_sec && c->tv_nsec == n->seen_ctime.tv_nsec;
	time_t now = time(NULL);

	n->seen_ctime = *c;
	/* A clock that differs, of a file system on the network, settles nothing. */
	if (now < c->tv_sec || now - c->tv_sec < SETTLED_SECONDS)
		n->seen_ctime = (struct timespec){0};
	return same && c->tv_sec > 0;
}

int open_regular(struct share *s, struct node *n, uint32_t flags, struct stat *ret)
{
	enum share_mode mode = node_mode(s, n);
	CLEANUP_CLOSE int fd = -1;
	int host = flags & (O_ACCMODE | O_SYNC);

	/* O_APPEND is not the host's business: the guest says where each write goes.
	 * O_DIRECT would want aligned memory, O_TRUNC comes when it is the right file. */
	if (mode != SHARE_RW && ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC))
		return -EROFS;
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	/* For the owner only; others leave a trace. */
	fd = nodes_open_file(
		&s->nodes, n, host | (mode == SHARE_RW ? 0 : O_NOATIME), ret);
	if (fd == -EPERM && mode != SHARE_RW)
		fd = nodes_open_file(&s->nodes, n, host, ret);
	if (fd >= 0 && flags & O_TRUNC) {
		drop_set_id(s, fd);
		if (truncate(fd_path(fd).text, 0) || fstat(fd, ret))
			return -errno;
	}
	return TAKE_FD(fd);
}

int reply_open(struct share *s, struct node *n, int fd, bool keep_cache)
{
	struct handle *h = handles_add(&s->handles, n, fd, false);
	struct fuse_open_out out = {.open_flags = keep_cache ? FOPEN_KEEP_CACHE : 0};

	if (!h)
		return -EMFILE;
	out.fh = h->id;
	reply_add(s, &out, sizeof(out));
	return 0;
}

int handle_open(struct share *s, struct request *r)
{
	struct node *n = r->node;
	struct stat st;
	int fd = open_regular(s, n, r->in.open.flags, &st);

	if (fd < 0)
		return fd;
	return reply_open(s, n, fd, node_is_still(s, n) || is_as_seen(n, &st));
}

int handle_read(struct share *s, struct request *r)
{
	const struct fuse_read_in *in = &r->in.read;
	struct handle *h = handles_get(&s->handles, in->fh, r->node->id, false);
	size_t done = 0;
	ssize_t n;

	if (!h)
		return -EBADF;
	if (in->size > s->data_max || in->offset > INT64_MAX - in->size)
		return -EINVAL;
	char *data = strbuf_grow(&s->out, in->size);
	while (done < in->size) {
		n = pread(h->fd, data + done, in->size - done, in->offset + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && done == 0)
			return -errno;
		if (n <= 0)
			break;
		done += n;
	}
	s->out.len += done;
	return 0;
}

int handle_release(struct share *s, struct request *r)
{
	struct handle *h =
		handles_get(&s->handles, r->in.release.fh, r->header.nodeid, false);

	if (!h)
		return -EBADF;
	handles_close(&s->handles, &s->nodes, h);
	return 0;
}

int handle_lseek(struct share *s, struct request *r)
{
	const struct fuse_lseek_in *in = &r->in.lseek;
	struct handle *h = handles_get(&s->handles, in->fh, r->node->id, false);

	if (!h)
		return -EBADF;
	/* The guest's kernel does the others. */
	if (in->whence != SEEK_DATA && in->whence != SEEK_HOLE)
		return -EINVAL;
	off_t at = lseek(h->fd, in->offset, in->whence);
	if (at < 0)
		return -errno;
	struct fuse_lseek_out out = {.offset = at};
	reply_add(s, &out, sizeof(out));
	return 0;
}

int handle_fsync(struct share *s, struct request *r)
{
	const struct fuse_fsync_in *in = &r->in.fsync;
	struct handle *h = handles_get(&s->handles, in->fh, r->node->id, false);

	if (!h)
		return -EBADF;
	/* The guest has nothing there to flush, and the host's disk is not its own. */
	if (node_mode(s, r->node) != SHARE_RW)
		return 0;
	return (in->fsync_flags & FUSE_FSYNC_FDATASYNC ? fdatasync : fsync)(h->fd)
		? -errno
		: 0;
}
