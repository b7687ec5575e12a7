/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories. An entry's offset is the host's own cookie for what follows it, so the guest
 * may go on at any entry, in another request or after others have changed the directory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>

#include "share/server.h"

/* A reply of entries that is being made. */
struct listing {
	struct share *s;
	struct node *directory;
	int fd;
	/* With what a lookup of each would say. */
	bool plus;
	/* What may still be added. */
	size_t room;
};

int handle_opendir(struct share *s, struct request *r)
{
	struct fuse_open_out out = {0};
	struct node *n = r->node;
	int fd = -1;

	if (n->type != S_IFDIR)
		return -ENOTDIR;
	if (n->id != FUSE_ROOT_ID && !n->hidden) {
		int directory = nodes_directory(&s->nodes, n);
		int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
		bool quiet = node_mode(s, n) != SHARE_RW;

		if (directory < 0)
			return directory;
		fd = openat(directory, ".", flags | (quiet ? O_NOATIME : 0));
		if (fd < 0 && quiet && errno == EPERM)
			fd = openat(directory, ".", flags);
		if (fd < 0)
			return -errno;
	}
	struct handle *h = handles_add(&s->handles, n, fd, true);
	if (!h)
		return -EMFILE;
	out.fh = h->id;
	if (node_is_still(s, n))
		out.open_flags = FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR;
	reply_add(s, &out, sizeof(out));
	return 0;
}

static size_t entry_size(const struct listing *l, size_t name_len)
{
	return FUSE_DIRENT_ALIGN(
		(l->plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET) + name_len);
}

/* False: there is no room for it. */
static bool add_entry(
	struct listing *l, const char *name, uint64_t ino, uint64_t offset, unsigned type)
{
	bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
	size_t len = strlen(name), size = entry_size(l, len);
	struct fuse_entry_out entry = {0};
	struct fuse_dirent dirent = {
		.ino = ino, .off = offset, .namelen = len, .type = type};

	if (size > l->room)
		return false;
	/* Of the dots the guest's kernel wants no node. Where a lookup fails, node 0 says
	 * that it has to ask again. */
	if (l->plus && !dots && l->fd >= 0) {
		struct node *n;
		struct stat st;

		if (lookup_at(l->s, l->directory, l->fd, name, &n, &st) == 0) {
			reply_fill_entry(l->s, n, &st, &entry);
			/* A mount point has two numbers. */
			dirent.ino = st.st_ino;
			dirent.type = IFTODT(st.st_mode);
		}
	}
	char *to = strbuf_grow(&l->s->out, size);
	memset(to, 0, size);
	if (l->plus) {
		memcpy(to, &entry, sizeof(entry));
		to += sizeof(entry);
	}
	memcpy(to, &dirent, FUSE_NAME_OFFSET);
	memcpy(to + FUSE_NAME_OFFSET, name, len);
	l->s->out.len += size;
	l->room -= size;
	return true;
}

/* The root, or a hidden directory. Offsets count the entries. */
static void list_made_up(struct listing *l, uint64_t offset)
{
	size_t count = 2;

	if (l->directory->id == FUSE_ROOT_ID)
		count += l->s->count;
	for (uint64_t i = offset; i < count; i++) {
		const char *name = i == 0 ? "."
			: i == 1	  ? ".."
					  : l->s->directories[i - 2].name;

		if (!add_entry(l, name, FUSE_ROOT_ID + i, i + 1, DT_DIR))
			break;
	}
}

static int list_real(struct listing *l, struct handle *h, uint64_t offset)
{
	union {
		char bytes[32768];
		struct dirent aligned;
	} buffer;
	/* The least that the kernel fills with any name, and the most that an entry of the
	 * guest's has for one byte of the kernel's. */
	const size_t least = sizeof(struct dirent), growth = l->plus ? 7 : 2;

	if (offset > INT64_MAX)
		return -EINVAL;
	if (h->position != (int64_t)offset && lseek(h->fd, offset, SEEK_SET) < 0)
		return -errno;
	h->position = offset;
	/* At least one entry, or the guest takes it for the end. */
	for (size_t room = l->room;
		l->room == room || l->room >= entry_size(l, NAME_MAX);) {
		size_t want = MIN(MAX(l->room / growth, least), sizeof(buffer));
		long got = syscall(SYS_getdents64, h->fd, buffer.bytes, want);

		if (got <= 0)
			/* A directory that was removed has none. */
			return got == 0 || errno == ENOENT ? 0 : -errno;
		for (long at = 0; at < got;) {
			struct dirent *d = (void *)(buffer.bytes + at);

			if (!add_entry(l, d->d_name, d->d_ino, d->d_off, d->d_type)) {
				h->position = -1;
				return l->room == room ? -EINVAL : 0;
			}
			h->position = d->d_off;
			at += d->d_reclen;
		}
	}
	return 0;
}

static int list(struct share *s, struct request *r, bool plus)
{
	const struct fuse_read_in *in = &r->in.read;
	struct handle *h = handles_get(&s->handles, in->fh, r->node->id, true);
	struct listing l = {.s = s, .directory = r->node, .plus = plus, .room = in->size};

	if (!h)
		return -EBADF;
	if (in->size > s->data_max)
		return -EINVAL;
	l.fd = h->fd;
	if (l.fd >= 0)
		return list_real(&l, h, in->offset);
	list_made_up(&l, in->offset);
	return 0;
}

int handle_readdir(struct share *s, struct request *r)
{
	return list(s, r, false);
}

int handle_readdirplus(struct share *s, struct request *r)
{
	return list(s, r, true);
}

int handle_releasedir(struct share *s, struct request *r)
{
	struct handle *h =
		handles_get(&s->handles, r->in.release.fh, r->header.nodeid, true);

	if (!h)
		return -EBADF;
	handles_close(&s->handles, &s->nodes, h);
	return 0;
}

int handle_fsyncdir(struct share *s, struct request *r)
{
	struct handle *h = handles_get(&s->handles, r->in.fsync.fh, r->node->id, true);

	if (!h)
		return -EBADF;
	return node_mode(s, r->node) == SHARE_RW && h->fd >= 0 && fsync(h->fd) ? -errno
									       : 0;
}
