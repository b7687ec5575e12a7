/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making a directory beside another and putting it in its place. */
#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/remove.h"
#include "base/strbuf.h"

#define MARK ".making-"

/* ---- What others left ---- */

static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !slash		? xstrdup(".")
		: slash == path ? xstrdup("/")
				: xstrndup(path, slash - path);
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Where the file system has no locks (NFS has none for directories), only its age tells
 * whether a directory was left over or is being made. */
#define ABANDONED_SECONDS (24 * 60 * 60)

static bool is_abandoned(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	return errno != EWOULDBLOCK && fstat(fd, &st) == 0 &&
		st.st_mtime < time(NULL) - ABANDONED_SECONDS;
}

static void remove_if_abandoned(int parent_fd, const char *name)
{
	CLEANUP_CLOSE int fd =
		openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && is_abandoned(fd)) {
		log_info("removing what a killed build has left: %s", name);
		remove_all(parent_fd, name);
	}
}

static void remove_abandoned(const char *path)
{
	CLEANUP_FREE char *parent = parent_of(path);
	CLEANUP_FREE char *prefix = xasprintf("%s" MARK, name_of(path));
	CLEANUP_STRVEC struct strvec names = {0};
	CLEANUP_CLOSE int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		directory_list(fd, ".", 0, &names);
	vector_foreach (name, &names)
		if (strncmp(*name, prefix, strlen(prefix)) == 0)
			remove_if_abandoned(fd, *name);
}

/* ---- Making ---- */

/* False: another process took it for abandoned before we had locked it. */
static bool lock_ours(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return false;
	return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

static int fail(const char *path, int num, struct error *err)
{
	return error_set(err, num, "create a directory beside '%s'", path);
}

/* 1: try again. */
static int make_temporary(const char *path, struct replacement *r, struct error *err)
{
	CLEANUP_FREE char *temporary = xasprintf("%s" MARK "XXXXXX", path);

	if (!mkdtemp(temporary))
		return fail(path, errno, err);
	CLEANUP_CLOSE int fd = open(temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int num = errno;
	if (fd < 0 || !lock_ours(fd)) {
		rmdir(temporary);
		return fd < 0 && num != ENOENT ? fail(path, num, err) : 1;
	}
	/* The permissions that mkdir() would have given it: mkdtemp() gives fewer. umask() can't
	 * be asked without changing it for all threads. */
	struct stat st;
	if (mkdirat(fd, "mode", 0777) == 0 && fstatat(fd, "mode", &st, 0) == 0)
		fchmod(fd, st.st_mode & 0777);
	unlinkat(fd, "mode", AT_REMOVEDIR);
	r->temporary = TAKE_PTR(temporary);
	r->fd = TAKE_FD(fd);
	return 0;
}

/* The path is the replacement's from here on. */
static int begin(char *path, struct replacement *ret, struct error *err)
{
	struct replacement r = {.path = path, .fd = -1};
	int result = 1;

	remove_abandoned(r.path);
	for (int i = 0; i < 10 && result == 1; i++)
		result = make_temporary(r.path, &r, err);
	if (result == 1)
		result = fail(r.path, EBUSY, err);
	if (result < 0)
		replacement_done(&r);
	else
		*ret = r;
	return result;
}

int replacement_begin(const char *path, struct replacement *ret, struct error *err)
{
	char *real = realpath(path, NULL);

	return begin(real ? real
			  : xstrndup(path, MAX(path_trimmed_len(path, strlen(path)), 1)),
		ret, err);
}

int replacement_begin_temporary(
	const char *path, struct replacement *ret, struct error *err)
{
	return begin(xstrdup(path), ret, err);
}

/* ---- Publishing ---- */

/* For a file system that can't exchange two names: for a moment there is no directory. */
static int move_aside_and_rename(struct replacement *r)
{
	CLEANUP_FREE char *old = xasprintf("%s-old", r->temporary);

	if (rename(r->path, old) < 0)
		return -1;
	if (rename(r->temporary, r->path) < 0) {
		int num = errno;
		rename(old, r->path);
		errno = num;
		return -1;
	}
	free(r->temporary);
	r->temporary = TAKE_PTR(old);
	return 0;
}

/* 1: there was nothing in its place, so there is no old directory to remove. */
static int put_in_place(struct replacement *r)
{
	for (;;) {
		if (renameat2(AT_FDCWD, r->temporary, AT_FDCWD, r->path,
			    RENAME_EXCHANGE) == 0)
			return 0;
		if (errno == EINVAL || errno == ENOSYS) {
			struct stat st;
			if (lstat(r->path, &st) == 0)
				return move_aside_and_rename(r);
			return rename(r->temporary, r->path) < 0 ? -1 : 1;
		}
		if (errno != ENOENT)
			return -1;
		if (renameat2(AT_FDCWD, r->temporary, AT_FDCWD, r->path,
			    RENAME_NOREPLACE) == 0)
			return 1;
		/* Another process has put one there meanwhile: exchange with that. */
		if (errno != EEXIST)
			return -1;
	}
}

int replacement_publish(struct replacement *r, struct error *err)
{
	int result = put_in_place(r);

	if (result < 0)
		return error_set(
			err, errno, "rename '%s' to '%s'", r->temporary, r->path);
	if (result == 1) {
		free(r->temporary);
		r->temporary = NULL;
	}
	return 0;
}

void replacement_done(struct replacement *r)
{
	if (r->temporary)
		remove_all(AT_FDCWD, r->temporary);
	if (r->fd >= 0)
		close(r->fd);
	free(r->temporary);
	free(r->path);
	*r = (struct replacement){.fd = -1};
}
