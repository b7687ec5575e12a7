/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When paths are made (TREE_WALK_MAKE), symlinks are followed too: a missing target is
 * made where the link points. A file in the way becomes a directory, since later inputs
 * win. But a file that a symlink leads to has a name of its own, and stays: then the
 * symlink becomes the directory.
 */
#include "tree/resolve.h"

#include <errno.h>
#include <string.h>

#include "base/path.h"

struct walk {
	struct tree *t;
	enum tree_walk how;
	/* Symlinks followed so far. */
	unsigned links;
	/* Nested symlink targets that the walk is in. */
	unsigned depth;
	struct error *err;
};

static enum tree_result walk_path(struct walk *w, struct tree_inode *dir,
	const char *path, size_t len, struct tree_inode **ret_dir);

static enum tree_result follow(struct walk *w, struct tree_inode *dir, const char *target,
	struct tree_inode **ret_dir)
{
	if (++w->links > TREE_LINKS_MAX)
		return error_set(w->err, ELOOP, "follow symlink to '%s'", target);
	w->depth++;
	enum tree_result r = walk_path(
		w, target[0] == '/' ? w->t->root : dir, target, strlen(target), ret_dir);
	w->depth--;
	return r;
}

static enum tree_result step(
	struct walk *w, const struct tree_spot *spot, struct tree_inode **ret_dir)
{
	const struct tree_inode fresh = {.mode = S_IFDIR | 0755};

	if (spot->len == 0 || (spot->len == 1 && spot->name[0] == '.')) {
		*ret_dir = spot->dir;
		return TREE_DONE;
	}
	if (spot->len == 2 && memcmp(spot->name, "..", 2) == 0) {
		*ret_dir = spot->dir->dir->parent;
		return TREE_DONE;
	}
	struct tree_inode *inode = node_at(spot);
	if (inode && S_ISDIR(inode->mode)) {
		*ret_dir = inode;
		return TREE_DONE;
	}
	if (inode && S_ISLNK(inode->mode)) {
		enum tree_result r = follow(w, spot->dir, inode->target, ret_dir);
		if (r != TREE_ABSENT)
			return r;
	}
	if (w->how == TREE_WALK_FIND || (inode && w->depth > 0))
		return TREE_ABSENT;
	return node_add(w->t, spot, &fresh, ret_dir, w->err);
}

static enum tree_result walk_path(struct walk *w, struct tree_inode *dir,
	const char *path, size_t len, struct tree_inode **ret_dir)
{
	const char *end = path + len;

	while (path < end) {
		const char *slash = memchr(path, '/', end - path);
		size_t n = (slash ? slash : end) - path;
		enum tree_result r = step(w, &(struct tree_spot){dir, path, n}, &dir);
		if (r != TREE_DONE)
			return r;
		path += slash ? n + 1 : n;
	}
	*ret_dir = dir;
	return TREE_DONE;
}

enum tree_result resolve_dir(struct tree *t, enum tree_walk how,
	const struct tree_spot *path, struct tree_inode **ret_dir, struct error *err)
{
	struct walk w = {.t = t, .how = how, .err = err};

	return walk_path(&w, path->dir, path->name, path->len, ret_dir);
}

enum tree_result resolve_spot(struct tree *t, enum tree_walk how, struct tree_inode *from,
	const char *path, struct tree_spot *ret, struct error *err)
{
	struct tree_spot spot;
	size_t end = path_trimmed_len(path, strlen(path));
	size_t start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	spot.name = path + start;
	spot.len = end - start;
	if ((spot.len == 1 && spot.name[0] == '.') ||
		(spot.len == 2 && memcmp(spot.name, "..", 2) == 0)) {
		start = end;
		spot.len = 0;
	}
	enum tree_result r = resolve_dir(
		t, how, &(struct tree_spot){from, path, start}, &spot.dir, err);
	if (r == TREE_DONE)
		*ret = spot;
	return r;
}
