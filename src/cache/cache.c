/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cache directory: where it is, and that it is ours. VMs boot from its files, so no
 * other user may own it, write to it, or put another directory in its place. Each
 * component of its path is checked by an open descriptor, not by name.
 */
#include "cache/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "cache/store.h"

/* Of a user without a home. It is in a directory of everybody's. */
#define FALLBACK "/var/tmp/hypermin-"

static char *default_path(void)
{
	const char *xdg = secure_getenv("XDG_CACHE_HOME");
	const char *home = secure_getenv("HOME");
	struct passwd entry, *pw = NULL;
	char strings[4096];
	struct stat st;

	/* The XDG specification says to ignore a relative path. */
	if (xdg && *xdg == '/')
		return xasprintf("%s/hypermin", xdg);
	if (!home || *home != '/') {
		getpwuid_r(geteuid(), &entry, strings, sizeof(strings), &pw);
		home = pw ? pw->pw_dir : NULL;
	}
	/* Services have /dev/null or /nonexistent as their home. */
	if (home && *home == '/' && stat(home, &st) == 0 && S_ISDIR(st.st_mode) &&
		st.st_uid == geteuid())
		return xasprintf("%s/.cache/hypermin", home);
	return xasprintf(FALLBACK "%u", (unsigned)geteuid());
}

/* ---- The way there ---- */

/*
 * The path is walked by descriptors: a user who may rename one of the directories could put
 * another cache in place of ours. Their owner has to be root, us, or the owner of "/": in
 * a user namespace root's number may be unknown.
 */
struct walk {
	int fd;
	/* Of fd, without links and without a slash at its end. */
	char *path;
	/* The components to come. */
	char *rest;
	int links;
	uid_t system;
};

#define LINKS_MAX 40

static int refuse(const struct walk *w, const char *name, const char *why, unsigned user,
	struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", w->path, name);

	return error_set(err, 0,
		"use the cache directory: '%s', on the way to it, %s %u, who could put another "
		"in its place; name another with --cache-dir or XDG_CACHE_HOME",
		path, why, user);
}

static int check_step(
	const struct walk *w, const char *name, const struct stat *st, struct error *err)
{
	if (st->st_uid != geteuid() && st->st_uid != 0 && st->st_uid != w->system)
		return refuse(w, name, "belongs to user", st->st_uid, err);
	/* In a sticky directory, such as /tmp, nobody can rename what belongs to
	 * others. */
	if (S_ISLNK(st->st_mode) || (st->st_mode & S_ISVTX))
		return 0;
	if (st->st_mode & S_IWOTH)
		return error_set(err, 0,
			"use the cache directory: '%s/%s', on the way to it, may be written to by "
			"everybody (mode %04o); name another with --cache-dir or XDG_CACHE_HOME",
			w->path, name, (unsigned)st->st_mode & 07777);
	/* Many systems give each user a group of his own. */
	if ((st->st_mode & S_IWGRP) && st->st_gid != getegid() && st->st_gid != 0)
		return refuse(w, name, "may be written to by group", st->st_gid, err);
	return 0;
}

/* The components of the link's target come next. */
static int follow(struct walk *w, int link_fd, const char *name, struct error *err)
{
	char target[4096];

	ssize_t len = readlinkat(link_fd, "", target, sizeof(target) - 1);
	if (len < 0)
		return error_set(err, errno, "read the link '%s/%s'", w->path, name);
	target[len] = '\0';
	if (++w->links > LINKS_MAX)
		return error_set(err, ELOOP, "follow the link '%s/%s'", w->path, name);
	char *rest = xasprintf("%s/%s", target, w->rest);
	free(w->rest);
	w->rest = rest;
	if (*target != '/')
		return 0;
	close(w->fd);
	w->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	*w->path = '\0';
	return w->fd < 0 ? error_set(err, errno, "open '/'") : 0;
}

/* What is there may also be a link or a file. */
static int open_or_make(
	const struct walk *w, const char *name, struct stat *ret, struct error *err)
{
	const int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;

	int fd = openat(w->fd, name, flags);
	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(w->fd, name, 0700) < 0 && errno != EEXIST)
			return error_set(err, errno, "create the cache directory '%s/%s'",
				w->path, name);
		fd = openat(w->fd, name, flags);
	}
	if (fd < 0 || fstat(fd, ret) < 0)
		return error_set(
			err, errno, "open the cache directory '%s/%s'", w->path, name);
	return fd;
}

static void append(struct walk *w, const char *name)
{
	char *path = xasprintf("%s/%s", w->path, name);

	free(w->path);
	w->path = path;
}

static int step(struct walk *w, const char *name, struct error *err)
{
	struct stat st;
	CLEANUP_CLOSE int fd = open_or_make(w, name, &st, err);

	if (fd < 0 || check_step(w, name, &st, err) < 0)
		return -1;
	if (S_ISLNK(st.st_mode))
		return follow(w, fd, name, err);
	if (!S_ISDIR(st.st_mode))
		return error_set(
			err, ENOTDIR, "open the cache directory '%s/%s'", w->path, name);
	close(w->fd);
	w->fd = TAKE_FD(fd);
	/* The path has no links: its last component is what ".." leaves. */
	if (strcmp(name, "..") != 0)
		append(w, name);
	else if (*w->path)
		*strrchr(w->path, '/') = '\0';
	return 0;
}

/* The next component of the rest, or NULL at its end. Caller frees. */
static char *next_component(struct walk *w)
{
	size_t start = strspn(w->rest, "/");
	size_t len = strcspn(w->rest + start, "/");

	if (len == 0)
		return NULL;
	char *name = xstrndup(w->rest + start, len);
	memmove(w->rest, w->rest + start + len, strlen(w->rest + start + len) + 1);
	return name;
}

static int walk(struct walk *w, struct error *err)
{
	struct stat st;

	w->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->fd < 0 || fstat(w->fd, &st) < 0)
		return error_set(err, errno, "open '/'");
	w->system = st.st_uid;
	for (;;) {
		CLEANUP_FREE char *name = next_component(w);
		if (!name)
			return 0;
		if (strcmp(name, ".") != 0 && step(w, name, err) < 0)
			return -1;
	}
}

static void walk_done(struct walk *w)
{
	cleanup_close(&w->fd);
	free(w->path);
	free(w->rest);
}

/* ---- The directory itself ---- */

static int check_ours(const struct stat *st, const char *path, struct error *err)
{
	if (S_ISLNK(st->st_mode))
		return error_set(err, 0,
			"use the cache directory '%s': it is a symbolic link, which somebody "
			"else may have put there; name its target",
			path);
	if (!S_ISDIR(st->st_mode))
		return error_set(err, ENOTDIR, "open the cache directory '%s'", path);
	if (st->st_uid != geteuid())
		return error_set(err, 0,
			"use the cache directory '%s': it belongs to user %u, not to us (%u); name "
			"another with --cache-dir or XDG_CACHE_HOME",
			path, (unsigned)st->st_uid, (unsigned)geteuid());
	if (st->st_mode & 022)
		return error_set(err, 0,
			"use the cache directory '%s': others may write to it (mode %04o); "
			"chmod 0700 it, after a look at what is in it",
			path, (unsigned)st->st_mode & 07777);
	return 0;
}

static int open_last(
	struct walk *w, const char *name, struct cache *ret, struct error *err)
{
	struct stat st;
	CLEANUP_CLOSE int found = open_or_make(w, name, &st, err);

	if (found < 0)
		return -1;
	append(w, name);
	if (check_ours(&st, w->path, err) < 0)
		return -1;
	int fd = openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "open the cache directory '%s'", w->path);
	*ret = (struct cache){.path = TAKE_PTR(w->path), .fd = fd};
	return 0;
}

static char *absolute(const char *path, struct error *err)
{
	CLEANUP_FREE char *current = *path == '/' ? xstrdup("") : getcwd(NULL, 0);

	if (!current)
		return error_null(
			err, errno, "find the current directory, for '%s'", path);
	return xasprintf("%s/%s", current, path);
}

int cache_open(const char *path, struct cache *ret, struct error *err)
{
	CLEANUP_FREE char *name = path ? absolute(path, err) : default_path();
	CLEANUP(walk_done) struct walk w = {.fd = -1, .path = xstrdup("")};

	if (!name)
		return -1;
	/* A slash behind a symlink would have it followed. */
	name[path_trimmed_len(name, strlen(name))] = '\0';
	const char *slash = strrchr(name, '/');
	if (!slash)
		return error_set(err, 0, "'%s' can't be a cache directory", path);
	w.rest = xstrndup(name, slash - name);
	if (walk(&w, err) == 0 && open_last(&w, slash + 1, ret, err) == 0)
		return 0;
	/* Anybody may have taken that name: this user has no cache then, and works without one. */
	if (!path && err && !err->num && strncmp(name, FALLBACK, strlen(FALLBACK)) == 0)
		err->num = EACCES;
	return -1;
}

bool cache_may_write(const struct cache *c)
{
	bool may = faccessat(c->fd, ".", W_OK, AT_EACCESS) == 0;

	for (int kind = 0; kind < STORE_KINDS; kind++)
		may &= faccessat(c->fd, store_kinds[kind].directory, W_OK, AT_EACCESS) ==
				0 ||
			errno == ENOENT;
	return may;
}

bool cache_has_room(const struct cache *c, uint64_t bytes)
{
	struct statvfs st;

	return fstatvfs(c->fd, &st) < 0 || bytes / st.f_frsize < st.f_bavail;
}

bool cache_is_unwritable(const struct cache *c, const struct error *err)
{
	switch (err->num) {
	case ENOSPC:
	case EDQUOT:
	case EROFS:
		return true;
	case EACCES:
	case EPERM:
		/* Of the cache, or of a file of the host? */
		return c->fd < 0 || !cache_may_write(c);
	default:
		return false;
	}
}

void cache_close(struct cache *c)
{
	if (c->path)
		close(c->fd);
	afterwards_run(&c->removal);
	free(c->path);
	*c = (struct cache){.fd = -1};
}
