/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A private copy of rpm's database in sqlite's format. To read one in place, sqlite creates
 * two more files beside it, which an ordinary user can't; and when root reads it, their
 * metadata changes, which a cache would take for a change of the database.
 *
 *	rpmdb.sqlite        the database
 *	rpmdb.sqlite-wal    later writes, until they are merged into it
 *
 * If neither has changed while they were copied, the copies fit together. They are in a
 * directory that never gets its final name; the next process removes what a killed one
 * leaves.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/io.h"
#include "base/trust.h"
#include "packages/rpm-db.h"

#define TRIES 20

static const char *const parts[] = {"rpmdb.sqlite", "rpmdb.sqlite-wal"};

struct state {
	struct stat parts[ARRAY_SIZE(parts)]; /* zeroed: it is not there */
};

static struct state look(const char *directory)
{
	struct state s = {0};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", directory, parts[i]);
		struct stat st;
		if (stat(path, &st) == 0)
			s.parts[i] = st;
	}
	return s;
}

static bool same_state(const struct state *a, const struct state *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!file_is_unchanged(&a->parts[i], &b->parts[i]))
			return false;
	return true;
}

static int copy_bytes(int from, int to)
{
	CLEANUP_FREE char *buf = xmalloc(1 << 20);
	ssize_t n;

	while ((n = read(from, buf, 1 << 20)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || io_write_full(to, buf, n) < 0)
			return -1;
	}
	return 0;
}

static int copy_part(
	const char *directory, const char *copy, const char *part, struct error *err)
{
	CLEANUP_FREE char *source = xasprintf("%s/%s", directory, part);
	CLEANUP_FREE char *target = xasprintf("%s/%s", copy, part);

	CLEANUP_CLOSE int from = io_open_file(AT_FDCWD, source, 0, err);
	if (from < 0)
		return err->num == ENOENT ? 0 : -1;
	CLEANUP_CLOSE int to =
		open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (to < 0 || copy_bytes(from, to) < 0)
		return error_set(err, errno, "copy '%s' to '%s'", source, target);
	return 0;
}

static int copy_parts(const char *directory, const char *copy, struct error *err)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

	for (int i = 0; i < TRIES; i++) {
		struct state before = look(directory);
		for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
			if (copy_part(directory, copy, parts[k], err) < 0)
				return -1;
		struct state after = look(directory);
		if (same_state(&before, &after))
			return 0;
		nanosleep(&pause, NULL);
	}
	return error_set(
		err, EBUSY, "read '%s/%s', which keeps changing", directory, parts[0]);
}

int rpm_copy_begin(const char *directory, struct replacement *ret, struct error *err)
{
	const char *tmp = trust_temporary("/var/tmp", err);

	if (!tmp)
		return -1;
	CLEANUP_FREE char *path =
		xasprintf("%s/hypermin-rpmdb-%u", tmp, (unsigned)geteuid());
	if (replacement_begin_temporary(path, ret, err) < 0)
		return -1;
	int result = fchmod(ret->fd, 0700) < 0
		? error_set(err, errno, "change the mode of '%s'", ret->temporary)
		: copy_parts(directory, ret->temporary, err);
	if (result < 0)
		replacement_done(ret);
	return result;
}
