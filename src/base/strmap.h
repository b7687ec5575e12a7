/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A map from strings to pointers. Open addressing, insertion only. It keeps the caller's
 * key pointers (put them in an arena) and owns nothing but its table. Zero bytes are an
 * empty map.
 */
#pragma once

#include <stddef.h>

struct strmap_slot {
	const char *key;
	size_t len;
	void *value;
};

struct strmap {
	struct strmap_slot *slots;
	size_t len;
	size_t cap; /* a power of two, or 0 */
};

void *strmap_get(const struct strmap *m, const char *key);
void *strmap_get_len(const struct strmap *m, const char *key, size_t len);
/* Add or replace. */
void strmap_put(struct strmap *m, const char *key, void *value);
void strmap_done(struct strmap *m);

/* Walks in no useful order: sort what you print. */
#define strmap_foreach(slot, m)                               \
	for (struct strmap_slot *slot = (m)->slots;           \
		slot && slot < (m)->slots + (m)->cap; slot++) \
		if (slot->key)
