/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extended attributes of users ("user.…"). All others mean something to the host's kernel:
 * rights of programs, access lists, labels. They are neither shown nor set.
 */
#include <errno.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "share/server.h"

static bool is_users(const char *name)
{
	return strncmp(name, "user.", 5) == 0;
}

/* A descriptor of the node's file, or a negative errno. */
static int open_node(struct share *s, const struct request *r)
{
	if (r->node->id == FUSE_ROOT_ID || r->node->hidden)
		return -EOPNOTSUPP;
	return nodes_open_path(&s->nodes, r->node);
}

/* The answer to a question for `len` bytes, or for their number. */
static int reply_value(
	struct share *s, const struct request *r, const char *value, size_t len)
{
	struct fuse_getxattr_out out = {.size = len};

	if (r->in.getxattr.size == 0)
		reply_add(s, &out, sizeof(out));
	else if (len > r->in.getxattr.size)
		return -ERANGE;
	else
		reply_add(s, value, len);
	return 0;
}

int handle_getxattr(struct share *s, struct request *r)
{
	CLEANUP_CLOSE int fd = -1;

	/* The guest's kernel then asks no more: an overlay asks for each directory, and
	 * each write to a file that has none. */
	if (!s->has_xattrs)
		return -ENOSYS;
	if (!is_users(r->name))
		return -EOPNOTSUPP;
	fd = open_node(s, r);
	if (fd < 0)
		return TAKE_FD(fd);
	CLEANUP_FREE char *value = xmalloc(XATTR_SIZE_MAX);
	ssize_t len = getxattr(fd_path(fd).text, r->name, value, XATTR_SIZE_MAX);
	return len < 0 ? -errno : reply_value(s, r, value, len);
}

int handle_listxattr(struct share *s, struct request *r)
{
	CLEANUP_CLOSE int fd = -1;
	size_t kept = 0;

	/* With an error here, each tar that takes them along would warn. */
	if (!s->has_xattrs || r->node->id == FUSE_ROOT_ID || r->node->hidden)
		return reply_value(s, r, "", 0);
	fd = open_node(s, r);
	if (fd < 0)
		return TAKE_FD(fd);
	CLEANUP_FREE char *names = xmalloc(XATTR_LIST_MAX);
	ssize_t len = listxattr(fd_path(fd).text, names, XATTR_LIST_MAX);
	if (len < 0)
		return -errno;
	for (char *name = names, *next; name < names + len; name = next) {
		next = name + strlen(name) + 1;
		if (is_users(name)) {
			memmove(names + kept, name, next - name);
			kept += next - name;
		}
	}
	return reply_value(s, r, names, kept);
}

int handle_setxattr(struct share *s, struct request *r)
{
	const struct fuse_setxattr_in *in = &r->in.setxattr;
	CLEANUP_CLOSE int fd = -1;

	if (in->size > r->data_len || in->flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	if (!is_users(r->name))
		return -EOPNOTSUPP;
	fd = open_node(s, r);
	if (fd < 0)
		return TAKE_FD(fd);
	return setxattr(fd_path(fd).text, r->name, r->data, in->size, in->flags) ? -errno
										 : 0;
}

int handle_removexattr(struct share *s, struct request *r)
{
	CLEANUP_CLOSE int fd = -1;

	if (!is_users(r->name))
		return -EOPNOTSUPP;
	fd = open_node(s, r);
	if (fd < 0)
		return TAKE_FD(fd);
	return removexattr(fd_path(fd).text, r->name) ? -errno : 0;
}
