/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names in one directory. Most have few, and are searched one by one; from INDEX_FROM
 * on there is a hash index of positions (open addressing, at most two thirds full), so
 * that a directory of 100,000 names costs what 100,000 small ones do. Order is made once,
 * at the end.
 */
#include <stdlib.h>
#include <string.h>

#include "tree/node.h"

#define INDEX_FROM 16

static uint32_t hash(const char *name, size_t len)
{
	uint32_t h = 0x811c9dc5u;
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 0x01000193u;
	return h ^ h >> 15;
}

static bool equal(const struct tree_entry *e, const char *name, size_t len)
{
	return strncmp(e->name, name, len) == 0 && e->name[len] == '\0';
}

/* The slot that holds the name's position, or the free one where it belongs. */
static uint32_t *find_slot(const struct tree_dir *d, const char *name, size_t len)
{
	uint32_t i = hash(name, len) & (d->n_slots - 1);
	while (d->slots[i] && !equal(&d->items[d->slots[i] - 1], name, len))
		i = (i + 1) & (d->n_slots - 1);
	return &d->slots[i];
}

static void rebuild_index(struct tree_dir *d, uint32_t n_slots)
{
	free(d->slots);
	d->slots = xcalloc(n_slots, sizeof(d->slots[0]));
	d->n_slots = n_slots;
	for (uint32_t i = 0; i < d->len; i++)
		*find_slot(d, d->items[i].name, strlen(d->items[i].name)) = i + 1;
}

static int compare(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct tree_entry *find_sorted(
	const struct tree_dir *d, const char *name, size_t len)
{
	uint32_t low = 0, high = d->len;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = strncmp(d->items[mid].name, name, len);
		if (c == 0 && d->items[mid].name[len] == '\0')
			return &d->items[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct tree_entry *tree_dir_find(const struct tree_dir *d, const char *name, size_t len)
{
	if (d->slots) {
		uint32_t at = *find_slot(d, name, len);
		return at ? &d->items[at - 1] : NULL;
	}
	if (d->sorted)
		return find_sorted(d, name, len);
	for (uint32_t i = 0; i < d->len; i++)
		if (equal(&d->items[i], name, len))
			return &d->items[i];
	return NULL;
}

struct tree_entry *tree_dir_add(
	struct tree *t, struct tree_dir *d, const char *name, size_t len)
{
	if (d->len == d->cap) {
		d->cap = d->cap ? d->cap + d->cap / 2 + 1 : 4;
		d->items = xreallocarray(d->items, d->cap, sizeof(d->items[0]));
	}
	struct tree_entry *e = &d->items[d->len++];
	*e = (struct tree_entry){.name = arena_strndup(&t->arena, name, len)};
	d->sorted = false;
	if (d->slots && d->len <= d->n_slots / 3 * 2)
		*find_slot(d, name, len) = d->len;
	else if (d->len >= INDEX_FROM)
		rebuild_index(d, d->n_slots ? d->n_slots * 2 : INDEX_FROM * 4);
	return e;
}

void tree_dir_settle(struct tree_dir *d)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < d->len; i++)
		if (d->items[i].inode)
			d->items[kept++] = d->items[i];
	d->len = kept;
	if (!d->sorted && d->len > 1)
		qsort(d->items, d->len, sizeof(d->items[0]), compare);
	d->sorted = true;
	free(d->slots);
	d->slots = NULL;
	d->n_slots = 0;
	if (d->len < d->cap) {
		d->cap = d->len;
		d->items = xreallocarray(d->items, d->cap, sizeof(d->items[0]));
	}
}
