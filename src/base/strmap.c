/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A map from strings to pointers: FNV-1a, linear probing, at most three quarters full. */
#include "base/strmap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static uint64_t hash(const char *key, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)key[i]) * 0x100000001b3u;
	return h;
}

static struct strmap_slot *find(const struct strmap *m, const char *key, size_t len)
{
	size_t i = hash(key, len) & (m->cap - 1);
	while (m->slots[i].key &&
		(m->slots[i].len != len || memcmp(m->slots[i].key, key, len) != 0))
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

static void grow(struct strmap *m)
{
	struct strmap old = *m;

	m->cap = old.cap ? old.cap * 2 : 64;
	m->slots = xcalloc(m->cap, sizeof(m->slots[0]));
	strmap_foreach (slot, &old)
		*find(m, slot->key, slot->len) = *slot;
	free(old.slots);
}

void *strmap_get_len(const struct strmap *m, const char *key, size_t len)
{
	return m->cap ? find(m, key, len)->value : NULL;
}

void *strmap_get(const struct strmap *m, const char *key)
{
	return strmap_get_len(m, key, strlen(key));
}

void strmap_put(struct strmap *m, const char *key, void *value)
{
	size_t len = strlen(key);

	if (m->len + 1 > m->cap / 4 * 3)
		grow(m);
	struct strmap_slot *slot = find(m, key, len);
	if (!slot->key)
		m->len++;
	*slot = (struct strmap_slot){key, len, value};
}

void strmap_done(struct strmap *m)
{
	free(m->slots);
	*m = (struct strmap){0};
}
