/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finishing the tree: names are sorted, links counted, inodes numbered. Walk order is a
 * directory, then each of its names in bytewise order with all below it; an inode with
 * several names is numbered at its first one.
 */
#include <string.h>

#include "base/strbuf.h"
#include "tree/node.h"

/* The walk's position in one directory. There is no recursion, as trees may be deep. */
struct cursor {
	struct tree_inode *dir;
	uint32_t next;
};

static void number(struct tree *t, struct tree_inode *inode)
{
	inode->index = t->inodes.len;
	vector_push(&t->inodes, inode);
}

static void enter(struct tree *t, struct tree_inode *dir)
{
	number(t, dir);
	dir->nlink = 2;
	tree_dir_settle(dir->dir);
}

void tree_finish(struct tree *t)
{
	VECTOR(struct cursor) stack = {0};

	vector_foreach (inode, &t->inodes)
		(*inode)->nlink = 0;
	t->inodes.len = 0;
	enter(t, t->root);
	vector_push(&stack, (struct cursor){.dir = t->root});
	while (stack.len) {
		struct cursor *top = &stack.items[stack.len - 1];
		if (top->next == top->dir->dir->len) {
			stack.len--;
			continue;
		}
		struct tree_inode *inode = top->dir->dir->items[top->next++].inode;
		if (S_ISDIR(inode->mode)) {
			top->dir->nlink++;
			enter(t, inode);
			vector_push(&stack, (struct cursor){.dir = inode});
		} else if (inode->nlink++ == 0) {
			number(t, inode);
		}
	}
	vector_done(&stack);
}

uint32_t tree_inode_count(const struct tree *t)
{
	return t->inodes.len;
}

struct tree_inode *tree_inode_at(const struct tree *t, uint32_t index)
{
	return t->inodes.items[index];
}

const struct tree_entry *tree_dir_entries(const struct tree_inode *dir, size_t *ret_len)
{
	*ret_len = dir->dir->len;
	return dir->dir->items;
}

static void add_dir_path(struct strbuf *sb, const struct tree_inode *dir)
{
	VECTOR(const char *) names = {0};

	for (; dir->dir->parent != dir; dir = dir->dir->parent)
		vector_push(&names, dir->dir->name);
	for (size_t i = names.len; i > 0; i--)
		strbuf_addf(sb, "/%s", names.items[i - 1]);
	vector_done(&names);
}

static const struct tree_entry *find_inode(
	const struct tree_inode *dir, const struct tree_inode *inode)
{
	for (uint32_t i = 0; i < dir->dir->len; i++)
		if (dir->dir->items[i].inode == inode)
			return &dir->dir->items[i];
	return NULL;
}

/* Searches, since only messages need a file's path: inodes do not know their directories. */
char *tree_inode_path(const struct tree *t, const struct tree_inode *inode)
{
	struct strbuf sb = {0};

	if (S_ISDIR(inode->mode)) {
		add_dir_path(&sb, inode);
		if (sb.len == 0)
			strbuf_addc(&sb, '/');
		return strbuf_detach(&sb);
	}
	vector_foreach (dir, &t->inodes) {
		const struct tree_entry *e =
			S_ISDIR((*dir)->mode) ? find_inode(*dir, inode) : NULL;
		if (!e)
			continue;
		add_dir_path(&sb, *dir);
		strbuf_addf(&sb, "/%s", e->name);
		break;
	}
	return strbuf_detach(&sb);
}
