/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Extended attributes on their way into an inode. */
#pragma once

#include "tree/node.h"

struct xattr_item {
	struct tree_xattr xattr;
	size_t order;
};

struct xattr_list {
	struct xattr_item *items;
	size_t len;
	size_t cap;
};

/* Whether inputs bring this attribute; tree.h says which they are. */
bool xattr_wanted(const char *name);
/* Copies both. */
void xattr_add(struct tree *t, struct xattr_list *list, const char *name,
	const void *value, size_t len);
/* Sort the list into the inode. Of equal names the first one counts. */
void xattr_attach(struct tree *t, struct xattr_list *list, struct tree_inode *inode);
void xattr_list_done(struct xattr_list *list);

#define CLEANUP_XATTRS CLEANUP(xattr_list_done)
