/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is to be said of a thing in the cache. */
#pragma once

#include "cache/digests.h"
#include "cache/store.h"

/* Is it as it was published? Reads all of it. 1: there is no such thing, perhaps no
 * more. */
int store_verify(const struct cache *cache, enum store_kind kind, const char *key,
	struct digests *digests, struct error *err);
/* What it is for, in a line. Caller frees. */
char *store_describe(const struct cache *cache, enum store_kind kind, const char *key);
bool store_in_use(const struct cache *cache, enum store_kind kind, const char *key);
