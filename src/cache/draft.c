/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making something that is then published whole, in a directory temporary/PID-RANDOM. Its
 * maker takes the turn of the same name before it makes the directory: a directory whose turn
 * is free was left by a killed process.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/directory.h"
#include "cache/manifest.h"
#include "cache/store.h"

static int make_parent(const struct cache *cache, enum store_kind kind, struct error *err)
{
	const char *name = store_kinds[kind].directory;

	if (mkdirat(cache->fd, name, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "create '%s/%s'", cache->path, name);
	return 0;
}

/* Process numbers are not enough where machines or containers share the cache. */
static char *make_name(void)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) < 0)
		number = (uintptr_t)&number;
	return xasprintf("%d-%016llx", (int)getpid(), (unsigned long long)number);
}

int draft_open(const struct cache *cache, struct draft *ret, struct error *err)
{
	struct draft d = {.cache = cache, .fd = -1};
	CLEANUP_FREE char *name = make_name();

	if (make_parent(cache, STORE_TEMPORARY, err) < 0 ||
		turn_take(cache, name, "", NULL, &d.turn, err) < 0)
		return -1;
	CLEANUP_FREE char *path = store_path(STORE_TEMPORARY, name);
	if (mkdirat(cache->fd, path, 0700) < 0) {
		error_set(err, errno, "create '%s/%s'", cache->path, path);
		turn_give(&d.turn);
		return -1;
	}
	d.path = TAKE_PTR(path);
	d.fd = openat(cache->fd, d.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d.fd < 0) {
		error_set(err, errno, "open '%s/%s'", cache->path, d.path);
		draft_done(&d);
		return -1;
	}
	*ret = d;
	return 0;
}

enum conflict { CONFLICT_IS_SOUND, CONFLICT_IS_REMOVED, CONFLICT_STAYS };

/* Another process has published the same. If that is damaged it makes room. */
static enum conflict judge_conflict(const struct cache *cache, enum store_kind kind,
	const char *key, struct error *err)
{
	CLEANUP(store_release) struct store_hold hold = STORE_HOLD_INIT;
	CLEANUP_JSON json_t *manifest = NULL;

	if (store_hold(cache, kind, key, &hold) &&
		manifest_read(hold.dir_fd, "", &manifest, NULL) == 0 &&
		manifest_check(manifest, hold.dir_fd, "", NULL) == 0)
		return CONFLICT_IS_SOUND;
	if (store_discard(cache, kind, key))
		return CONFLICT_IS_REMOVED;
	error_set(err, errno, "remove the damaged '%s/%s/%s'", cache->path,
		store_kinds[kind].directory, key);
	return CONFLICT_STAYS;
}

/* Afterwards d->path is NULL if the draft has become the thing. */
static int rename_into_place(
	struct draft *d, enum store_kind kind, const char *key, struct error *err)
{
	CLEANUP_FREE char *path = store_path(kind, key);

	while (renameat(d->cache->fd, d->path, d->cache->fd, path) < 0) {
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			return error_set(err, errno, "rename '%s/%s' to '%s'",
				d->cache->path, d->path, path);
		switch (judge_conflict(d->cache, kind, key, err)) {
		case CONFLICT_IS_SOUND:
			return 0;
		case CONFLICT_STAYS:
			return -1;
		case CONFLICT_IS_REMOVED:
			break;
		}
	}
	free(d->path);
	d->path = NULL;
	return 0;
}

int draft_publish(struct draft *d, enum store_kind kind, const char *key,
	json_t *manifest, struct error *err)
{
	CLEANUP_FREE char *where = xasprintf("%s/%s", d->cache->path, d->path);
	CLEANUP_STRVEC struct strvec files = {0};

	if (directory_list(d->fd, ".", 0, &files) < 0)
		return error_set(err, errno, "list '%s'", where);
	vector_foreach (file, &files)
		if (!json_object_get(json_object_get(manifest, "files"), *file) &&
			manifest_add_file(manifest, d->fd, *file, where, err) < 0)
			return -1;
	if (manifest_write(manifest, d->fd, where, err) < 0)
		return -1;
	/* The names too: a power cut must not leave a directory that misses some. */
	if (fsync(d->fd) < 0)
		return error_set(err, errno, "write '%s' to disk", where);
	if (make_parent(d->cache, kind, err) < 0)
		return -1;
	return rename_into_place(d, kind, key, err);
}

int draft_publish_file(struct draft *d, const char *name, enum store_kind kind,
	const char *key, struct error *err)
{
	CLEANUP_FREE char *path = store_path(kind, key);

	CLEANUP_CLOSE int fd = openat(d->fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fdatasync(fd) < 0)
		return error_set(err, errno, "write '%s/%s/%s' to disk", d->cache->path,
			d->path, name);
	if (make_parent(d->cache, kind, err) < 0)
		return -1;
	int result = renameat(d->fd, name, d->cache->fd, path);
	/* Something put a directory in its place. */
	if (result < 0 && errno == EISDIR && store_remove_path(d->cache, path))
		result = renameat(d->fd, name, d->cache->fd, path);
	if (result < 0)
		return error_set(err, errno, "write '%s/%s'", d->cache->path, path);
	return 0;
}

void draft_done(struct draft *d)
{
	if (!d->cache)
		return;
	cleanup_close(&d->fd);
	if (d->path)
		store_remove_path(d->cache, d->path);
	turn_give(&d->turn);
	free(d->path);
	*d = (struct draft){.fd = -1};
}
