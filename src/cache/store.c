/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is in the cache: finding, holding and removing it. Something is removed by a
 * rename to temporary/ before it is emptied, so that nobody sees half of it; the hold is
 * a shared lock on the manifest, and who removes has it alone.
 */
#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/log.h"
#include "cache/manifest.h"

/* A use is noted once in this time: a write to the disk less for each run. */
#define USE_GRAIN_SECONDS 60

const struct store_kind_info store_kinds[STORE_KINDS] = {
	[STORE_APPLIANCES] = {"appliances", "appliance", .sealed = true, .digests = true,
		.ages = true},
	[STORE_SNAPSHOTS] = {"snapshots", "snapshot", .sealed = true, .ages = true},
	[STORE_PARTS] = {"parts", "part", .sealed = true, .digests = true},
	[STORE_REQUESTS] = {"requests", "request"},
	[STORE_TEMPORARY] = {"temporary", "temporary"},
	[STORE_LOCKS] = {"locks", "lock"},
};

char *store_path(enum store_kind kind, const char *key)
{
	return xasprintf("%s/%s", store_kinds[kind].directory, key);
}

void store_list(const struct cache *cache, enum store_kind kind, struct strvec *ret_keys)
{
	directory_list(cache->fd, store_kinds[kind].directory, O_NOFOLLOW, ret_keys);
}

/* ---- Holding ---- */

static bool is_at(const struct cache *cache, const char *path, int fd)
{
	struct stat named, opened;

	return fstatat(cache->fd, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		fstat(fd, &opened) == 0 && named.st_dev == opened.st_dev &&
		named.st_ino == opened.st_ino;
}

/* The manifest's time of modification: that of access changes when anybody looks at
 * it. */
static void note_use(int manifest_fd)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
	struct stat st;

	if (fstat(manifest_fd, &st) == 0 &&
		(st.st_mtime < time(NULL) - USE_GRAIN_SECONDS ||
			st.st_mtime > time(NULL)))
		futimens(manifest_fd, times);
}

int store_hold(const struct cache *cache, enum store_kind kind, const char *key,
	struct store_hold *ret)
{
	CLEANUP_FREE char *path = store_path(kind, key);
	CLEANUP_CLOSE int dir =
		openat(cache->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_CLOSE int manifest = dir < 0
		? -1
		: openat(dir, MANIFEST_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	/* Busy: somebody is about to remove it. */
	if (manifest < 0 || lock_try(manifest, LOCK_SHARED) == LOCK_BUSY)
		return 1;
	/* Or has done so, before we held it. */
	if (!is_at(cache, path, dir))
		return 1;
	note_use(manifest);
	ret->dir_fd = TAKE_FD(dir);
	ret->manifest_fd = TAKE_FD(manifest);
	return 0;
}

void store_release(struct store_hold *hold)
{
	cleanup_close(&hold->dir_fd);
	cleanup_close(&hold->manifest_fd);
	*hold = (struct store_hold)STORE_HOLD_INIT;
}

/* ---- Removing ---- */

/* A file, or a directory of files. */
bool store_remove_path(const struct cache *cache, const char *path)
{
	CLEANUP_STRVEC struct strvec files = {0};

	if (unlinkat(cache->fd, path, 0) == 0)
		return true;
	directory_list(cache->fd, path, O_NOFOLLOW, &files);
	vector_foreach (file, &files) {
		CLEANUP_FREE char *name = xasprintf("%s/%s", path, *file);
		unlinkat(cache->fd, name, 0);
	}
	return unlinkat(cache->fd, path, AT_REMOVEDIR) == 0;
}

/* Out of everybody's way, then empty it. */
bool store_discard(const struct cache *cache, enum store_kind kind, const char *key)
{
	CLEANUP_FREE char *path = store_path(kind, key);
	CLEANUP_FREE char *name = xasprintf("removing-%s", key);
	CLEANUP_FREE char *aside = store_path(STORE_TEMPORARY, name);

	if (mkdirat(cache->fd, store_kinds[STORE_TEMPORARY].directory, 0700) < 0 &&
		errno != EEXIST)
		return false;
	/* From one that was killed while it did the same. */
	store_remove_path(cache, aside);
	if (renameat(cache->fd, path, cache->fd, aside) < 0)
		return false;
	store_remove_path(cache, aside);
	return true;
}

/* Where locks are refused nothing tells a draft from what was left, but its age. */
#define ABANDONED_SECONDS (24 * 60 * 60)

static bool is_old(int cache_fd, const char *path)
{
	struct stat st;

	return fstatat(cache_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_mtime < time(NULL) - ABANDONED_SECONDS;
}

/* A draft's turn has its name. */
static enum store_removed remove_temporary(
	const struct cache *cache, const char *path, const char *key)
{
	CLEANUP_TURN struct turn turn = {0};

	switch (turn_try(cache, key, &turn)) {
	case LOCK_BUSY:
		return STORE_IN_USE;
	case LOCK_REFUSED:
		if (!is_old(cache->fd, path))
			return STORE_NO_LOCKS;
		break;
	case LOCK_TAKEN:
		break;
	}
	return store_remove_path(cache, path) ? STORE_REMOVED : STORE_NOT_REMOVED;
}

static enum store_removed remove_lock(const struct cache *cache, const char *key)
{
	CLEANUP_TURN struct turn turn = {0};

	switch (turn_try(cache, key, &turn)) {
	case LOCK_TAKEN: /* giving it back removes the file */
		return STORE_REMOVED;
	case LOCK_BUSY:
		return STORE_IN_USE;
	default:
		return STORE_NO_LOCKS;
	}
}

/* ret_fd keeps it from others until the caller is done. */
static enum lock_result lock_sealed(
	const struct cache *cache, const char *path, int *ret_fd)
{
	CLEANUP_FREE char *name = xasprintf("%s/" MANIFEST_NAME, path);

	*ret_fd = openat(cache->fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	/* Without a manifest nobody can hold it. */
	if (*ret_fd < 0)
		return errno == ENOENT ? LOCK_TAKEN : LOCK_REFUSED;
	return lock_try(*ret_fd, LOCK_ALONE);
}

enum store_removed store_remove(
	const struct cache *cache, enum store_kind kind, const char *key, bool force)
{
	CLEANUP_FREE char *path = store_path(kind, key);
	CLEANUP_CLOSE int held = -1;

	if (kind == STORE_TEMPORARY)
		return remove_temporary(cache, path, key);
	if (kind == STORE_LOCKS)
		return remove_lock(cache, key);
	if (!store_kinds[kind].sealed)
		return store_remove_path(cache, path) ? STORE_REMOVED : STORE_NOT_REMOVED;
	enum lock_result locked = lock_sealed(cache, path, &held);
	if (locked == LOCK_BUSY)
		return STORE_IN_USE;
	if (locked == LOCK_REFUSED && !force)
		return STORE_NO_LOCKS;
	return store_discard(cache, kind, key) ? STORE_REMOVED : STORE_NOT_REMOVED;
}
