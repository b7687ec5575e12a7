/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree/xattr.h"

#include <string.h>

static bool has_prefix(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 && name[len] != '\0';
}

bool xattr_wanted(const char *name)
{
	return has_prefix(name, "user.") || has_prefix(name, "trusted.") ||
		has_prefix(name, "security.") ||
		strcmp(name, "system.posix_acl_access") == 0 ||
		strcmp(name, "system.posix_acl_default") == 0;
}

void xattr_add(struct tree *t, struct xattr_list *list, const char *name,
	const void *value, size_t len)
{
	struct xattr_item item = {
		.xattr =
			{
				.name = arena_strdup(&t->arena, name),
				.value = arena_strndup(&t->arena, value, len),
				.len = len,
			},
		.order = list->len,
	};
	vector_push(list, item);
}

static int compare(const void *a, const void *b)
{
	const struct xattr_item *x = a, *y = b;
	int c = strcmp(x->xattr.name, y->xattr.name);

	return c ? c : (x->order > y->order) - (x->order < y->order);
}

void xattr_attach(struct tree *t, struct xattr_list *list, struct tree_inode *inode)
{
	if (list->len == 0)
		return;
	vector_sort(list, compare);
	struct tree_xattr *kept = arena_alloc(&t->arena, list->len * sizeof(*kept));
	uint32_t n = 0;
	vector_foreach (item, list)
		if (n == 0 || strcmp(kept[n - 1].name, item->xattr.name) != 0)
			kept[n++] = item->xattr;
	inode->xattrs = kept;
	inode->n_xattrs = n;
}

void xattr_list_done(struct xattr_list *list)
{
	vector_done(list);
}
