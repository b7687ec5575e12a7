/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A whole directory of the host. A list of directories that are still to be read replaces
 * recursion, so that neither the stack nor the number of descriptors limits the depth.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/directory.h"
#include "base/kernel-fs.h"
#include "tree/host.h"
#include "tree/put.h"
#include "tree/resolve.h"

struct pending {
	const struct host_dir *from;
	struct tree_inode *to;
};

struct scan {
	struct tree *t;
	VECTOR(struct pending) todo;
};

static void scan_done(struct scan *s)
{
	vector_done(&s->todo);
}

static enum tree_result add_name(struct scan *s, const struct host_at *at,
	struct tree_inode *to, const char *name, struct error *err)
{
	const struct tree_spot spot = {to, name, strlen(name)};
	struct tree_inode *inode;
	struct host_name file;

	enum tree_result r = host_stat(s->t, at, name, &file, err);
	if (r != TREE_DONE)
		return r;
	bool is_dir = S_ISDIR(file.st.st_mode);
	/* A directory that can't be listed or entered would come without its names. */
	if (is_dir && faccessat(at->fd, name, R_OK | X_OK, AT_EACCESS) < 0)
		return host_skip(s->t, at->dir, name, errno, err);
	r = host_put_node(s->t, &file, &spot, &inode, err);
	if (r == TREE_DONE && is_dir)
		vector_push(&s->todo,
			(struct pending){
				host_dir_new(s->t, at->dir, name, &file.st), inode});
	return r;
}

static bool is_left_empty(const struct scan *s, const struct host_dir *dir, int fd)
{
	return s->t->options.skip_kernel_fs && dir->parent &&
		dir->dev != dir->parent->dev && kernel_fs_is(fd);
}

static int scan_dir(struct scan *s, const struct pending *p, struct error *err)
{
	CLEANUP_CLOSE int fd = -1;
	struct dirent *e;

	if (host_dir_open(p->from, O_RDONLY, &fd, err) < 0)
		return -1;
	if (is_left_empty(s, p->from, fd))
		return 0;
	CLEANUP_CLOSEDIR DIR *d = fdopendir(fd);
	if (!d)
		return host_skip(s->t, p->from, NULL, errno, err);
	CLEANUP_FREE char *path = host_fd_path(p->from, fd);
	const struct host_at at = {.dir = p->from, .fd = TAKE_FD(fd), .path = path};
	while (errno = 0, (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (add_name(s, &at, p->to, e->d_name, err) < 0)
			return -1;
	}
	return errno && host_skip(s->t, p->from, NULL, errno, err) < 0 ? -1 : 0;
}

/* The input's own metadata goes to where it is put. */
static int start(
	struct scan *s, const struct host_dir *from, const char *at, struct error *err)
{
	struct tree *t = s->t;
	struct tree_inode node, *to;
	struct host_name file;
	CLEANUP_CLOSE int fd = -1;

	if (host_dir_open(from, O_RDONLY, &fd, err) < 0 ||
		resolve_dir(t, TREE_WALK_MAKE,
			&(struct tree_spot){t->root, at, strlen(at)}, &to, err) < 0)
		return -1;
	CLEANUP_FREE char *path = host_fd_path(from, fd);
	const struct host_at here = {.dir = from, .fd = fd, .path = path};
	enum tree_result r = host_stat(t, &here, ".", &file, err);
	if (r == TREE_DONE)
		r = host_read_node(t, &file, &node, err);
	if (r == TREE_FAILED)
		return -1;
	if (r == TREE_DONE)
		node_update_dir(t, to, &node);
	vector_push(&s->todo, (struct pending){from, to});
	return 0;
}

static int add(
	struct tree *t, const struct host_dir *from, const char *at, struct error *err)
{
	CLEANUP(scan_done) struct scan s = {.t = t};

	if (!from || start(&s, from, at, err) < 0)
		return -1;
	while (s.todo.len) {
		const struct pending p = s.todo.items[--s.todo.len];
		if (scan_dir(&s, &p, err) < 0)
			return -1;
	}
	return 0;
}

int tree_add_directory(struct tree *t, const char *dir, const char *at, struct error *err)
{
	return add(t, host_root_open(t, dir, err), at, err);
}

int tree_add_open_directory(
	struct tree *t, int fd, const char *dir, const char *at, struct error *err)
{
	return add(t, host_root_add(t, fd, dir, err), at, err);
}
