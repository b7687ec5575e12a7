/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing a tree to the host, depth first. A directory gets its permissions and its time
 * once it is full; until then only this user may enter it.
 */
#include "assemble/chroot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "base/strbuf.h"

struct writer {
	const struct tree *t;
	int root_fd;
	const char *name;
	/* By inode: the first path that was written of it, for hard links. */
	char **first;
	const volatile sig_atomic_t *interrupted;
	bool privileged;
	/* How many extended attributes could not be set. */
	size_t left_out;
	/* How many devices, and files with rights, were not to be made so. */
	size_t devices, rights;
};

/* The directory that is being written to. */
struct place {
	int fd;
	/* Below the root: "" or "usr/bin/". */
	const char *path;
	unsigned depth;
};

static int fail(const struct writer *w, const struct place *at, const char *name,
	struct error *err)
{
	return error_set(err, errno, "write '%s/%s%s'", w->name, at->path, name);
}

/* ---- Contents ---- */

static int copy_runs(const struct tree_inode *inode, int from, uint64_t base, int to)
{
	if (!inode->n_extents)
		return file_copy_range(from, base, to, 0, inode->size);
	for (uint32_t i = 0; i < inode->n_extents; i++) {
		const struct tree_extent *run = &inode->extents[i];
		if (file_copy_range(from, base + run->offset, to, run->offset, run->len) <
			0)
			return -1;
	}
	return 0;
}

static int write_content(const struct writer *w, const struct tree_inode *inode,
	const struct place *at, const char *name, int to, struct error *err)
{
	uint64_t base;
	int from;

	if (ftruncate(to, inode->size) < 0)
		return fail(w, at, name, err);
	if (inode->content == TREE_CONTENT_NONE || inode->all_hole)
		return 0;
	if (inode->content == TREE_CONTENT_MEMORY) {
		if (io_pwrite_full(to, tree_content_memory(inode), inode->size, 0) < 0)
			return fail(w, at, name, err);
		return 0;
	}
	if (tree_content_open(inode, &from, &base, err) < 0)
		return -1;
	int result = copy_runs(inode, from, base, to);
	if (result < 0)
		fail(w, at, name, err);
	else
		result = tree_content_verify(inode, from, err);
	close(from);
	return result;
}

/* ---- Metadata ---- */

/* Those that this user may not set, or that the file system lacks, are left out. */
static int set_xattrs(struct writer *w, const struct tree_inode *inode, const char *path)
{
	for (uint32_t i = 0; i < inode->n_xattrs; i++) {
		const struct tree_xattr *x = &inode->xattrs[i];
		if (strcmp(x->name, "security.capability") == 0 && inode->foreign &&
			!w->privileged) {
			w->rights++;
			continue;
		}
		if (lsetxattr(path, x->name, x->value, x->len, 0) == 0)
			continue;
		if (errno != EPERM && errno != EACCES && errno != ENOTSUP)
			return -1;
		w->left_out++;
	}
	return 0;
}

/* The mode is set after the owner: a change of owner clears setuid bits. If the owner
 * can't be set, the bits would stand for another user, and are left out. */
static int set_metadata(struct writer *w, const struct tree_inode *inode,
	const struct place *at, const char *name, struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("/proc/self/fd/%d/%s", at->fd, name);
	const struct timespec time = {inode->mtime.sec, inode->mtime.nsec};
	const struct timespec times[] = {time, time};
	mode_t mode = inode->mode & 07777;
	/* Of a directory the second one gives no rights. */
	mode_t rights = S_ISUID | (S_ISDIR(inode->mode) ? 0 : S_ISGID);

	if (strcmp(name, ".") == 0)
		mode &= ~(S_IWGRP | S_IWOTH);
	if ((mode & rights) && inode->foreign && !w->privileged) {
		mode &= ~rights;
		w->rights++;
	}
	if (fchownat(at->fd, name, inode->uid, inode->gid, AT_SYMLINK_NOFOLLOW) < 0 &&
		(inode->uid != geteuid() || inode->gid != getegid()))
		mode &= ~rights;
	if (set_xattrs(w, inode, path) < 0)
		return fail(w, at, name, err);
	if (!S_ISLNK(inode->mode) && fchmodat(at->fd, name, mode, 0) < 0)
		return fail(w, at, name, err);
	if (utimensat(at->fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(w, at, name, err);
	return 0;
}

/* ---- Files ---- */

static int write_regular(const struct writer *w, const struct tree_inode *inode,
	const struct place *at, const char *name, struct error *err)
{
	CLEANUP_CLOSE int fd = openat(
		at->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? fail(w, at, name, err)
		      : write_content(w, inode, at, name, fd, err);
}

/* Does the target, from `depth` directories below the root, go up above that, or up again after
 * it has gone down? Where it goes down through another link, only the kernel knows from
 * where it goes up. */
static bool may_lead_out(const char *target, unsigned depth)
{
	bool is_down = false;

	for (size_t len; *target; target += len) {
		target += strspn(target, "/");
		len = strcspn(target, "/");
		bool is_up = len == 2 && memcmp(target, "..", 2) == 0;
		if (is_up && (is_down || depth-- == 0))
			return true;
		is_down |= !is_up && len && !(len == 1 && *target == '.');
	}
	return false;
}

/* The same without "name/..", and not above the root. */
static void add_target_within(struct strbuf *ret, const char *target, unsigned depth)
{
	CLEANUP_STRVEC struct strvec names = {0};
	unsigned ups = 0;

	for (size_t len; *target; target += len) {
		target += strspn(target, "/");
		len = strcspn(target, "/");
		if (len == 0 || (len == 1 && *target == '.'))
			continue;
		if (len != 2 || memcmp(target, "..", 2) != 0)
			strvec_addf(&names, "%.*s", (int)len, target);
		else if (names.len)
			free(names.items[--names.len]);
		else
			ups += ups < depth;
	}
	for (unsigned i = 0; i < ups; i++)
		strbuf_adds(ret, "../");
	strbuf_adds(ret, "./");
	vector_foreach (name, &names)
		strbuf_addf(ret, "%s/", *name);
	ret->data[--ret->len] = '\0';
}

/* An absolute target is made relative, so that it means the same in a chroot and outside
 * of it. */
static int write_symlink(const struct writer *w, const struct tree_inode *inode,
	const struct place *at, const char *name, struct error *err)
{
	CLEANUP_STRBUF struct strbuf target = {0};
	bool is_absolute = inode->target[0] == '/';

	for (unsigned i = 0; is_absolute && i < at->depth; i++)
		strbuf_adds(&target, "../");
	if (may_lead_out(inode->target, is_absolute ? 0 : at->depth)) {
		add_target_within(&target, inode->target, is_absolute ? 0 : at->depth);
	} else {
		if (is_absolute && !at->depth)
			strbuf_adds(&target, "./");
		strbuf_adds(&target, inode->target + strspn(inode->target, "/"));
	}
	return symlinkat(target.data, at->fd, name) < 0 ? fail(w, at, name, err) : 0;
}

/* 1: it is a device, which is not to be made, or which this user may not make. */
static int write_special(struct writer *w, const struct tree_inode *inode,
	const struct place *at, const char *name, struct error *err)
{
	bool is_device = S_ISCHR(inode->mode) || S_ISBLK(inode->mode);
	dev_t dev = is_device ? makedev(inode->rdev_major, inode->rdev_minor) : 0;

	if (is_device && !w->privileged) {
		w->devices++;
		return 1;
	}
	if (mknodat(at->fd, name, (inode->mode & S_IFMT) | 0600, dev) == 0)
		return 0;
	if (errno != EPERM || !is_device)
		return fail(w, at, name, err);
	log_info("left out the device '/%s%s': only root can make one", at->path, name);
	return 1;
}

static int write_entry(struct writer *w, const struct tree_entry *entry,
	const struct place *at, struct error *err);

static int write_directory(struct writer *w, const struct tree_inode *dir,
	const struct place *at, struct error *err)
{
	const struct tree_entry *entries;
	size_t n;

	if (*w->interrupted)
		return error_set(err, EINTR, "write '%s'", w->name);
	entries = tree_dir_entries(dir, &n);
	for (size_t i = 0; i < n; i++)
		if (write_entry(w, &entries[i], at, err) < 0)
			return -1;
	return 0;
}

static int make_directory(struct writer *w, const struct tree_entry *entry,
	const struct place *at, struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("%s%s/", at->path, entry->name);
	CLEANUP_CLOSE int fd = -1;

	if (mkdirat(at->fd, entry->name, 0700) == 0)
		fd = openat(at->fd, entry->name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(w, at, entry->name, err);
	const struct place inside = {fd, path, at->depth + 1};
	return write_directory(w, entry->inode, &inside, err);
}

static int write_inode(struct writer *w, const struct tree_entry *entry,
	const struct place *at, struct error *err)
{
	const struct tree_inode *inode = entry->inode;

	switch (inode->mode & S_IFMT) {
	case S_IFDIR:
		return make_directory(w, entry, at, err);
	case S_IFREG:
		return write_regular(w, inode, at, entry->name, err);
	case S_IFLNK:
		return write_symlink(w, inode, at, entry->name, err);
	default:
		return write_special(w, inode, at, entry->name, err);
	}
}

static int write_entry(struct writer *w, const struct tree_entry *entry,
	const struct place *at, struct error *err)
{
	char **first = &w->first[entry->inode->index];

	if (*first) {
		if (linkat(w->root_fd, *first, at->fd, entry->name, 0) < 0)
			return fail(w, at, entry->name, err);
		return 0;
	}
	int result = write_inode(w, entry, at, err);
	if (result)
		return result < 0 ? -1 : 0;
	if (entry->inode->nlink > 1 && !S_ISDIR(entry->inode->mode))
		*first = xasprintf("%s%s", at->path, entry->name);
	return set_metadata(w, entry->inode, at, entry->name, err);
}

int chroot_write(const struct tree *t, int dir_fd, const char *name, bool privileged,
	const volatile sig_atomic_t *interrupted, struct error *err)
{
	struct writer w = {.t = t,
		.root_fd = dir_fd,
		.name = name,
		.first = xcalloc(tree_inode_count(t), sizeof(w.first[0])),
		.interrupted = interrupted,
		.privileged = privileged};
	const struct place root = {.fd = dir_fd, .path = ""};

	int result = write_directory(&w, tree_root(t), &root, err);
	if (result == 0)
		result = set_metadata(&w, tree_root(t), &root, ".", err);
	if (w.left_out)
		log_info("left out: %zu extended attribute%s that can't be set here",
			w.left_out, w.left_out > 1 ? "s" : "");
	if (w.devices || w.rights)
		log_warning(
			"left out of '%s': %zu devices, and the setuid bits or capabilities of "
			"%zu files from archives; --privileged keeps them",
			name, w.devices, w.rights);
	for (uint32_t i = 0; i < tree_inode_count(t); i++)
		free(w.first[i]);
	free(w.first);
	return result;
}
