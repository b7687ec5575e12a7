/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names and what they lead to: lookups, attributes, links, file systems. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/kernel-fs.h"
#include "share/server.h"

/* Whether a mount point is one of the kernel's file systems. */
static bool is_hidden(const struct share *s, int directory, const char *name, dev_t dev)
{
	CLEANUP_CLOSE int fd = -1;

	if (dev == s->devtmpfs)
		return true;
	/* Without O_DIRECTORY, or it would trigger an automount. */
	fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 || kernel_fs_is(fd);
}

int lookup_at(struct share *s, struct node *directory, int fd, const char *name,
	struct node **ret, struct stat *ret_st)
{
	bool hidden = false;
	struct node *n;
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
		return -errno;
	if (st.st_dev != directory->dev)
		hidden = is_hidden(s, fd, name, st.st_dev);
	if (hidden && !S_ISDIR(st.st_mode))
		return -ENOENT;
	n = nodes_tell(&s->nodes, directory, name, &st);
	if (!n)
		return -ENOMEM;
	n->hidden = hidden;
	*ret = n;
	*ret_st = st;
	return 0;
}

int node_stat(struct share *s, struct node *n, struct stat *ret)
{
	if (n->id != FUSE_ROOT_ID)
		return nodes_stat(&s->nodes, n, ret);
	*ret = (struct stat){
		.st_ino = FUSE_ROOT_ID,
		.st_mode = S_IFDIR | 0555,
		.st_nlink = 2,
		.st_blksize = 4096,
	};
	return 0;
}

int handle_lookup(struct share *s, struct request *r)
{
	struct fuse_entry_out out = {.entry_valid = 0};
	struct node *n = NULL;
	struct stat st;
	int result;

	if (r->node->id == FUSE_ROOT_ID) {
		n = nodes_find(&s->nodes, r->node, r->name);
		result = n ? node_stat(s, n, &st) : -ENOENT;
	} else {
		result = nodes_directory(&s->nodes, r->node);
		if (result >= 0)
			result = lookup_at(s, r->node, result, r->name, &n, &st);
	}
	if (result < 0 && !(result == -ENOENT && node_is_still(s, r->node)))
		return result;
	if (result == 0)
		reply_fill_entry(s, n, &st, &out);
	else
		/* Node 0: the guest may remember that there is nothing. */
		out.entry_valid = 3600;
	reply_add(s, &out, sizeof(out));
	return 0;
}

int handle_forget(struct share *s, struct request *r)
{
	if (!r->node->fixed)
		nodes_forget(&s->nodes, r->node, r->in.forget.nlookup);
	return 0;
}

int handle_batch_forget(struct share *s, struct request *r)
{
	struct fuse_forget_one one;

	for (uint32_t i = 0; i < r->in.batch_forget.count; i++) {
		if (r->data_len < sizeof(one))
			break;
		memcpy(&one, r->data, sizeof(one));
		r->data += sizeof(one);
		r->data_len -= sizeof(one);
		struct node *n = nodes_get(&s->nodes, one.nodeid);
		if (n && !n->fixed)
			nodes_forget(&s->nodes, n, one.nlookup);
	}
	return 0;
}

int handle_getattr(struct share *s, struct request *r)
{
	const struct fuse_getattr_in *in = &r->in.getattr;
	struct stat st;
	int result;

	if (in->getattr_flags & FUSE_GETATTR_FH) {
		struct handle *h = handles_get(&s->handles, in->fh, r->node->id, false);

		if (!h)
			return -EBADF;
		result = fstat(h->fd, &st) ? -errno : 0;
	} else {
		result = node_stat(s, r->node, &st);
	}
	if (result == 0)
		reply_attributes(s, r->node, &st);
	return result;
}

int handle_readlink(struct share *s, struct request *r)
{
	CLEANUP_CLOSE int fd = -1;
	char target[PATH_MAX];
	ssize_t len;

	if (r->node->type != S_IFLNK)
		return -EINVAL;
	fd = nodes_open_path(&s->nodes, r->node);
	if (fd < 0)
		return TAKE_FD(fd);
	len = readlinkat(fd, "", target, sizeof(target));
	if (len < 0)
		return -errno;
	reply_add(s, target, len);
	return 0;
}

int handle_statfs(struct share *s, struct request *r)
{
	struct fuse_statfs_out out = {
		.st = {.bsize = 4096, .frsize = 4096, .namelen = 255}};
	CLEANUP_CLOSE int fd = -1;
	struct statvfs fs;

	if (r->node->id != FUSE_ROOT_ID && !r->node->hidden) {
		fd = nodes_open_path(&s->nodes, r->node);
		if (fd < 0)
			return TAKE_FD(fd);
		if (fstatvfs(fd, &fs))
			return -errno;
		out.st = (struct fuse_kstatfs){
			.blocks = fs.f_blocks,
			.bfree = fs.f_bfree,
			.bavail = fs.f_bavail,
			.files = fs.f_files,
			.ffree = fs.f_ffree,
			.bsize = fs.f_bsize,
			.namelen = fs.f_namemax,
			.frsize = fs.f_frsize,
		};
	}
	reply_add(s, &out, sizeof(out));
	return 0;
}
