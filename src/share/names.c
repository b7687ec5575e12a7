/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What changes directories: new files, other names, removal. Each is one call on the
 * directory's descriptor and one component, and the table of nodes follows. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "share/ids.h"
#include "share/server.h"

/*
 * A new file of root's server belongs to the caller, as on the guest's own disk. If the
 * host does not let it, it stays root's. Somebody on the host may have put something else
 * at the name: a file with more names, or another owner, is not the new one.
 */
static void give(struct share *s, const struct request *r, int directory)
{
	uid_t uid = ids_to_host(s->root.uid, r->header.uid);
	gid_t gid = ids_to_host(s->root.gid, r->header.gid);
	CLEANUP_CLOSE int fd = -1;
	struct stat st;

	if (!s->privileged)
		return;
	/* The host has given it the directory's group. */
	if (fstat(directory, &st) == 0 && st.st_mode & S_ISGID)
		gid = -1;
	fd = openat(directory, r->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || st.st_uid != geteuid() ||
		(!S_ISDIR(st.st_mode) && st.st_nlink != 1))
		return;
	if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH))
		return;
}

static int reply_lookup(struct share *s, struct request *r, int directory)
{
	struct fuse_entry_out out;
	struct node *n;
	struct stat st;
	int result = lookup_at(s, r->node, directory, r->name, &n, &st);

	if (result < 0)
		return result;
	reply_fill_entry(s, n, &st, &out);
	reply_add(s, &out, sizeof(out));
	return 0;
}

/* The end of a call that made a file; `failed` is what that returned. */
static int reply_new(struct share *s, struct request *r, int directory, int failed)
{
	if (failed)
		return -errno;
	give(s, r, directory);
	return reply_lookup(s, r, directory);
}

int handle_create(struct share *s, struct request *r)
{
	const struct fuse_create_in *in = &r->in.create;
	int flags = in->flags & (O_ACCMODE | O_SYNC), result;
	int directory = nodes_directory(&s->nodes, r->node);
	struct stat st, open_st;
	struct node *n;

	if (directory < 0)
		return directory;
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	if (s->handles.count >= s->handles.max)
		return -EMFILE;
	/* O_EXCL, since what is there may be no file to be opened like this. */
	int fd = openat(directory, r->name,
		flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC,
		in->mode & 01777);
	if (fd < 0 && (errno != EEXIST || in->flags & O_EXCL))
		return -errno;
	if (fd >= 0)
		give(s, r, directory);
	result = lookup_at(s, r->node, directory, r->name, &n, &st);
	if (result < 0) {
		if (fd >= 0)
			close(fd);
		return result;
	}
	if (fd < 0) {
		fd = open_regular(s, n, in->flags, &open_st);
		result = fd < 0 ? fd : 0;
	} else if (fstat(fd, &open_st)) {
		result = -errno;
	}
	/* Somebody on the host may have put another there. */
	if (result == 0 && (open_st.st_dev != n->dev || open_st.st_ino != n->ino))
		result = -ESTALE;
	if (result < 0) {
		if (fd >= 0)
			close(fd);
		nodes_forget(&s->nodes, n, 1);
		return result;
	}
	struct fuse_entry_out entry;
	reply_fill_entry(s, n, &open_st, &entry);
	reply_add(s, &entry, sizeof(entry));
	return reply_open(s, n, fd, false);
}

int handle_mknod(struct share *s, struct request *r)
{
	mode_t mode = r->in.mknod.mode, type = mode & S_IFMT;
	int directory = nodes_directory(&s->nodes, r->node);

	if (directory < 0)
		return directory;
	/* A device would be the host's. */
	if (type == S_IFCHR || type == S_IFBLK)
		return -EPERM;
	if (type && type != S_IFREG && type != S_IFIFO && type != S_IFSOCK)
		return -EINVAL;
	return reply_new(
		s, r, directory, mknodat(directory, r->name, type | (mode & 01777), 0));
}

int handle_mkdir(struct share *s, struct request *r)
{
	int directory = nodes_directory(&s->nodes, r->node);

	if (directory < 0)
		return directory;
	return reply_new(
		s, r, directory, mkdirat(directory, r->name, r->in.mkdir.mode & 01777));
}

int handle_symlink(struct share *s, struct request *r)
{
	int directory = nodes_directory(&s->nodes, r->node);

	if (directory < 0)
		return directory;
	return reply_new(s, r, directory, symlinkat(r->second, directory, r->name));
}

int handle_link(struct share *s, struct request *r)
{
	struct node *old = nodes_get(&s->nodes, r->in.link.oldnodeid);
	int directory = nodes_directory(&s->nodes, r->node);
	CLEANUP_CLOSE int fd = -1;

	if (!old)
		return -ESTALE;
	if (directory < 0)
		return directory;
	if (old->id == FUSE_ROOT_ID || old->share != r->node->share)
		return -EXDEV;
	if (old->type == S_IFDIR)
		return -EPERM;
	fd = nodes_open_path(&s->nodes, old);
	if (fd < 0)
		return TAKE_FD(fd);
	if (linkat(AT_FDCWD, fd_path(fd).text, directory, r->name, AT_SYMLINK_FOLLOW))
		return -errno;
	/* The other name is another node, which has one link more now. */
	s->outdated = old->id;
	return reply_lookup(s, r, directory);
}

static int unlink_name(struct share *s, struct request *r, int flags)
{
	struct node *n = nodes_find(&s->nodes, r->node, r->name);
	int directory;

	if (n)
		nodes_pin(&s->nodes, n);
	directory = nodes_directory(&s->nodes, r->node);
	if (directory < 0 || unlinkat(directory, r->name, flags)) {
		int failure = directory < 0 ? directory : -errno;

		if (n)
			nodes_unpin(&s->nodes, n);
		return failure;
	}
	if (n)
		nodes_detach(&s->nodes, n);
	return 0;
}

int handle_unlink(struct share *s, struct request *r)
{
	return unlink_name(s, r, 0);
}

int handle_rmdir(struct share *s, struct request *r)
{
	return unlink_name(s, r, AT_REMOVEDIR);
}

int handle_rename(struct share *s, struct request *r)
{
	const struct fuse_rename2_in *in = &r->in.rename;
	struct nodes *t = &s->nodes;
	struct node *from = r->node, *to = nodes_get(t, in->newdir);
	bool exchange = in->flags == RENAME_EXCHANGE;
	int from_fd, to_fd, failure;

	if (!to)
		return -ESTALE;
	if (to->id == FUSE_ROOT_ID || to->share != from->share)
		return -EXDEV;
	if (in->flags && in->flags != RENAME_NOREPLACE && !exchange)
		return -EINVAL;
	struct node *moved = nodes_find(t, from, r->name);
	struct node *target = nodes_find(t, to, r->second);
	/* The host may have moved the directories meanwhile, so its kernel's check is not
	 * enough: no node is to become its own parent. */
	if ((moved && nodes_is_above(moved, to)) ||
		(exchange && target && nodes_is_above(target, from)))
		return -EINVAL;
	if (target && !exchange)
		nodes_pin(t, target);
	from_fd = nodes_directory(t, from);
	to_fd = nodes_directory(t, to);
	failure = from_fd < 0 ? from_fd : to_fd < 0 ? to_fd : 0;
	if (failure == 0 && renameat2(from_fd, r->name, to_fd, r->second, in->flags))
		failure = -errno;
	/* A name that was renamed to itself leads where it did. */
	if (target && !exchange && (failure < 0 || target == moved))
		nodes_unpin(t, target);
	if (failure < 0)
		return failure;
	if (target && !exchange && target != moved)
		nodes_detach(t, target);
	if (moved)
		nodes_move(t, moved, to, r->second);
	if (target && exchange && target != moved)
		nodes_move(t, target, from, r->name);
	return 0;
}
