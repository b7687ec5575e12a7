/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths inside the tree: as the kernel would resolve them with the tree as its root. A
 * symlink's absolute target starts at the tree's root, `..` at the root stays there.
 *
 * Making a path (TREE_WALK_MAKE) takes symlinks as they are too: a missing target is made
 * where the link points. A file in the way becomes a directory, since later inputs win;
 * but not one behind a symlink, which has another name of its own: then the symlink
 * becomes the directory.
 */
#include <errno.h>
#include <string.h>

#include "tree/node.h"

struct walk {
	struct tree *t;
	enum tree_walk how;
	unsigned links; /* followed so far */
	unsigned depth; /* of symlink targets that we are in */
	struct error *err;
};

static int walk_path(struct walk *w, struct tree_inode *dir, const char *path, size_t len,
	struct tree_inode **ret_dir);

static int follow(struct walk *w, struct tree_inode *dir, const char *target,
	struct tree_inode **ret_dir)
{
	if (++w->links > TREE_LINKS_MAX)
		return error_set(w->err, ELOOP, "follow symlink to '%s'", target);
	w->depth++;
	int r = walk_path(
		w, target[0] == '/' ? w->t->root : dir, target, strlen(target), ret_dir);
	w->depth--;
	return r;
}

static int make_dir(struct walk *w, struct tree_inode *dir, struct tree_entry *e,
	const char *name, size_t len, struct tree_inode **ret_dir)
{
	const struct tree_inode fresh = {.mode = S_IFDIR | 0755};

	/* Nothing to merge with: what is there gives way. */
	if (e && e->inode) {
		e->inode = NULL;
		w->t->epoch++;
	}
	return tree_put(w->t, dir, name, len, &fresh, ret_dir, w->err);
}

static int step(struct walk *w, struct tree_inode *dir, const char *name, size_t len,
	struct tree_inode **ret_dir)
{
	if (len == 0 || (len == 1 && name[0] == '.')) {
		*ret_dir = dir;
		return 0;
	}
	if (len == 2 && memcmp(name, "..", 2) == 0) {
		*ret_dir = dir->dir->parent;
		return 0;
	}
	struct tree_entry *e = tree_dir_find(dir->dir, name, len);
	struct tree_inode *inode = e ? e->inode : NULL;
	if (inode && S_ISDIR(inode->mode)) {
		*ret_dir = inode;
		return 0;
	}
	if (inode && S_ISLNK(inode->mode)) {
		int r = follow(w, dir, inode->target, ret_dir);
		if (r <= 0)
			return r;
	}
	if (w->how == TREE_WALK_FIND || (inode && w->depth > 0))
		return 1;
	return make_dir(w, dir, e, name, len, ret_dir);
}

static int walk_path(struct walk *w, struct tree_inode *dir, const char *path, size_t len,
	struct tree_inode **ret_dir)
{
	const char *end = path + len;

	while (path < end) {
		const char *slash = memchr(path, '/', end - path);
		size_t n = (slash ? slash : end) - path;
		int r = step(w, dir, path, n, &dir);
		if (r)
			return r;
		path += slash ? n + 1 : n;
	}
	*ret_dir = dir;
	return 0;
}

int tree_walk_dir(struct tree *t, struct tree_inode *from, const char *path, size_t len,
	enum tree_walk how, struct tree_inode **ret_dir, struct error *err)
{
	struct walk w = {.t = t, .how = how, .err = err};

	return walk_path(&w, from, path, len, ret_dir);
}

int tree_walk_parent(struct tree *t, struct tree_inode *from, const char *path,
	enum tree_walk how, struct tree_inode **ret_dir, const char **ret_name,
	size_t *ret_len, struct error *err)
{
	size_t end = strlen(path);

	while (end > 0 && path[end - 1] == '/')
		end--;
	size_t start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	const char *name = path + start;
	size_t len = end - start;
	/* These name a directory, and the way to it needs walking. */
	if ((len == 1 && name[0] == '.') || (len == 2 && memcmp(name, "..", 2) == 0)) {
		start = end;
		len = 0;
	}
	int r = tree_walk_dir(t, from, path, start, how, ret_dir, err);
	if (r == 0) {
		*ret_name = path + start;
		*ret_len = len;
	}
	return r;
}
