/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking at a thing in the cache without using it. */
#pragma once

#include "cache/digests.h"
#include "cache/store.h"

enum store_verified {
	STORE_SOUND,
	STORE_DAMAGED, /* the error says how */
	STORE_GONE,    /* there is no such thing, perhaps no more */
};

/* Is it as it was published? Reads all of it. Sound, too, if its kind has nothing to verify. */
enum store_verified store_verify(const struct cache *cache, enum store_kind kind,
	const char *key, struct digests *digests, struct error *err);
/* What it is for, in a line. The caller frees. */
char *store_describe(const struct cache *cache, enum store_kind kind, const char *key);
bool store_in_use(const struct cache *cache, enum store_kind kind, const char *key);
