/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a node to its file: nodes.h. The descriptors that are kept are closed here too. */
#include <errno.h>
#include <fcntl.h>

#include "share/handles.h"
#include "share/nodes.h"

static bool is_it(const struct node *n, const struct stat *st)
{
	return n->dev == st->st_dev && n->ino == st->st_ino &&
		n->type == (st->st_mode & S_IFMT);
}

/* Whether its descriptor is one of those that are closed when there are too many. */
static bool is_listed(const struct nodes *t, const struct node *n)
{
	return n->newer || n->older || t->newest == n;
}

static void list(struct nodes *t, struct node *n)
{
	n->older = t->newest;
	*(t->newest ? &t->newest->newer : &t->oldest) = n;
	t->newest = n;
	t->open++;
}

static void unlist(struct nodes *t, struct node *n)
{
	*(n->newer ? &n->newer->older : &t->newest) = n->older;
	*(n->older ? &n->older->newer : &t->oldest) = n->newer;
	n->newer = n->older = NULL;
	t->open--;
}

void nodes_close(struct nodes *t, struct node *n)
{
	if (n->fd < 0)
		return;
	if (is_listed(t, n))
		unlist(t, n);
	else
		t->pinned--;
	close(n->fd);
	n->fd = -1;
}

/* The file at the node's name in the directory. It is not opened in the sense of devices,
 * FIFOs and automounts: without O_DIRECTORY, O_PATH starts no mount. */
static int open_child(int directory, const struct node *n)
{
	CLEANUP_CLOSE int fd =
		openat(directory, n->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		return -errno;
	return is_it(n, &st) ? TAKE_FD(fd) : -ESTALE;
}

/* Open the directories from the first that is open down to n. Trees may be deeper than
 * the stack and the limit of descriptors: so no recursion, and two are open at a time. */
static int walk_down(struct node *n)
{
	VECTOR(struct node *) way = {0};
	int fd;

	for (; n && n->fd < 0; n = n->parent)
		vector_push(&way, n);
	fd = n ? n->fd : -ESTALE;
	while (way.len > 0 && fd >= 0) {
		int child = open_child(fd, way.items[--way.len]);

		if (fd != n->fd)
			close(fd);
		/* The guest's kernel looks the whole path up again. */
		fd = child == -ENOENT || child == -ENOTDIR ? -ESTALE : child;
	}
	vector_done(&way);
	return fd;
}

int nodes_directory(struct nodes *t, struct node *n)
{
	if (n->type != S_IFDIR)
		return -ENOTDIR;
	if (n->hidden)
		return -ENOENT;
	if (n->fd < 0) {
		int fd = walk_down(n);

		if (fd < 0)
			return fd;
		n->fd = fd;
		list(t, n);
	} else if (is_listed(t, n)) {
		unlist(t, n);
		list(t, n);
	}
	n->used = t->request;
	while (t->open > t->open_max && t->oldest->used != t->request)
		nodes_close(t, t->oldest);
	return n->fd;
}

/* A descriptor that the node has without its name, or -ESTALE. */
static int any_descriptor(const struct node *n)
{
	if (n->fd >= 0)
		return n->fd;
	for (const struct handle *h = n->handles; h; h = h->next)
		if (h->fd >= 0)
			return h->fd;
	return -ESTALE;
}

int nodes_stat(struct nodes *t, struct node *n, struct stat *ret)
{
	int fd = n->fd, failure = -ESTALE;

	if (fd < 0 && n->parent) {
		struct stat st;

		fd = nodes_directory(t, n->parent);
		if (fd < 0) {
			failure = fd;
		} else if (fstatat(fd, n->name, &st,
				   AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)) {
			failure = -errno;
		} else if (is_it(n, &st)) {
			*ret = st;
			return 0;
		}
	}
	fd = any_descriptor(n);
	if (fd < 0)
		return failure;
	return fstat(fd, ret) ? -errno : 0;
}

int nodes_open_path(struct nodes *t, struct node *n)
{
	int directory = n->fd < 0 && n->parent ? nodes_directory(t, n->parent) : -ESTALE;
	int fd = directory < 0 ? directory : open_child(directory, n);
	int other = fd < 0 ? any_descriptor(n) : -ESTALE;

	if (other < 0)
		return fd;
	other = fcntl(other, F_DUPFD_CLOEXEC, 0);
	return other < 0 ? -errno : other;
}

int nodes_open_file(struct nodes *t, struct node *n, int flags, struct stat *ret)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat st;
	int result;

	if (n->type != S_IFREG)
		return n->type == S_IFDIR    ? -EISDIR
			: n->type == S_IFLNK ? -ELOOP
					     : -EACCES;
	/* Before it is opened: opening what another file is may have effects. */
	result = nodes_stat(t, n, &st);
	if (result < 0)
		return result;
	flags |= O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int directory = n->parent ? nodes_directory(t, n->parent) : -ESTALE;
	if (directory >= 0)
		fd = openat(directory, n->name, flags);
	if (fd < 0 && directory >= 0 && errno != ENOENT && errno != ELOOP)
		return -errno;
	if (fd < 0 || fstat(fd, &st) || !is_it(n, &st)) {
		/* The name leads to another file by now; but this one may be open. */
		int other = any_descriptor(n);
		if (other < 0)
			return -ESTALE;
		if (fd >= 0)
			close(fd);
		fd = open(fd_path(other).text, flags & ~O_NOFOLLOW);
		if (fd < 0 || fstat(fd, &st))
			return -errno;
	}
	*ret = st;
	return TAKE_FD(fd);
}

void nodes_pin(struct nodes *t, struct node *n)
{
	if (n->fd >= 0 && is_listed(t, n)) {
		unlist(t, n);
		t->pinned++;
	} else if (n->fd < 0 && t->pinned < t->pinned_max) {
		int fd = nodes_open_path(t, n);
		if (fd < 0)
			return;
		n->fd = fd;
		t->pinned++;
	}
}

void nodes_unpin(struct nodes *t, struct node *n)
{
	if (n->fd < 0 || is_listed(t, n))
		return;
	if (n->type != S_IFDIR) {
		nodes_close(t, n);
	} else {
		t->pinned--;
		list(t, n);
	}
}
