/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking after the cache, through the public interface. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "api/handle.h"
#include "cache/collect.h"
#include "cache/manifest.h"
#include "cache/verify.h"

const char *hypermin_cache_directory(struct hypermin *h)
{
	return handle_open_cache(h) < 0 ? NULL : h->cache.path;
}

/* ---- Telling ---- */

struct telling {
	struct hypermin *h;
	hypermin_cache_fn *fn;
	void *data;
	int count;
};

static void tell(const struct telling *t, const struct store_item *item, bool removed,
	const char *text)
{
	const struct cache *cache = &t->h->cache;

	if (!t->fn)
		return;
	CLEANUP_FREE char *description =
		removed ? xstrdup("") : store_describe(cache, item->kind, item->key);
	const struct hypermin_cache_item public = {
		.kind = store_kinds[item->kind].word,
		.key = item->key,
		.description = description,
		.bytes = item->bytes,
		.last_use = item->used,
		.in_use = !removed && store_in_use(cache, item->kind, item->key),
		.removed = removed,
	};
	t->fn(&public, text, t->data);
}

static void for_each(
	struct telling *t, void (*act)(struct telling *t, const struct store_item *item))
{
	for (int kind = 0; kind < STORE_KINDS; kind++) {
		CLEANUP(store_items_done) struct store_items items = {0};
		store_survey(&t->h->cache, kind, &items);
		vector_foreach (item, &items)
			act(t, item);
	}
}

/* ---- Listing ---- */

static void list_item(struct telling *t, const struct store_item *item)
{
	tell(t, item, false, NULL);
}

int hypermin_cache_list(
	struct hypermin *h, hypermin_cache_fn *fn, void *data, uint64_t *ret_bytes)
{
	struct telling t = {h, fn, data, 0};

	if (handle_open_cache(h) < 0)
		return -1;
	for_each(&t, list_item);
	if (ret_bytes)
		*ret_bytes = store_bytes(&h->cache);
	return 0;
}

/* ---- Showing ---- */

/* The path, relative to the cache, of the thing with this key, or else of the one whose key
 * begins so. */
static char *find_sealed(struct hypermin *h, const char *prefix)
{
	CLEANUP_FREE char *found = NULL;
	bool is_one = true;

	for (int kind = 0; kind < STORE_KINDS; kind++) {
		CLEANUP_STRVEC struct strvec keys = {0};
		if (store_kinds[kind].sealed)
			store_list(&h->cache, kind, &keys);
		vector_foreach (key, &keys) {
			if (strcmp(*key, prefix) == 0)
				return store_path(kind, *key);
			if (strncmp(*key, prefix, strlen(prefix)) != 0)
				continue;
			is_one = !found;
			free(found);
			found = store_path(kind, *key);
		}
	}
	if (!is_one)
		return error_null(&h->error, 0,
			"several keys in the cache begin with '%s'", prefix);
	if (!found)
		return error_null(
			&h->error, 0, "no key in the cache begins with '%s'", prefix);
	return TAKE_PTR(found);
}

char *hypermin_cache_manifest(struct hypermin *h, const char *key)
{
	CLEANUP_JSON json_t *manifest = NULL;

	if (handle_open_cache(h) < 0)
		return NULL;
	CLEANUP_FREE char *path = find_sealed(h, key);
	CLEANUP_CLOSE int fd =
		path ? openat(h->cache.fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (!path)
		return NULL;
	if (fd < 0)
		return error_null(&h->error, errno, "open '%s/%s'", h->cache.path, path);
	if (manifest_read(fd, path, &manifest, &h->error) < 0)
		return NULL;
	return json_dumps(manifest, JSON_INDENT(2));
}

/* ---- Verifying ---- */

struct verifying {
	struct telling t;
	struct digests digests;
	bool repair;
};

static void verify_item(struct telling *t, const struct store_item *item)
{
	struct verifying *v = (struct verifying *)t;
	const struct cache *cache = &t->h->cache;
	bool removed = false;
	struct error err;

	if (!store_kinds[item->kind].verify)
		return;
	switch (store_verify(cache, item->kind, item->key, &v->digests, &err)) {
	case STORE_SOUND:
		tell(t, item, false, NULL);
		break;
	case STORE_GONE:
		break;
	case STORE_DAMAGED:
		t->count++;
		if (v->repair)
			removed = store_discard(cache, item->kind, item->key);
		tell(t, item, removed, err.msg);
	}
}

int hypermin_cache_verify(
	struct hypermin *h, bool repair, hypermin_cache_fn *fn, void *data)
{
	struct verifying v = {.t = {h, fn, data, 0}, .repair = repair};

	if (h->fixed)
		return appliance_verify_fixed(h->fixed, &h->error) < 0 ? 1 : 0;
	if (handle_open_cache(h) < 0)
		return -1;
	for_each(&v.t, verify_item);
	digests_done(&v.digests);
	return v.t.count;
}

/* ---- Collecting ---- */

static void on_collect(enum store_kind kind, const char *key, enum store_removed result,
	const char *why, void *data)
{
	struct telling *t = data;
	const struct store_item item = {.kind = kind, .key = (char *)key};

	t->count += result == STORE_REMOVED;
	if (result == STORE_NO_LOCKS)
		why = "kept: this file system has no locks, so it may be in use";
	else if (result == STORE_NOT_REMOVED)
		why = "kept: it can't be removed";
	else if (result == STORE_IN_USE)
		why = "kept: it is in use";
	tell(t, &item, result == STORE_REMOVED, why);
}

int hypermin_cache_collect(struct hypermin *h, const struct hypermin_cache_limits *limits,
	hypermin_cache_fn *fn, void *data)
{
	struct telling t = {h, fn, data, 0};

	if (handle_open_cache(h) < 0)
		return -1;
	const struct collect_limits l = {
		.age = limits->max_age,
		.bytes = limits->max_bytes,
		.everything = limits->everything,
		.force = limits->force,
	};
	cache_collect(&h->cache, &l, on_collect, &t);
	return t.count;
}
