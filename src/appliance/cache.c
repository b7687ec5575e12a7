/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cache directory: where it is, and that it is ours. What is in it is booted, so
 * nobody else may own it or write to it; each step is checked on the opened descriptor,
 * not on the name.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/appliance.h"
#include "base/mem.h"

static char *default_path(void)
{
	const char *xdg = secure_getenv("XDG_CACHE_HOME");
	const char *home = secure_getenv("HOME");
	struct stat st;

	/* The specification: a relative one is to be ignored. */
	if (xdg && *xdg == '/')
		return xasprintf("%s/hypermin", xdg);
	if (!home || *home != '/') {
		const struct passwd *pw = getpwuid(geteuid());
		home = pw ? pw->pw_dir : NULL;
	}
	if (home && *home == '/' && stat(home, &st) == 0 && st.st_uid == geteuid())
		return xasprintf("%s/.cache/hypermin", home);
	return xasprintf("/var/tmp/hypermin-%u", (unsigned)geteuid());
}

static int make_directories(const char *path, struct error *err)
{
	CLEANUP_FREE char *copy = xstrdup(path);

	for (char *slash = copy + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			return error_set(
				err, errno, "create the cache directory '%s'", copy);
		*slash = '/';
	}
	if (mkdir(copy, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "create the cache directory '%s'", path);
	return 0;
}

static int check_ours(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "look at the cache directory '%s'", path);
	if (st.st_uid != geteuid())
		return error_set(err, 0,
			"use the cache directory '%s': it belongs to user %u, not to us (%u); name "
			"another with --cache-dir or XDG_CACHE_HOME",
			path, (unsigned)st.st_uid, (unsigned)geteuid());
	if (st.st_mode & 022)
		return error_set(err, 0,
			"use the cache directory '%s': others may write to it (mode %04o); "
			"chmod 0700 it, after a look at what is in it",
			path, (unsigned)st.st_mode & 07777);
	return 0;
}

/* A link would be followed if a slash came behind it. */
static void strip_slashes(char *path)
{
	for (size_t len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
}

static int open_failed(const char *path, int num, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		return error_set(err, 0,
			"use the cache directory '%s': it is a symbolic link, which somebody "
			"else may have put there; name its target",
			path);
	return error_set(err, num, "open the cache directory '%s'", path);
}

int cache_open(const char *path, struct cache *ret, struct error *err)
{
	CLEANUP_FREE char *name = path ? xstrdup(path) : default_path();

	strip_slashes(name);
	if (make_directories(name, err) < 0)
		return -1;
	CLEANUP_CLOSE int fd =
		open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return open_failed(name, errno, err);
	if (check_ours(fd, name, err) < 0)
		return -1;
	ret->path = realpath(name, NULL);
	if (!ret->path)
		return error_set(err, errno, "resolve '%s'", name);
	ret->fd = TAKE_FD(fd);
	return 0;
}

void cache_close(struct cache *c)
{
	if (c->path)
		close(c->fd);
	free(c->path);
	*c = (struct cache){.fd = -1};
}
