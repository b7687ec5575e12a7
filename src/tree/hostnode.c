/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a file of the host to an inode: all its metadata and, for a regular file, where its
 * holes are and whether it can be read. The content is not read before it is copied.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "tree/host.h"
#include "tree/put.h"
#include "tree/xattr.h"

#ifndef SYS_listxattrat /* newer than many a libc */
#define SYS_listxattrat 465
#endif

/* Up to host_read_node() functions return 0, or -1 with errno set. */

static int read_target(
	struct tree *t, const struct host_name *file, struct tree_inode *inode)
{
	char target[TREE_TARGET_MAX + 1];
	ssize_t len = readlinkat(file->at->fd, file->name, target, sizeof(target));

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

struct extents {
	struct tree_extent *items;
	size_t len;
	size_t cap;
};

static void extents_done(struct extents *e)
{
	vector_done(e);
}

static int find_extents(struct tree *t, int fd, struct tree_inode *inode)
{
	CLEANUP(extents_done) struct extents found = {0};
	off_t at = 0, end;
	int r;

	for (; (r = file_next_data(fd, &at, &end, inode->size)) > 0; at = end)
		vector_push(&found, (struct tree_extent){.offset = at, .len = end - at});
	inode->all_hole = found.len == 0;
	if (found.len && found.items[0].len != inode->size) {
		size_t bytes = found.len * sizeof(found.items[0]);
		inode->extents =
			memcpy(arena_alloc(&t->arena, bytes), found.items, bytes);
		inode->n_extents = found.len;
	}
	return r;
}

static int read_xattr(struct tree *t, const struct host_name *file, const char *name,
	struct xattr_list *list)
{
	CLEANUP_FREE char *value = xmalloc(XATTR_SIZE_MAX);
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", file->at->path, file->name);
	ssize_t len = lgetxattr(path, name, value, XATTR_SIZE_MAX);

	if (len < 0)
		return errno == ENODATA ? 0 : -1;
	xattr_add(t, list, name, value, len);
	return 0;
}

/* Another library's llistxattr() is before the C library's: that of fakeroot, which keeps
 * attributes of its own and does not see system calls. */
static bool is_wrapped(void)
{
	void *call = dlsym(RTLD_DEFAULT, "llistxattr");
	void *unwrapped = dlsym(RTLD_DEFAULT, "getppid");
	Dl_info library, libc;

	return call && unwrapped && dladdr(call, &library) && dladdr(unwrapped, &libc) &&
		library.dli_fbase != libc.dli_fbase;
}

/*
 * By directory and name if the kernel can do that (Linux 6.13): a path through /proc takes
 * three times as long, which is a third of the time that reading a tree takes.
 */
static ssize_t list_xattrs(const struct host_name *file, char *list, size_t size)
{
	static atomic_bool known, missing;
	char path[PATH_MAX];

	if (!known) {
		missing = is_wrapped();
		known = true;
	}
	if (!missing) {
		long len = syscall(SYS_listxattrat, file->at->fd, file->name,
			AT_SYMLINK_NOFOLLOW, list, size);
		if (len >= 0 || (errno != ENOSYS && errno != EPERM))
			return len;
		missing = true;
	}
	snprintf(path, sizeof(path), "%s/%s", file->at->path, file->name);
	return llistxattr(path, list, size);
}

static int read_xattrs(
	struct tree *t, const struct host_name *file, struct tree_inode *inode)
{
	char small[512], *names = small;
	CLEANUP_FREE char *large = NULL;
	CLEANUP_XATTRS struct xattr_list list = {0};

	/* The kernel allocates a buffer as large as ours, and most files have none. */
	ssize_t len = list_xattrs(file, small, sizeof(small));
	if (len < 0 && errno == ERANGE) {
		names = large = xmalloc(XATTR_LIST_MAX);
		len = list_xattrs(file, large, XATTR_LIST_MAX);
	}
	if (len < 0)
		return errno == ENOTSUP ? 0 : -1;
	for (const char *x = names; x < names + len; x += strlen(x) + 1)
		if (xattr_wanted(x) && read_xattr(t, file, x, &list) < 0)
			return -1;
	xattr_attach(t, &list, inode);
	return 0;
}

static bool has_acl(const struct tree_inode *inode)
{
	for (uint32_t i = 0; i < inode->n_xattrs; i++)
		if (strcmp(inode->xattrs[i].name, "system.posix_acl_access") == 0)
			return true;
	return false;
}

static int read_regular(
	struct tree *t, const struct host_name *file, struct tree_inode *inode)
{
	const struct stat *st = &file->st;

	if (st->st_size == 0)
		return 0;
	inode->size = st->st_size;
	inode->content = TREE_CONTENT_FILE;
	/* Mostly the mode says that it can be read. */
	bool for_all = (inode->mode & 0444) == 0444 && !has_acl(inode);
	if (!for_all && faccessat(file->at->fd, file->name, R_OK, AT_EACCESS) < 0)
		return -1;
	if (st->st_blocks * (off_t)512 < st->st_size) {
		CLEANUP_CLOSE int fd = openat(file->at->fd, file->name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0 || find_extents(t, fd, inode) < 0)
			return -1;
	}
	struct host_file *f = arena_alloc(&t->arena, sizeof(*f));
	f->dir = file->at->dir;
	f->name = file->name; /* host_put_node() keeps it */
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	f->ctime = (struct tree_time){st->st_ctim.tv_sec, st->st_ctim.tv_nsec};
	inode->source = f;
	return 0;
}

enum tree_result host_read_node(struct tree *t, const struct host_name *file,
	struct tree_inode *ret, struct error *err)
{
	const struct stat *st = &file->st;
	struct tree_inode node = {
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = {st->st_mtim.tv_sec, st->st_mtim.tv_nsec},
	};

	int r = read_xattrs(t, file, &node);
	if (r == 0 && S_ISLNK(st->st_mode)) {
		r = read_target(t, file, &node);
	} else if (r == 0 && S_ISREG(st->st_mode)) {
		r = read_regular(t, file, &node);
	} else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		node.rdev_major = major(st->st_rdev);
		node.rdev_minor = minor(st->st_rdev);
	}
	if (r < 0)
		return host_skip(t, file->at->dir, file->name, errno, err);
	*ret = node;
	return TREE_DONE;
}

/* The inode that another name of the host file has brought, if the file has not changed
 * since. */
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

/* Mostly the tree has the name already: of a million files it is in memory once. */
static void keep_name(struct tree *t, const struct tree_spot *spot, struct host_file *f)
{
	const struct tree_entry *e = tree_dir_find(spot->dir->dir, spot->name, spot->len);

	f->name = e && strcmp(e->name, f->name) == 0 ? e->name
						     : arena_strdup(&t->arena, f->name);
}

enum tree_result host_put_node(struct tree *t, const struct host_name *file,
	const struct tree_spot *spot, struct tree_inode **ret_inode, struct error *err)
{
	const struct stat *st = &file->st;
	bool linked = !S_ISDIR(st->st_mode) && st->st_nlink > 1;
	struct tree_inode node;
	char key[40];

	if (linked) {
		snprintf(key, sizeof(key), "%jx:%jx", (uintmax_t)st->st_dev,
			(uintmax_t)st->st_ino);
		*ret_inode = find_link(t, key, st);
		if (*ret_inode)
			return node_add_link(t, spot, *ret_inode, err);
	}
	enum tree_result r = host_read_node(t, file, &node, err);
	if (r != TREE_DONE)
		return r;
	if (tree_put(t, spot, &node, ret_inode, err) < 0)
		return TREE_FAILED;
	if (node.content == TREE_CONTENT_FILE)
		keep_name(t, spot, (struct host_file *)node.source);
	if (linked)
		strmap_put(&t->host_links, arena_strdup(&t->arena, key), *ret_inode);
	return TREE_DONE;
}
