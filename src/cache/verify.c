/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verifying and describing what is in the cache. */
#include "cache/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cache/kinds.h"
#include "cache/manifest.h"

int store_verify_sealed(const struct cache *cache, enum store_kind kind, const char *key,
	struct digests *digests, struct error *err)
{
	CLEANUP_FREE char *path = store_path(kind, key);
	CLEANUP_FREE char *where = xasprintf("%s/%s", cache->path, path);
	CLEANUP_JSON json_t *manifest = NULL;
	CLEANUP_CLOSE int fd =
		openat(cache->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, 0, "'%s' is not a directory", where);
	if (manifest_read(fd, where, &manifest, err) < 0)
		return -1;
	if (strcmp(manifest_text(manifest, "kind"), store_kinds[kind].word) != 0 ||
		strcmp(manifest_text(manifest, "key"), key) != 0)
		return error_set(
			err, 0, "'%s' has the manifest of something else", where);
	if (manifest_check_digests(manifest, fd, digests, where, err) < 0)
		return -1;
	return manifest_check_others(manifest, fd, where, err);
}

enum store_verified store_verify(const struct cache *cache, enum store_kind kind,
	const char *key, struct digests *digests, struct error *err)
{
	CLEANUP_FREE char *path = store_path(kind, key);
	struct stat st;

	if (!store_kinds[kind].verify ||
		store_kinds[kind].verify(cache, kind, key, digests, err) == 0)
		return STORE_SOUND;
	/* Another process may be collecting. */
	if (fstatat(cache->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return STORE_GONE;
	return STORE_DAMAGED;
}

char *store_describe(const struct cache *cache, enum store_kind kind, const char *key)
{
	const struct store_kind_info *info = &store_kinds[kind];
	CLEANUP_JSON json_t *manifest =
		info->sealed ? store_manifest(cache, kind, key) : NULL;

	if (info->sealed && !manifest)
		return xstrdup("damaged");
	return info->describe ? info->describe(cache, key, manifest) : xstrdup("");
}

bool store_in_use(const struct cache *cache, enum store_kind kind, const char *key)
{
	/* The file that has the lock. */
	CLEANUP_FREE char *path = store_kinds[kind].sealed
		? xasprintf("%s/%s/" MANIFEST_NAME, store_kinds[kind].directory, key)
		: store_path(STORE_LOCKS, key);
	CLEANUP_CLOSE int fd = openat(cache->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && lock_is_taken(fd);
}
