/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who can exchange a file: trust.h. */
#include "base/trust.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define LINKS_MAX 40

static int check_owner(
	const char *path, const struct stat *st, uid_t system, struct error *err)
{
	if (st->st_uid != geteuid() && st->st_uid != 0 && st->st_uid != system)
		return error_set(err, 0,
			"'%s' belongs to user %u, who could exchange what root uses there",
			path, (unsigned)st->st_uid);
	/* In a sticky directory, such as /tmp, nobody can rename what belongs to others. */
	if (!S_ISLNK(st->st_mode) && st->st_mode & S_IWOTH &&
		!(S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX))
		return error_set(err, 0,
			"'%s' may be written to by everybody (mode %04o), who could exchange "
			"what root uses there",
			path, (unsigned)st->st_mode & 07777);
	return 0;
}

/* What is left of the way once the link at `path` has been followed. */
static char *follow(const char *path, const char *rest, struct error *err)
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len < 0)
		return error_null(err, errno, "read the link '%s'", path);
	target[len] = '\0';
	return xasprintf("%s/%s", target, rest);
}

/* Takes the last component away; the path has no links. */
static void go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

static char *absolute(const char *path, struct error *err)
{
	char current[PATH_MAX];

	if (*path == '/')
		return xstrdup(path);
	if (!getcwd(current, sizeof(current)))
		return error_null(err, errno, "find the current directory");
	return xasprintf("%s/%s", current, path);
}

int trust_check_owners(const char *path, struct error *err)
{
	/* Of the way behind us, without links; "" is the root. */
	CLEANUP_FREE char *done = xstrdup("");
	CLEANUP_FREE char *rest = absolute(path, err);
	struct stat st;
	int links = 0;

	if (!rest)
		return -1;
	/* In a user name space root's number may be unknown. */
	if (stat("/", &st) < 0)
		return error_set(err, errno, "look at '/'");
	const uid_t system = st.st_uid;
	for (;;) {
		size_t start = strspn(rest, "/"), len = strcspn(rest + start, "/");
		CLEANUP_FREE char *name = xstrndup(rest + start, len);
		CLEANUP_FREE char *way = TAKE_PTR(rest);
		if (len == 0)
			return 0;
		rest = xstrdup(way + start + len);
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			go_up(done);
			continue;
		}
		CLEANUP_FREE char *here = xasprintf("%s/%s", done, name);
		if (lstat(here, &st) < 0)
			return error_set(err, errno, "look at '%s'", here);
		if (check_owner(here, &st, system, err) < 0)
			return -1;
		if (!S_ISLNK(st.st_mode)) {
			free(done);
			done = TAKE_PTR(here);
			continue;
		}
		if (++links > LINKS_MAX)
			return error_set(err, ELOOP, "follow the link '%s'", here);
		CLEANUP_FREE char *behind = TAKE_PTR(rest);
		if (!(rest = follow(here, behind, err)))
			return -1;
		if (*rest == '/')
			*done = '\0';
	}
}

int trust_path(const char *path, struct error *err)
{
	return geteuid() == 0 ? trust_check_owners(path, err) : 0;
}

const char *trust_temporary(const char *usual, struct error *err)
{
	const char *named = secure_getenv("TMPDIR");

	if (!named || *named != '/')
		return usual;
	if (trust_path(named, err) < 0) {
		error_prefix(err, "use TMPDIR='%s'", named);
		return NULL;
	}
	return named;
}
