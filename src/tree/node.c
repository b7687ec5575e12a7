/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree/node.h"

#include <errno.h>

bool tree_time_is_later(const struct tree_time *a, const struct tree_time *b)
{
	return a->sec != b->sec ? a->sec > b->sec : a->nsec > b->nsec;
}

static void apply_options(const struct tree_options *o, struct tree_inode *inode)
{
	if (o->set_owner) {
		inode->uid = o->uid;
		inode->gid = o->gid;
	}
	if (o->clamp_mtime && tree_time_is_later(&inode->mtime, &o->mtime_max))
		inode->mtime = o->mtime_max;
}

struct tree_inode *node_new(struct tree *t, const struct tree_inode *file)
{
	struct tree_inode *inode = arena_alloc(&t->arena, sizeof(*inode));

	*inode = *file;
	inode->nlink = 0;
	inode->index = 0;
	apply_options(&t->options, inode);
	return inode;
}

struct tree_inode *node_new_dir(struct tree *t, struct tree_inode *parent,
	const char *name, const struct tree_inode *file)
{
	struct tree_inode *inode = node_new(t, file);
	struct tree_dir *d = arena_alloc(&t->arena, sizeof(*d));

	d->parent = parent ? parent : inode;
	d->name = name;
	d->next = t->dirs;
	t->dirs = d;
	inode->dir = d;
	return inode;
}

struct tree_inode *node_at(const struct tree_spot *spot)
{
	if (spot->len == 0)
		return spot->dir;
	const struct tree_entry *e = tree_dir_find(spot->dir->dir, spot->name, spot->len);
	return e ? e->inode : NULL;
}

/* The spot's entry, free for another inode. */
static struct tree_entry *vacate(
	struct tree *t, const struct tree_spot *spot, struct error *err)
{
	if (spot->len > TREE_NAME_MAX)
		return error_null(err, ENAMETOOLONG, "add name '%.40s…' of %zu bytes",
			spot->name, spot->len);
	struct tree_entry *e = tree_dir_find(spot->dir->dir, spot->name, spot->len);
	if (!e)
		return tree_dir_add(t, spot->dir->dir, spot->name, spot->len);
	if (e->inode && (S_ISDIR(e->inode->mode) || S_ISLNK(e->inode->mode)))
		t->epoch++;
	e->inode = NULL;
	return e;
}

int node_add(struct tree *t, const struct tree_spot *spot, const struct tree_inode *file,
	struct tree_inode **ret_inode, struct error *err)
{
	struct tree_entry *e = vacate(t, spot, err);

	if (!e)
		return -1;
	e->inode = S_ISDIR(file->mode) ? node_new_dir(t, spot->dir, e->name, file)
				       : node_new(t, file);
	*ret_inode = e->inode;
	return 0;
}

int node_add_link(struct tree *t, const struct tree_spot *spot, struct tree_inode *inode,
	struct error *err)
{
	struct tree_entry *e = vacate(t, spot, err);

	if (!e)
		return -1;
	e->inode = inode;
	return 0;
}

enum tree_result node_remove(struct tree *t, const struct tree_spot *spot)
{
	struct tree_entry *e = tree_dir_find(spot->dir->dir, spot->name, spot->len);

	if (!e || !e->inode)
		return TREE_ABSENT;
	e->inode = NULL;
	t->epoch++;
	return TREE_DONE;
}

void node_update_dir(
	struct tree *t, struct tree_inode *dir, const struct tree_inode *from)
{
	dir->mode = from->mode;
	dir->uid = from->uid;
	dir->gid = from->gid;
	dir->mtime = from->mtime;
	dir->xattrs = from->xattrs;
	dir->n_xattrs = from->n_xattrs;
	apply_options(&t->options, dir);
}
