/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who goes, in this order:
 *
 *	temporary   whose maker is gone
 *	requests    that were outdated for a week: the appliance may then age
 *	appliances  not used for long; then, while there is too much, the one used longest ago,
 *	snapshots     but never the last appliance
 *	snapshots   whose appliance is gone
 *	parts       that no appliance has a link to
 *	requests    whose appliance is gone
 *	locks       that nobody has
 *
 * An appliance that no request leads to any more stays until it is old: what was changed
 * is often changed back. Failures are not errors: what stays is found again the next
 * time.
 */
#include "cache/collect.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/log.h"
#include "cache/entry.h"
#include "cache/manifest.h"

#define OUTDATED_REQUEST_SECONDS (7 * 24 * 60 * 60)
/* The remains of writing the file `verdicts`, see vm/verdicts.c. */
#define STRAY_PREFIX  "verdicts."
#define STRAY_SECONDS (60 * 60)

struct collection {
	const struct cache *cache;
	const struct collect_limits *limits;
	collect_fn *fn;
	void *data;
};

static bool discard(const struct collection *c, enum store_kind kind, const char *key,
	const char *why)
{
	enum store_removed result = store_remove(c->cache, kind, key, c->limits->force);

	if (result == STORE_REMOVED)
		log_info("cache: removed %s %.16s: %s", store_kinds[kind].word, key, why);
	if (c->fn)
		c->fn(kind, key, result, why, c->data);
	return result == STORE_REMOVED;
}

/* ---- What was left ---- */

static void collect_temporary(const struct collection *c)
{
	CLEANUP_STRVEC struct strvec names = {0};

	store_list(c->cache, STORE_TEMPORARY, &names);
	vector_foreach (name, &names)
		discard(c, STORE_TEMPORARY, *name, "its maker is gone");
}

static void collect_strays(const struct collection *c)
{
	CLEANUP_STRVEC struct strvec names = {0};
	struct stat st;

	directory_list(c->cache->fd, ".", 0, &names);
	vector_foreach (name, &names)
		if (strncmp(*name, STRAY_PREFIX, strlen(STRAY_PREFIX)) == 0 &&
			fstatat(c->cache->fd, *name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			st.st_mtime < time(NULL) - STRAY_SECONDS)
			store_remove_path(c->cache, *name);
}

static void collect_locks(const struct collection *c)
{
	CLEANUP_STRVEC struct strvec names = {0};

	store_list(c->cache, STORE_LOCKS, &names);
	vector_foreach (name, &names)
		store_remove(c->cache, STORE_LOCKS, *name, false);
}

/* ---- What nothing leads to ---- */

static bool is_there(const struct cache *cache, enum store_kind kind, const char *key)
{
	CLEANUP_FREE char *path = store_path(kind, key);

	return sha256_is_hex(key) && faccessat(cache->fd, path, F_OK, 0) == 0;
}

static void judge_request(const struct collection *c, const struct store_item *item)
{
	CLEANUP(entry_done) struct entry e = {0};

	enum entry_found found = entry_find(c->cache, item->key, &e);
	if (found == ENTRY_MISSING)
		discard(c, STORE_REQUESTS, item->key, "it can't be read");
	else if (found == ENTRY_OUTDATED &&
		item->used < time(NULL) - OUTDATED_REQUEST_SECONDS)
		discard(c, STORE_REQUESTS, item->key, "outdated for a week");
	else if (!is_there(c->cache, STORE_APPLIANCES, e.key))
		discard(c, STORE_REQUESTS, item->key, "its appliance is gone");
}

static void judge_snapshot(const struct collection *c, const struct store_item *item)
{
	CLEANUP_FREE char *path = store_path(STORE_SNAPSHOTS, item->key);
	CLEANUP_CLOSE int fd = openat(
		c->cache->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_JSON json_t *manifest = NULL;

	if (fd < 0 || manifest_read(fd, "", &manifest, NULL) < 0)
		discard(c, STORE_SNAPSHOTS, item->key, "it can't be read");
	else if (*manifest_text(manifest, "root")
			? access(manifest_text(manifest, "root"), F_OK) < 0
			: !is_there(c->cache, STORE_APPLIANCES,
				  manifest_text(manifest, "appliance")))
		discard(c, STORE_SNAPSHOTS, item->key, "its appliance is gone");
}

static void judge_part(const struct collection *c, const struct store_item *item)
{
	if (item->alone)
		discard(c, STORE_PARTS, item->key, "no appliance has it");
}

static void judge_all(const struct collection *c, enum store_kind kind,
	void (*judge)(const struct collection *c, const struct store_item *item))
{
	CLEANUP(store_items_done) struct store_items items = {0};

	store_survey(c->cache, kind, &items);
	vector_foreach (item, &items)
		judge(c, item);
}

static void collect_orphans(const struct collection *c)
{
	judge_all(c, STORE_SNAPSHOTS, judge_snapshot);
	judge_all(c, STORE_PARTS, judge_part);
}

/* ---- What is too old or too much ---- */

static int compare_use(const void *a, const void *b)
{
	const struct store_item *x = a, *y = b;
	return x->used < y->used ? -1 : x->used > y->used;
}

/* Of all kinds that age, the one used longest ago first. */
static void survey_ageing(const struct cache *cache, struct store_items *ret)
{
	for (int kind = 0; kind < STORE_KINDS; kind++)
		if (store_kinds[kind].ages)
			store_survey(cache, kind, ret);
	vector_sort(ret, compare_use);
}

static void collect_old(const struct collection *c)
{
	CLEANUP(store_items_done) struct store_items items = {0};
	int64_t age = c->limits->age ? c->limits->age : COLLECT_DEFAULT_AGE;

	survey_ageing(c->cache, &items);
	vector_foreach (item, &items)
		if (c->limits->everything)
			discard(c, item->kind, item->key, "everything goes");
		else if (item->used < time(NULL) - age)
			discard(c, item->kind, item->key, "not used for long");
}

/* Is it the appliance that was used last? What was just made has to stay. */
static bool is_last(const struct store_items *items, const struct store_item *item)
{
	if (item->kind != STORE_APPLIANCES)
		return false;
	for (const struct store_item *i = item + 1; i < items->items + items->len; i++)
		if (i->kind == STORE_APPLIANCES)
			return false;
	return true;
}

static void collect_excess(const struct collection *c)
{
	CLEANUP(store_items_done) struct store_items items = {0};
	uint64_t limit = c->limits->bytes ? c->limits->bytes : COLLECT_DEFAULT_BYTES;
	uint64_t bytes = store_bytes(c->cache);

	if (bytes <= limit)
		return;
	survey_ageing(c->cache, &items);
	vector_foreach (item, &items) {
		if (is_last(&items, item) ||
			!discard(c, item->kind, item->key, "the cache is too large"))
			continue;
		collect_orphans(c);
		bytes = store_bytes(c->cache);
		if (bytes <= limit)
			return;
	}
}

void collect(const struct cache *cache, const struct collect_limits *limits,
	collect_fn *fn, void *data)
{
	const struct collection c = {cache, limits, fn, data};

	collect_temporary(&c);
	collect_strays(&c);
	judge_all(&c, STORE_REQUESTS, judge_request);
	collect_old(&c);
	collect_orphans(&c);
	collect_excess(&c);
	judge_all(&c, STORE_REQUESTS, judge_request);
	collect_locks(&c);
}

void collect_quietly(const struct cache *cache)
{
	const struct collect_limits limits = {0};

	collect(cache, &limits, NULL, NULL);
}
