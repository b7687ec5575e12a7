/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Collecting: removing what killed processes have left, what nothing leads to, what was not
 * used for long, and what is too much; never what is in use.
 */
#pragma once

#include "cache/store.h"

#define COLLECT_DEFAULT_AGE   ((int64_t)30 * 24 * 60 * 60)
#define COLLECT_DEFAULT_BYTES ((uint64_t)8 << 30)

struct collect_limits {
	/* Seconds since the last use; 0: the default. */
	int64_t age;
	/* On disk, in all; 0: the default. */
	uint64_t bytes;
	/* Remove all that is not in use, however young, except saved states. */
	bool everything;
	/* Remove also where the file system refuses locks, so that use can't be told. */
	bool force;
};

/* Called for each thing that is to be removed; `why` says the reason in words. */
typedef void cache_collect_fn(enum store_kind kind, const char *key,
	enum store_removed result, const char *why, void *data);

/* `fn` may be NULL. */
void cache_collect(const struct cache *cache, const struct collect_limits *limits,
	cache_collect_fn *fn, void *data);
/* By the default limits, after a build. */
void cache_collect_quietly(const struct cache *cache);

/* ---- What there is ---- */

struct store_items {
	struct store_item *items;
	size_t len;
	size_t cap;
};

/* Of one kind, the one used longest ago first. */
void store_survey(
	const struct cache *cache, enum store_kind kind, struct store_items *ret);
void store_items_done(struct store_items *items);
/* Of all kinds together, on disk. */
uint64_t store_bytes(const struct cache *cache);
/* What the limit is for: saved states are the user's to remove, and a large one must not
 * push out all else. */
uint64_t store_bytes_without_states(const struct cache *cache);
