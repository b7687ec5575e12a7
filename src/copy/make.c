/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One entry in its directory. Whatever is no directory is made under a name of our own and
 * then renamed: it is whole when it appears, replaces what was there, and no link at its name
 * is followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "copy/unpack.h"

/* A file with a name of our own. */
struct draft {
	int directory;
	char name[40];
	/* Of the file, O_PATH at least; -1: not open yet. */
	int fd;
};

/* With such a file system the entries that follow fare no better. */
static bool is_for_all(int num)
{
	return num == ENOSPC || num == EDQUOT || num == EIO || num == EROFS;
}

static enum unpack_result refuse(struct error *err, int num, const char *what)
{
	error_set(err, num, "%s", what);
	return is_for_all(num) ? UNPACK_FAILED : UNPACK_REFUSED;
}

/* Go to the directory of a path, and make it if need be. */
static enum unpack_result enter(
	struct unpack *u, const char *path, size_t len, struct error *err)
{
	if (place_enter(&u->place, path, len, true, err) == 0)
		return UNPACK_DONE;
	return u->place.exhausted || is_for_all(err->num) ? UNPACK_FAILED
							  : UNPACK_REFUSED;
}

static size_t directory_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static const char *last_component(const char *path)
{
	size_t len = directory_len(path);

	return path + len + (path[len] == '/');
}

/* ---- Drafts ---- */

static void next_name(struct unpack *u, struct draft *d)
{
	snprintf(d->name, sizeof(d->name), ".hypermin-copy-%d-%u", getpid(), u->serial++);
}

static void draft_done(struct draft *d)
{
	if (d->fd >= 0)
		close(d->fd);
	if (d->name[0])
		unlinkat(d->directory, d->name, 0);
}

static int make_node(const struct draft *d, struct archive_entry *e)
{
	const char *target = archive_entry_symlink(e);
	mode_t type = archive_entry_filetype(e);

	if (type == AE_IFREG)
		return openat(d->directory, d->name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (type == AE_IFLNK ? symlinkat(target ? target : "", d->directory, d->name)
			     : mknodat(d->directory, d->name, type | 0600,
				       makedev(archive_entry_rdevmajor(e),
					       archive_entry_rdevminor(e))))
		return -1;
	return openat(d->directory, d->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* Where the directory is the current one. */
static enum unpack_result draft_make(
	struct unpack *u, struct archive_entry *e, struct draft *d, struct error *err)
{
	do {
		next_name(u, d);
		d->fd = make_node(d, e);
	} while (d->fd < 0 && errno == EEXIST);
	if (d->fd >= 0)
		return UNPACK_DONE;
	return refuse(err, errno, "make it");
}

/* Now it is whole. */
static enum unpack_result draft_publish(
	struct unpack *u, struct draft *d, const char *name, struct error *err)
{
	struct stat st;
	char key[40];

	if (fstat(d->fd, &st) < 0 ||
		renameat(d->directory, d->name, d->directory, name) < 0)
		return refuse(err, errno,
			errno == EISDIR ? "replace what is there" : "give it its name");
	/* A link to what is there already would still have both names. */
	unlinkat(d->directory, d->name, 0);
	d->name[0] = '\0';
	snprintf(key, sizeof(key), "%jx:%jx", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	if (!strmap_get(&u->files, key))
		strmap_put(&u->files, arena_strdup(&u->place.arena, key), u);
	u->made_something = true;
	return UNPACK_DONE;
}

/* ---- Content and attributes ---- */

static enum unpack_result write_content(
	struct unpack *u, struct archive_entry *e, int fd, struct error *err)
{
	int64_t size = archive_entry_size(e), offset, end = 0;
	const void *data;
	size_t len;
	int r;

	if (size < 0)
		return refuse(err, 0, "its size is negative");
	while ((r = stream_data(&u->stream, &data, &len, &offset, err)) > 0) {
		if (len == 0)
			continue;
		if (offset < end || offset > size || len > (uint64_t)(size - offset))
			return error_set(err, 0, "its data is not within its size");
		if (unpack_charge(u, len, err) < 0)
			return UNPACK_FAILED;
		if (io_pwrite_full(fd, data, len, offset) < 0)
			return refuse(err, errno, "write it");
		end = offset + len;
	}
	if (r < 0)
		return UNPACK_FAILED;
	if (end < size && ftruncate(fd, size) < 0)
		return refuse(err, errno, "make it as large as it is");
	return UNPACK_DONE;
}

static void set_xattrs(struct unpack *u, struct archive_entry *e, int fd)
{
	CLEANUP_FREE char *missing = NULL;

	if (attributes_set_xattrs(e, fd, u->request->same_owner, &missing) == 0)
		return;
	if (missing) {
		unpack_complain(u, archive_entry_pathname(e), missing);
	} else if (!u->no_xattrs) {
		u->no_xattrs = true;
		log_warning("the destination's file system has no extended attributes");
	}
}

static enum unpack_result set_attributes(struct unpack *u, struct archive_entry *e,
	const struct attributes *a, int fd, struct error *err)
{
	if (attributes_set_owner(a, fd, err) < 0)
		return UNPACK_REFUSED;
	set_xattrs(u, e, fd);
	return attributes_set_rest(a, fd, err) < 0 ? UNPACK_REFUSED : UNPACK_DONE;
}

/* ---- Entries ---- */

static enum unpack_result make_directory(struct unpack *u, struct archive_entry *e,
	const struct attributes *a, struct error *err)
{
	struct place *p = &u->place;

	enum unpack_result result = enter(u, u->path.data, u->path.len, err);
	if (result != UNPACK_DONE)
		return result;
	u->made_something = true;
	if (place_describe(p, e, a, err) < 0)
		return UNPACK_FAILED;
	set_xattrs(u, e, p->fd);
	return UNPACK_DONE;
}

static enum unpack_result make_other(struct unpack *u, struct archive_entry *e,
	const struct attributes *a, struct error *err)
{
	CLEANUP(draft_done) struct draft d = {.fd = -1};

	enum unpack_result result =
		enter(u, u->path.data, directory_len(u->path.data), err);
	if (result != UNPACK_DONE)
		return result;
	d.directory = u->place.fd;
	result = draft_make(u, e, &d, err);
	if (result == UNPACK_DONE && S_ISREG(a->mode))
		result = write_content(u, e, d.fd, err);
	if (result == UNPACK_DONE)
		result = set_attributes(u, e, a, d.fd, err);
	if (result == UNPACK_DONE)
		result = draft_publish(u, &d, last_component(u->path.data), err);
	return result;
}

/* What is no file to be had. */
static enum unpack_result check_type(
	const struct unpack *u, struct archive_entry *e, struct error *err)
{
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
	case AE_IFLNK:
	case AE_IFDIR:
	case AE_IFIFO:
		return UNPACK_DONE;
	case AE_IFCHR:
	case AE_IFBLK:
		return u->request->devices ? UNPACK_DONE
					   : refuse(err, 0, "a device is left out");
	case AE_IFSOCK:
		return refuse(err, 0, "a socket is left out");
	default:
		return refuse(err, 0, "its type is not known");
	}
}

enum unpack_result make_entry(
	struct unpack *u, struct archive_entry *e, struct error *err)
{
	bool same_owner = u->request->same_owner;
	const char *target = archive_entry_symlink(e);
	struct attributes a;

	enum unpack_result result = check_type(u, e, err);
	if (result != UNPACK_DONE)
		return result;
	if (attributes_read(e, same_owner, &a, err) < 0)
		return UNPACK_REFUSED;
	if (unpack_charge(u, attributes_size(e, same_owner), err) < 0 ||
		unpack_charge(u, target ? strlen(target) : 0, err) < 0)
		return UNPACK_FAILED;
	return S_ISDIR(a.mode) ? make_directory(u, e, &a, err)
			       : make_other(u, e, &a, err);
}

/* A descriptor of a file that this stream has made. */
static enum unpack_result open_ours(
	struct unpack *u, const char *path, int *ret, struct error *err)
{
	struct place *p = &u->place;
	struct stat st;
	char key[40];

	if (place_enter(p, path, directory_len(path), false, err) < 0)
		return UNPACK_REFUSED;
	CLEANUP_CLOSE int fd =
		openat(p->fd, last_component(path), O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return refuse(err, errno, "find the file that it is a link to");
	snprintf(key, sizeof(key), "%jx:%jx", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	if (!strmap_get(&u->files, key))
		return refuse(
			err, 0, "it is a hard link to what is no file of the stream");
	*ret = TAKE_FD(fd);
	return UNPACK_DONE;
}

enum unpack_result make_hardlink(struct unpack *u, const char *target, struct error *err)
{
	CLEANUP(draft_done) struct draft d = {.fd = -1};

	enum unpack_result result = open_ours(u, target, &d.fd, err);
	if (result == UNPACK_DONE)
		result = enter(u, u->path.data, directory_len(u->path.data), err);
	if (result != UNPACK_DONE)
		return result;
	d.directory = u->place.fd;
	int failed;
	do {
		next_name(u, &d);
		failed = linkat(AT_FDCWD, fd_path(d.fd).text, d.directory, d.name,
			AT_SYMLINK_FOLLOW);
	} while (failed && errno == EEXIST);
	if (failed) {
		d.name[0] = '\0';
		return refuse(err, errno, "make the link");
	}
	return draft_publish(u, &d, last_component(u->path.data), err);
}
