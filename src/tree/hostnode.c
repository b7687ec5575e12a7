/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a file of the host to a node: all its metadata, and for a regular file where its
 * holes are and whether it can be read at all. The content stays where it is until it is
 * copied.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "tree/host.h"

#ifndef SYS_listxattrat /* newer than many a libc */
#define SYS_listxattrat 465
#endif

/* All steps below return 0, or -1 with errno set. */

static int read_target(struct tree *t, const struct host_at *at, const char *name,
	struct tree_inode *inode)
{
	char target[TREE_TARGET_MAX + 1];
	ssize_t len = readlinkat(at->fd, name, target, sizeof(target));

	if (len < 0)
		return -1;
	if (len == 0 || len > TREE_TARGET_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	inode->target = arena_strndup(&t->arena, target, len);
	inode->size = len;
	return 0;
}

/* The next run of data at or after `from`: 1 and the run, 0 if only a hole is left. */
static int next_extent(int fd, off_t from, off_t size, struct tree_extent *ret)
{
	off_t data = lseek(fd, from, SEEK_DATA);
	if (data < 0 && errno == EINVAL) /* can't tell holes: it is all data */
		data = from;
	else if (data < 0)
		return errno == ENXIO ? 0 : -1;
	off_t hole = data < size ? lseek(fd, data, SEEK_HOLE) : data;
	if (hole < 0 && errno != EINVAL)
		return -1;
	hole = hole < 0 ? size : MIN(hole, size);
	if (hole <= data)
		return 0;
	*ret = (struct tree_extent){.offset = data, .len = hole - data};
	return 1;
}

static int find_extents(struct tree *t, int fd, struct tree_inode *inode)
{
	VECTOR(struct tree_extent) found = {0};
	struct tree_extent e = {0};
	int r;

	while ((r = next_extent(fd, e.offset + e.len, inode->size, &e)) > 0)
		vector_push(&found, e);
	inode->all_hole = found.len == 0;
	if (found.len && found.items[0].len != inode->size) {
		size_t bytes = found.len * sizeof(found.items[0]);
		inode->extents =
			memcpy(arena_alloc(&t->arena, bytes), found.items, bytes);
		inode->n_extents = found.len;
	}
	vector_done(&found);
	return r;
}

static int read_xattr(struct tree *t, const struct host_at *at, const char *file,
	const char *name, struct xattr_list *list)
{
	CLEANUP_FREE char *value = xmalloc(XATTR_SIZE_MAX);
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", at->path, file);
	ssize_t len = lgetxattr(path, name, value, XATTR_SIZE_MAX);

	if (len < 0)
		return errno == ENODATA ? 0 : -1;
	tree_xattr_add(t, list, name, value, len);
	return 0;
}

/*
 * By directory and name where the kernel can (Linux 6.13): a path through /proc takes
 * three times as long, which is a third of the time that reading a tree takes.
 */
static ssize_t list_xattrs(
	const struct host_at *at, const char *name, char *list, size_t size)
{
	static atomic_bool missing;
	char path[PATH_MAX];

	if (!missing) {
		long len = syscall(
			SYS_listxattrat, at->fd, name, AT_SYMLINK_NOFOLLOW, list, size);
		if (len >= 0 || (errno != ENOSYS && errno != EPERM))
			return len;
		missing = true;
	}
	snprintf(path, sizeof(path), "%s/%s", at->path, name);
	return llistxattr(path, list, size);
}

static int read_xattrs(struct tree *t, const struct host_at *at, const char *name,
	struct tree_inode *inode)
{
	char small[512], *names = small;
	CLEANUP_FREE char *large = NULL;
	struct xattr_list list = {0};
	int r = 0;

	/* The kernel allocates what we offer: little, for the many files that have
	 * none. */
	ssize_t len = list_xattrs(at, name, small, sizeof(small));
	if (len < 0 && errno == ERANGE) {
		names = large = xmalloc(XATTR_LIST_MAX);
		len = list_xattrs(at, name, large, XATTR_LIST_MAX);
	}
	if (len < 0)
		return errno == ENOTSUP ? 0 : -1;
	for (const char *x = names; r == 0 && x < names + len; x += strlen(x) + 1)
		if (tree_xattr_wanted(x))
			r = read_xattr(t, at, name, x, &list);
	tree_xattr_attach(t, &list, inode);
	return r;
}

static bool has_acl(const struct tree_inode *inode)
{
	for (uint32_t i = 0; i < inode->n_xattrs; i++)
		if (strcmp(inode->xattrs[i].name, "system.posix_acl_access") == 0)
			return true;
	return false;
}

/* Whether it can be read: mostly the mode tells without asking. */
static int check_readable(
	const struct host_at *at, const char *name, const struct tree_inode *inode)
{
	if ((inode->mode & 0444) == 0444 && !has_acl(inode))
		return 0;
	return faccessat(at->fd, name, R_OK, AT_EACCESS);
}

static int read_regular(struct tree *t, const struct host_at *at, const char *name,
	const struct stat *st, struct tree_inode *inode)
{
	if (st->st_size == 0)
		return 0;
	inode->size = st->st_size;
	inode->content = TREE_CONTENT_FILE;
	if (check_readable(at, name, inode) < 0)
		return -1;
	if (st->st_blocks * (off_t)512 < st->st_size) {
		CLEANUP_CLOSE int fd = openat(at->fd, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0 || find_extents(t, fd, inode) < 0)
			return -1;
	}
	struct host_file *f = arena_alloc(&t->arena, sizeof(*f));
	f->dir = at->dir;
	f->name = arena_strdup(&t->arena, name);
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	f->ctime = (struct tree_time){st->st_ctim.tv_sec, st->st_ctim.tv_nsec};
	inode->source = f;
	return 0;
}

int host_read_node(struct tree *t, const struct host_at *at, const char *name,
	const struct stat *st, struct tree_inode *ret, struct error *err)
{
	struct tree_inode node = {
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = {st->st_mtim.tv_sec, st->st_mtim.tv_nsec},
	};

	int r = read_xattrs(t, at, name, &node);
	if (r == 0 && S_ISLNK(st->st_mode)) {
		r = read_target(t, at, name, &node);
	} else if (r == 0 && S_ISREG(st->st_mode)) {
		r = read_regular(t, at, name, st, &node);
	} else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		node.rdev_major = major(st->st_rdev);
		node.rdev_minor = minor(st->st_rdev);
	}
	if (r < 0)
		return host_skip(t, at->dir, name, errno, err);
	*ret = node;
	return 0;
}

/* The inode that an earlier name of the same host file got, if the file is still the
 * same. */
static struct tree_inode *find_link(
	const struct tree *t, const char *key, const struct stat *st)
{
	struct tree_inode *inode = strmap_get(&t->host_links, key);

	if (!inode || (inode->mode & S_IFMT) != (st->st_mode & S_IFMT))
		return NULL;
	if (!S_ISREG(inode->mode) || inode->content != TREE_CONTENT_FILE)
		return inode;
	const struct host_file *f = inode->source;
	bool same = f->ctime.sec == st->st_ctim.tv_sec &&
		f->ctime.nsec == st->st_ctim.tv_nsec;
	return same ? inode : NULL;
}

int host_put_node(struct tree *t, const struct host_at *at, const char *name,
	const struct stat *st, struct tree_inode *dir, struct tree_inode **ret_inode,
	struct error *err)
{
	bool linked = !S_ISDIR(st->st_mode) && st->st_nlink > 1;
	struct tree_inode node;
	char key[40];

	if (linked) {
		snprintf(key, sizeof(key), "%jx:%jx", (uintmax_t)st->st_dev,
			(uintmax_t)st->st_ino);
		*ret_inode = find_link(t, key, st);
		if (*ret_inode)
			return tree_put_link(t, dir, name, strlen(name), *ret_inode, err);
	}
	int r = host_read_node(t, at, name, st, &node, err);
	if (r)
		return r;
	if (tree_put(t, dir, name, strlen(name), &node, ret_inode, err))
		return -1;
	if (linked)
		strmap_put(&t->host_links, arena_strdup(&t->arena, key), *ret_inode);
	return 0;
}
