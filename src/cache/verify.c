/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking at things in the cache, without using them. */
#include "cache/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cache/entry.h"
#include "cache/manifest.h"
#include "cache/snapshots.h"

static int open_sealed(const struct cache *cache, enum store_kind kind, const char *key,
	char **ret_where)
{
	CLEANUP_FREE char *path = store_path(kind, key);

	*ret_where = xasprintf("%s/%s", cache->path, path);
	return openat(cache->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- Verifying ---- */

static int verify_sealed(const struct cache *cache, enum store_kind kind, const char *key,
	struct digests *digests, struct error *err)
{
	CLEANUP_FREE char *where = NULL;
	CLEANUP_JSON json_t *manifest = NULL;
	CLEANUP_CLOSE int fd = open_sealed(cache, kind, key, &where);

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
	if (kind == STORE_SNAPSHOTS && snapshots_verify(manifest, fd, where, err) < 0)
		return -1;
	return manifest_check_others(manifest, fd, where, err);
}

static bool is_there(const struct cache *cache, enum store_kind kind, const char *key)
{
	CLEANUP_FREE char *path = store_path(kind, key);
	struct stat st;

	return fstatat(cache->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

int store_verify(const struct cache *cache, enum store_kind kind, const char *key,
	struct digests *digests, struct error *err)
{
	CLEANUP(entry_done) struct entry e = {0};
	int result = 0;

	if (store_kinds[kind].sealed)
		result = verify_sealed(cache, kind, key, digests, err);
	else if (kind == STORE_REQUESTS && entry_find(cache, key, &e) == ENTRY_MISSING)
		result = error_set(
			err, 0, "'%s/requests/%s' can't be read", cache->path, key);
	/* Others may be collecting. */
	return result < 0 && !is_there(cache, kind, key) ? 1 : result;
}

/* ---- Describing ---- */

static char *describe_appliance(const json_t *manifest)
{
	const json_t *asked_for = json_object_get(manifest, "asked_for");
	struct strbuf sb = {0};

	strbuf_addf(&sb, "kernel %s, %zu packages",
		manifest_text(json_object_get(manifest, "kernel"), "version"),
		json_array_size(json_object_get(manifest, "packages")));
	for (size_t i = 0; i < json_array_size(asked_for); i++) {
		const char *name = json_string_value(json_array_get(asked_for, i));
		strbuf_addf(&sb, "%s %s", i ? "," : " with", name ? name : "?");
	}
	return strbuf_detach(&sb);
}

static char *describe_snapshot(const json_t *manifest)
{
	const char *root = manifest_text(manifest, "root");
	const char *appliance = manifest_text(manifest, "appliance");

	if (*root)
		return xasprintf("of %s", root);
	if (*manifest_text(manifest, "refused"))
		return xasprintf("appliance %.12s, none can be made", appliance);
	return xasprintf("appliance %.12s, memory %lld MiB, CPUs %lld, disks %lld",
		appliance,
		(long long)json_integer_value(json_object_get(manifest, "memory_mib")),
		(long long)json_integer_value(json_object_get(manifest, "cpus")),
		(long long)json_integer_value(json_object_get(manifest, "disks")));
}

static char *describe_sealed(
	const struct cache *cache, enum store_kind kind, const char *key)
{
	CLEANUP_FREE char *where = NULL;
	CLEANUP_JSON json_t *manifest = NULL;
	CLEANUP_CLOSE int fd = open_sealed(cache, kind, key, &where);

	if (fd < 0 || manifest_read(fd, where, &manifest, NULL) < 0)
		return xstrdup("damaged");
	if (kind == STORE_APPLIANCES)
		return describe_appliance(manifest);
	if (kind == STORE_PARTS)
		return xstrdup(manifest_text(manifest, "part"));
	return describe_snapshot(manifest);
}

char *store_describe(const struct cache *cache, enum store_kind kind, const char *key)
{
	CLEANUP(entry_done) struct entry e = {0};

	if (store_kinds[kind].sealed)
		return describe_sealed(cache, kind, key);
	if (kind != STORE_REQUESTS)
		return xstrdup("");
	switch (entry_find(cache, key, &e)) {
	case ENTRY_FITS:
		return xasprintf("appliance %.12s", e.key);
	case ENTRY_OUTDATED:
		return xasprintf("appliance %.12s, outdated", e.key);
	default:
		return xstrdup("damaged");
	}
}

/* The file that has the lock, relative to the cache directory. */
static char *lock_path(enum store_kind kind, const char *key)
{
	if (store_kinds[kind].sealed)
		return xasprintf(
			"%s/%s/" MANIFEST_NAME, store_kinds[kind].directory, key);
	return store_path(STORE_LOCKS, key);
}

bool store_in_use(const struct cache *cache, enum store_kind kind, const char *key)
{
	CLEANUP_FREE char *path = lock_path(kind, key);
	CLEANUP_CLOSE int fd = openat(cache->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && lock_is_taken(fd);
}
