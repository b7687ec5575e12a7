/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is removed, in this order:
 *
 *	what was not used for long	of the kinds that age: appliances and snapshots
 *	what its kind judges useless	a snapshot whose appliance is gone, a part that no
 *					  appliance has a link to, a request that was outdated
 *					  for a week, a killed process's temporary directory
 *	while there is too much		what was used longest ago, but never the last appliance;
 *					  after each, what has become useless. Saved states
 *					  are not counted
 *	locks that nobody has
 *
 * An appliance that no request leads to any more stays until it is old: what was changed on
 * the host is often changed back. A failure is not an error: the next collection finds what
 * is still there.
 */
#include "cache/collect.h"

#include <time.h>

#include "base/log.h"

struct collection {
	const struct cache *cache;
	const struct collect_limits *limits;
	cache_collect_fn *fn;
	void *data;
};

static bool discard(const struct collection *c, enum store_kind kind, const char *key,
	const char *why)
{
	enum store_removed result =
		store_kinds[kind].remove(c->cache, kind, key, c->limits->force);

	if (result == STORE_REMOVED)
		log_info("cache: removed %s %.16s: %s", store_kinds[kind].word, key, why);
	if (c->fn)
		c->fn(kind, key, result, why, c->data);
	return result == STORE_REMOVED;
}

static void collect_useless(const struct collection *c)
{
	for (int kind = 0; kind < STORE_KINDS; kind++) {
		CLEANUP(store_items_done) struct store_items items = {0};
		if (store_kinds[kind].judge)
			store_survey(c->cache, kind, &items);
		vector_foreach (item, &items) {
			const char *why = store_kinds[kind].judge(c->cache, item);
			if (why)
				discard(c, kind, item->key, why);
		}
	}
}

/* Nobody needs to be told of these. */
static void collect_locks(const struct collection *c)
{
	CLEANUP_STRVEC struct strvec names = {0};

	store_list(c->cache, STORE_LOCKS, &names);
	vector_foreach (name, &names)
		store_kinds[STORE_LOCKS].remove(c->cache, STORE_LOCKS, *name, false);
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

/* Is it the appliance that was used last? One that was just made has to stay. */
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
	uint64_t bytes = store_bytes_without_states(c->cache);

	if (bytes <= limit)
		return;
	survey_ageing(c->cache, &items);
	vector_foreach (item, &items) {
		if (is_last(&items, item) ||
			!discard(c, item->kind, item->key, "the cache is too large"))
			continue;
		collect_useless(c);
		bytes = store_bytes_without_states(c->cache);
		if (bytes <= limit)
			return;
	}
}

void cache_collect(const struct cache *cache, const struct collect_limits *limits,
	cache_collect_fn *fn, void *data)
{
	const struct collection c = {cache, limits, fn, data};

	collect_old(&c);
	collect_useless(&c);
	collect_excess(&c);
	collect_locks(&c);
}

void cache_collect_quietly(const struct cache *cache)
{
	const struct collect_limits limits = {0};

	cache_collect(cache, &limits, NULL, NULL);
}
