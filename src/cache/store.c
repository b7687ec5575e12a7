/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding, holding and removing what is in the cache. A hold is a shared lock on the
 * manifest, and removing takes that lock exclusively. Before a thing is emptied it is renamed
 * into temporary/, so that nobody sees half of it.
 */
#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/file.h"
#include "base/log.h"
#include "base/name.h"
#include "base/sha256.h"
#include "cache/kinds.h"
#include "cache/manifest.h"

/* A use is noted once in this time: a write to the disk less for each run. */
#define USE_GRAIN_SECONDS 60

char *store_path(enum store_kind kind, const char *key)
{
	return xasprintf("%s/%s", store_kinds[kind].directory, key);
}

void store_list(const struct cache *cache, enum store_kind kind, struct strvec *ret_keys)
{
	directory_list(cache->fd, store_kinds[kind].directory, O_NOFOLLOW, ret_keys);
}

/* One that comes from a manifest may be anything. */
static bool is_key(enum store_kind kind, const char *key)
{
	return kind == STORE_STATES ? name_check("a saved state", key, NULL) == 0
				    : sha256_is_hex(key);
}

bool store_is_there(const struct cache *cache, enum store_kind kind, const char *key)
{
	CLEANUP_FREE char *path = store_path(kind, key);

	return is_key(kind, key) && faccessat(cache->fd, path, F_OK, 0) == 0;
}

json_t *store_manifest(const struct cache *cache, enum store_kind kind, const char *key)
{
	CLEANUP_FREE char *path = store_path(kind, key);
	CLEANUP_CLOSE int fd =
		openat(cache->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	json_t *manifest = NULL;

	if (fd >= 0)
		manifest_read(fd, path, &manifest, NULL);
	return manifest;
}

/* ---- Holding ---- */

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

bool store_hold(const struct cache *cache, enum store_kind kind, const char *key,
	struct store_hold *ret)
{
	CLEANUP_FREE char *path = store_path(kind, key);
	CLEANUP_CLOSE int dir =
		openat(cache->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_CLOSE int manifest = dir < 0
		? -1
		: openat(dir, MANIFEST_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	/* Busy: another process is about to remove it. */
	if (manifest < 0 || lock_try(manifest, LOCK_SHARED) == LOCK_BUSY)
		return false;
	/* Or has done so, before we held it. */
	if (!file_is_at(cache->fd, path, dir))
		return false;
	note_use(manifest);
	ret->dir_fd = TAKE_FD(dir);
	ret->manifest_fd = TAKE_FD(manifest);
	return true;
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

bool store_discard(const struct cache *cache, enum store_kind kind, const char *key)
{
	CLEANUP_FREE char *path = store_path(kind, key);
	CLEANUP_FREE char *name = xasprintf("removing-%s", key);
	CLEANUP_FREE char *aside = store_path(STORE_TEMPORARY, name);

	if (mkdirat(cache->fd, store_kinds[STORE_TEMPORARY].directory, 0700) < 0 &&
		errno != EEXIST)
		return false;
	/* Left by a process that was killed while it did the same. */
	store_remove_path(cache, aside);
	if (renameat(cache->fd, path, cache->fd, aside) < 0)
		return false;
	store_remove_path(cache, aside);
	return true;
}

/* Where locks are refused only its age tells what was left from a draft. */
#define ABANDONED_SECONDS (24 * 60 * 60)

static bool is_old(int cache_fd, const char *path)
{
	struct stat st;

	return fstatat(cache_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_mtime < time(NULL) - ABANDONED_SECONDS;
}

/* A draft has the turn of its name. */
enum store_removed store_remove_temporary(
	const struct cache *cache, enum store_kind kind, const char *key, bool force)
{
	CLEANUP_FREE char *path = store_path(kind, key);
	CLEANUP_TURN struct turn turn = {0};

	(void)force;
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

enum store_removed store_remove_lock(
	const struct cache *cache, enum store_kind kind, const char *key, bool force)
{
	CLEANUP_TURN struct turn turn = {0};

	(void)kind;
	(void)force;
	switch (turn_try(cache, key, &turn)) {
	case LOCK_TAKEN: /* giving it back removes the file */
		return STORE_REMOVED;
	case LOCK_BUSY:
		return STORE_IN_USE;
	default:
		return STORE_NO_LOCKS;
	}
}

enum store_removed store_remove_file(
	const struct cache *cache, enum store_kind kind, const char *key, bool force)
{
	CLEANUP_FREE char *path = store_path(kind, key);

	(void)force;
	return store_remove_path(cache, path) ? STORE_REMOVED : STORE_NOT_REMOVED;
}

/* *ret_fd keeps others from holding it until it is closed. */
static enum lock_result lock_sealed(
	const struct cache *cache, enum store_kind kind, const char *key, int *ret_fd)
{
	CLEANUP_FREE char *name =
		xasprintf("%s/%s/" MANIFEST_NAME, store_kinds[kind].directory, key);

	*ret_fd = openat(cache->fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	/* Without a manifest nobody can hold it. */
	if (*ret_fd < 0)
		return errno == ENOENT ? LOCK_TAKEN : LOCK_REFUSED;
	return lock_try(*ret_fd, LOCK_ALONE);
}

enum store_removed store_remove_sealed(
	const struct cache *cache, enum store_kind kind, const char *key, bool force)
{
	CLEANUP_CLOSE int held = -1;

	enum lock_result locked = lock_sealed(cache, kind, key, &held);
	if (locked == LOCK_BUSY)
		return STORE_IN_USE;
	if (locked == LOCK_REFUSED && !force)
		return STORE_NO_LOCKS;
	return store_discard(cache, kind, key) ? STORE_REMOVED : STORE_NOT_REMOVED;
}
