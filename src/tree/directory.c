/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A whole directory of the host. A list of directories still to read takes the place of
 * recursion, so that neither the stack nor the number of descriptors limits the depth.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "tree/host.h"

struct pending {
	const struct host_dir *from;
	struct tree_inode *to;
};

struct scan {
	struct tree *t;
	VECTOR(struct pending) todo;
};

/* 1: left out. A directory that can't be listed or entered would come out without its
 * names. */
static int check_dir(
	struct tree *t, const struct host_at *at, const char *name, struct error *err)
{
	if (faccessat(at->fd, name, R_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	return host_skip(t, at->dir, name, errno, err);
}

static int add_name(struct scan *s, const struct host_at *at, struct tree_inode *to,
	const char *name, struct error *err)
{
	struct tree_inode *inode;
	struct stat st;

	int r = host_stat(s->t, at, name, &st, err);
	if (r)
		return r;
	if (S_ISDIR(st.st_mode) && (r = check_dir(s->t, at, name, err)))
		return r;
	r = host_put_node(s->t, at, name, &st, to, &inode, err);
	if (r == 0 && S_ISDIR(st.st_mode))
		vector_push(&s->todo,
			(struct pending){host_dir_new(s->t, at->dir, name, &st), inode});
	return r;
}

static int read_dir(struct scan *s, DIR *d, const struct host_at *at,
	struct tree_inode *to, struct error *err)
{
	struct dirent *e;

	while (errno = 0, (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (add_name(s, at, to, e->d_name, err) < 0)
			return -1;
	}
	return errno ? host_skip(s->t, at->dir, NULL, errno, err) : 0;
}

static int scan_dir(struct scan *s, const struct pending *p, struct error *err)
{
	CLEANUP_CLOSE int fd = -1;

	if (host_dir_open(p->from, O_RDONLY, &fd, err))
		return -1;
	CLEANUP_CLOSEDIR DIR *d = fdopendir(fd);
	if (!d)
		return host_skip(s->t, p->from, NULL, errno, err);
	CLEANUP_FREE char *path = host_fd_path(p->from, fd);
	const struct host_at at = {.dir = p->from, .fd = TAKE_FD(fd), .path = path};
	return read_dir(s, d, &at, p->to, err) < 0 ? -1 : 0;
}

/* The input's own metadata goes to where it is put. */
static int start(
	struct scan *s, const struct host_dir *from, const char *at, struct error *err)
{
	struct tree *t = s->t;
	struct tree_inode node, *to;
	CLEANUP_CLOSE int fd = -1;
	struct stat st;

	if (host_dir_open(from, O_RDONLY, &fd, err))
		return -1;
	if (tree_walk_dir(t, t->root, at, strlen(at), TREE_WALK_MAKE, &to, err))
		return -1;
	CLEANUP_FREE char *path = host_fd_path(from, fd);
	const struct host_at here = {.dir = from, .fd = fd, .path = path};
	int r = host_stat(t, &here, ".", &st, err);
	if (r == 0)
		r = host_read_node(t, &here, ".", &st, &node, err);
	if (r < 0)
		return -1;
	if (r == 0)
		tree_update_dir(t, to, &node);
	vector_push(&s->todo, (struct pending){from, to});
	return 0;
}

int tree_add_directory(struct tree *t, const char *dir, const char *at, struct error *err)
{
	struct scan s = {.t = t};

	const struct host_dir *from = host_root_open(t, dir, err);
	if (!from)
		return -1;
	int r = start(&s, from, at, err);
	while (r == 0 && s.todo.len) {
		const struct pending p = s.todo.items[--s.todo.len];
		r = scan_dir(&s, &p, err);
	}
	vector_done(&s.todo);
	return r;
}
