/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Collecting: what was left by processes that were killed, what nothing leads to, what
 * was not used for long, and what is too much; never what is in use.
 */
#pragma once

#include "cache/store.h"

#define COLLECT_DEFAULT_AGE   ((int64_t)30 * 24 * 60 * 60)
#define COLLECT_DEFAULT_BYTES ((uint64_t)8 << 30)

struct collect_limits {
	int64_t age;	 /* seconds since the last use of what ages; 0: the default */
	uint64_t bytes;	 /* on disk, in all; 0: the default */
	bool everything; /* that is not in use, however young */
	bool force;	 /* also where locks are refused, and use can't be told */
};

/* `why` says in words why it goes, or why it stays though it should go. */
typedef void collect_fn(enum store_kind kind, const char *key, enum store_removed result,
	const char *why, void *data);

/* fn may be NULL. */
void collect(const struct cache *cache, const struct collect_limits *limits,
	collect_fn *fn, void *data);
/* By the default limits, for after a build. */
void collect_quietly(const struct cache *cache);

/* ---- What there is ---- */

struct store_item {
	char *key;
	enum store_kind kind;
	uint64_t bytes; /* on disk: all that it holds */
	double share; /* what is shared by N counts an Nth: these add up to what is used */
	int64_t used; /* seconds since 1970 */
	bool alone;   /* no other has a hard link to its files */
};

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
