/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names in one directory. Most have few, and are searched one by one; from INDEX_FROM
 * on there is a hash index of positions, so that a directory of 100,000 names costs what
 * 100,000 small ones do. Order is made once, at the end.
 */
#include <stdlib.h>
#include <string.h>

#include "tree/node.h"

#define INDEX_FROM 16

static bool equal(const struct tree_entry *e, const char *name, size_t len)
{
	return strncmp(e->name, name, len) == 0 && e->name[len] == '\0';
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
	if (d->index.len) {
		uintptr_t at = (uintptr_t)strmap_get_len(&d->index, name, len);
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
	if (d->len >= INDEX_FROM)
		for (uintptr_t i = d->index.len; i < d->len; i++)
			strmap_put(&d->index, d->items[i].name, (void *)(i + 1));
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
	strmap_done(&d->index);
	if (d->len < d->cap) {
		d->cap = d->len;
		d->items = xreallocarray(d->items, d->cap, sizeof(d->items[0]));
	}
}
