/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/path.h"

const struct host_dir *host_root_add(
	struct tree *t, int fd, const char *path, struct error *err)
{
	struct stat st;

	CLEANUP_CLOSE int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0 || fstat(own, &st) < 0)
		return error_null(err, errno, "open directory '%s'", path);
	struct host_root *root = xcalloc(1, sizeof(*root));
	root->path = xstrdup(path);
	root->fd = TAKE_FD(own);
	root->next = t->host_roots;
	t->host_roots = root;
	struct host_dir *d = host_dir_new(t, NULL, "", &st);
	d->root = root;
	return d;
}

const struct host_dir *host_root_open(struct tree *t, const char *path, struct error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_null(err, errno, "open directory '%s'", path);
	return host_root_add(t, fd, path, err);
}

void host_roots_free(struct host_root *roots)
{
	while (roots) {
		struct host_root *next = roots->next;
		close(roots->fd);
		free(roots->path);
		free(roots);
		roots = next;
	}
}

struct host_dir *host_dir_new(struct tree *t, const struct host_dir *parent,
	const char *name, const struct stat *st)
{
	struct host_dir *d = arena_alloc(&t->arena, sizeof(*d));

	d->parent = parent;
	d->name = arena_strdup(&t->arena, name);
	d->root = parent ? parent->root : NULL;
	d->dev = st->st_dev;
	d->ino = st->st_ino;
	return d;
}

void host_dir_path(struct strbuf *sb, const struct host_dir *d)
{
	VECTOR(const char *) names = {0};

	for (; d->parent; d = d->parent)
		vector_push(&names, d->name);
	for (size_t i = names.len; i > 0; i--) {
		strbuf_adds(sb, names.items[i - 1]);
		if (i > 1)
			strbuf_addc(sb, '/');
	}
	vector_done(&names);
}

char *host_full_path(const struct host_dir *d, const char *name)
{
	struct strbuf sb = {0};

	strbuf_add(&sb, d->root->path,
		path_trimmed_len(d->root->path, strlen(d->root->path)));
	if (d->parent) {
		strbuf_addc(&sb, '/');
		host_dir_path(&sb, d);
	}
	if (name && strcmp(name, ".") != 0)
		strbuf_addf(&sb, "/%s", name);
	if (sb.len == 0)
		strbuf_addc(&sb, '/');
	return strbuf_detach(&sb);
}

/* Asked once, not for each of thousands of directories. */
static bool has_proc(void)
{
	static atomic_int known; /* 0: not yet; 1: yes; -1: no */

	if (!known)
		known = access("/proc/self/fd", F_OK) == 0 ? 1 : -1;
	return known > 0;
}

char *host_fd_path(const struct host_dir *d, int fd)
{
	return has_proc() ? xasprintf("/proc/self/fd/%d", fd) : host_full_path(d, NULL);
}

static int fail(const struct host_dir *d, const char *name, int num, const char *what,
	struct error *err)
{
	CLEANUP_FREE char *path = host_full_path(d, name);

	return error_set(err, num, "%s '%s'", what, path);
}

enum tree_result host_skip(struct tree *t, const struct host_dir *dir, const char *name,
	int num, struct error *err)
{
	if (!t->options.skip_unreadable || (num != EACCES && num != EPERM))
		return fail(dir, name, num, "read", err);
	CLEANUP_FREE char *path = host_full_path(dir, name);
	if (t->options.on_skip)
		t->options.on_skip(path, strerror(num), t->options.on_skip_data);
	return TREE_ABSENT;
}

/* openat() of one component after the other, where the kernel can't do it at once. */
static int open_by_steps(int dirfd, char *path, int flags)
{
	CLEANUP_CLOSE int owned = -1;

	for (char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		*slash = '\0';
		int fd = openat(
			dirfd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		*slash = '/';
		if (fd < 0)
			return -1;
		if (owned >= 0)
			close(owned);
		dirfd = owned = fd;
	}
	return openat(dirfd, path, flags | O_NOFOLLOW | O_CLOEXEC);
}

/* No symlink on the way is followed, and nothing above `dirfd` is reached: whoever may change
 * the tree while it is read does not decide what else is opened. */
static int open_beneath(int dirfd, char *path, int flags)
{
	const struct open_how how = {
		.flags = flags | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

	/* Before Linux 5.6; a container's filter that does not know it; another's rename. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN))
		return open_by_steps(dirfd, path, flags);
	return fd;
}

/* The same for a path of any length: opens the longest leading part that the kernel takes,
 * and goes on from there. */
static int open_long(int dirfd, char *path, int flags)
{
	CLEANUP_CLOSE int owned = -1;

	while (strlen(path) >= PATH_MAX) {
		char *cut = path + PATH_MAX - 1;
		while (cut > path && *cut != '/')
			cut--;
		*cut = '\0';
		int fd = open_beneath(dirfd, path, O_PATH | O_DIRECTORY);
		if (fd < 0)
			return -1;
		if (owned >= 0)
			close(owned);
		dirfd = owned = fd;
		path = cut + 1;
	}
	return open_beneath(dirfd, path, flags);
}

int host_dir_open(const struct host_dir *d, int flags, int *ret_fd, struct error *err)
{
	CLEANUP_STRBUF struct strbuf path = {0};
	struct stat st;

	host_dir_path(&path, d);
	if (path.len == 0)
		strbuf_addc(&path, '.');
	CLEANUP_CLOSE int fd = open_long(d->root->fd, path.data, flags | O_DIRECTORY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(d, NULL, errno, "open directory", err);
	if (st.st_dev != d->dev || st.st_ino != d->ino)
		return fail(
			d, NULL, 0, "the directory was replaced while it was read:", err);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

enum tree_result host_stat(struct tree *t, const struct host_at *at, const char *name,
	struct host_name *ret, struct error *err)
{
	*ret = (struct host_name){.at = at, .name = name};
	if (fstatat(at->fd, name, &ret->st, AT_SYMLINK_NOFOLLOW) == 0)
		return TREE_DONE;
	if (errno == ENOENT || errno == ENOTDIR)
		return TREE_ABSENT;
	return host_skip(t, at->dir, name, errno, err);
}

int host_file_verify(const struct tree_inode *inode, int fd, struct error *err)
{
	const struct host_file *f = inode->source;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(f->dir, f->name, errno, "read", err);
	if (st.st_dev != f->dev || st.st_ino != f->ino ||
		(uint64_t)st.st_size != inode->size ||
		st.st_ctim.tv_sec != f->ctime.sec || st.st_ctim.tv_nsec != f->ctime.nsec)
		return fail(
			f->dir, f->name, 0, "the file changed while it was read:", err);
	return 0;
}

int host_file_open(const struct tree_inode *inode, int *ret_fd, struct error *err)
{
	const struct host_file *f = inode->source;
	CLEANUP_STRBUF struct strbuf path = {0};

	host_dir_path(&path, f->dir);
	if (path.len)
		strbuf_addc(&path, '/');
	strbuf_adds(&path, f->name);
	/* Without blocking: by now a pipe may be there. */
	CLEANUP_CLOSE int fd =
		open_long(f->dir->root->fd, path.data, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fail(f->dir, f->name, errno, "open", err);
	if (host_file_verify(inode, fd, err) < 0)
		return -1;
	*ret_fd = TAKE_FD(fd);
	return 0;
}
