/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What changes a file: its content, its attributes. names.c changes directories. */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>

#include "share/ids.h"
#include "share/server.h"

void drop_set_id(const struct share *s, int fd)
{
	struct stat st;

	/* The host's kernel does it for all other users. */
	if (s->privileged && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		st.st_mode & (S_ISUID | S_ISGID))
		chmod(fd_path(fd).text, st.st_mode & 01777);
}

int handle_write(struct share *s, struct request *r)
{
	const struct fuse_write_in *in = &r->in.write;
	struct handle *h = handles_get(&s->handles, in->fh, r->node->id, false);
	/* Where the file ends is known here best; but pages of a mapping go to their place. */
	int flags = in->flags & O_APPEND && !(in->write_flags & FUSE_WRITE_CACHE)
		? RWF_APPEND
		: 0;
	struct fuse_write_out out = {0};

	if (!h)
		return -EBADF;
	if (in->size > s->data_max || in->size != r->data_len ||
		in->offset > INT64_MAX - in->size)
		return -EINVAL;
	drop_set_id(s, h->fd);
	while (out.size < in->size) {
		struct iovec rest = {
			.iov_base = (char *)r->data + out.size,
			.iov_len = in->size - out.size,
		};
		ssize_t n = pwritev2(h->fd, &rest, 1, in->offset + out.size, flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && out.size == 0)
			return -errno;
		if (n <= 0)
			break;
		out.size += n;
	}
	reply_add(s, &out, sizeof(out));
	return 0;
}

int handle_fallocate(struct share *s, struct request *r)
{
	const struct fuse_fallocate_in *in = &r->in.fallocate;
	struct handle *h = handles_get(&s->handles, in->fh, r->node->id, false);

	if (!h)
		return -EBADF;
	if (in->mode &
		~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	drop_set_id(s, h->fd);
	return fallocate(h->fd, in->mode, in->offset, in->length) ? -errno : 0;
}

static int set_owner(
	struct share *s, const struct request *r, int fd, const struct stat *st)
{
	const struct fuse_setattr_in *in = &r->in.setattr;
	uid_t uid = -1;
	gid_t gid = -1;

	/* To what it already is anyone may set it. */
	if (in->valid & FATTR_UID && in->uid != ids_to_guest(s->root.uid, st->st_uid))
		uid = ids_to_host(s->root.uid, in->uid);
	if (in->valid & FATTR_GID && in->gid != ids_to_guest(s->root.gid, st->st_gid))
		gid = ids_to_host(s->root.gid, in->gid);
	if (uid == (uid_t)-1 && gid == (gid_t)-1)
		return 0;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) ? -errno : 0;
}

static int set_times(const struct fuse_setattr_in *in, int fd)
{
	struct timespec times[2] = {
		{.tv_sec = in->atime, .tv_nsec = in->atimensec},
		{.tv_sec = in->mtime, .tv_nsec = in->mtimensec},
	};
	const uint32_t set[] = {FATTR_ATIME, FATTR_MTIME};
	const uint32_t now[] = {FATTR_ATIME_NOW, FATTR_MTIME_NOW};

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		if (!(in->valid & set[i]))
			times[i].tv_nsec = UTIME_OMIT;
		else if (in->valid & now[i])
			times[i].tv_nsec = UTIME_NOW;
		else if (times[i].tv_nsec >= 1000000000)
			return -EINVAL;
	}
	return utimensat(AT_FDCWD, fd_path(fd).text, times, 0) ? -errno : 0;
}

static int set_attributes(struct share *s, const struct request *r, int fd)
{
	const struct fuse_setattr_in *in = &r->in.setattr;
	int result = 0;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (in->valid & (FATTR_UID | FATTR_GID))
		result = set_owner(s, r, fd, &st);
	if (result == 0 && in->valid & FATTR_MODE) {
		/* No program of the host's user is to run for others as that user. */
		mode_t mode = in->mode & (S_ISDIR(st.st_mode) ? 07777 : 01777);

		result = chmod(fd_path(fd).text, mode) ? -errno : 0;
	}
	if (result == 0 && in->valid & FATTR_KILL_SUIDGID)
		drop_set_id(s, fd);
	if (result == 0 && in->valid & FATTR_SIZE) {
		if (!S_ISREG(st.st_mode) || in->size > INT64_MAX)
			return -EINVAL;
		drop_set_id(s, fd);
		/* A handle may write even where its user no longer may. */
		if (in->valid & FATTR_FH ? ftruncate(fd, in->size)
					 : truncate(fd_path(fd).text, in->size))
			return -errno;
	}
	if (result == 0 && in->valid & (FATTR_ATIME | FATTR_MTIME))
		result = set_times(in, fd);
	return result;
}

int handle_setattr(struct share *s, struct request *r)
{
	const struct fuse_setattr_in *in = &r->in.setattr;
	CLEANUP_CLOSE int own = -1;
	struct handle *h = NULL;
	struct stat st;
	int result;

	if (in->valid & FATTR_FH) {
		h = handles_get(&s->handles, in->fh, r->node->id, false);
		if (!h)
			return -EBADF;
	} else {
		own = nodes_open_path(&s->nodes, r->node);
		if (own < 0)
			return TAKE_FD(own);
	}
	result = set_attributes(s, r, h ? h->fd : own);
	if (result < 0)
		return result;
	if (fstat(h ? h->fd : own, &st))
		return -errno;
	reply_attributes(s, r->node, &st);
	return 0;
}
