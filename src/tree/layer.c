/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree/layer.h"

#include <stdio.h>
#include <string.h>

#include "tree/resolve.h"

#define WHITEOUT ".wh."
#define OPAQUE	 ".wh..wh..opq"
/* Names of aufs's own files, which mean nothing elsewhere. */
#define RESERVED ".wh..wh."

#define KEY_SIZE (32 + TREE_NAME_MAX)

/* A directory and a name in it: of a file's names, which are hard links, some may be the
 * layer's own and others not. */
static const char *make_key(char key[static KEY_SIZE], const struct tree_inode *dir,
	const char *name, size_t len)
{
	snprintf(key, KEY_SIZE, "%p/%.*s", (const void *)dir, (int)len, name);
	return key;
}

static bool is_own(
	const struct layer *l, const struct tree_inode *dir, const char *name, size_t len)
{
	char key[KEY_SIZE];

	return strmap_get(&l->own, make_key(key, dir, name, len));
}

void layer_note(struct layer *l, const struct tree_spot *spot)
{
	char key[KEY_SIZE];
	const struct tree_inode *dir = spot->dir;
	const char *name = spot->name;
	size_t len = spot->len;

	/* With the directories that lead to it. The root is its own parent. */
	while (l && len && !is_own(l, dir, name, len)) {
		make_key(key, dir, name, len);
		strmap_put(&l->own, arena_strdup(&l->t->arena, key), l);
		name = dir->dir->name;
		len = dir == l->t->root ? 0 : strlen(name);
		dir = dir->dir->parent;
	}
}

void layer_done(struct layer *l)
{
	strmap_done(&l->own);
}

/* Remove everything below a directory that is not the layer's own. */
static void make_opaque(struct layer *l, struct tree_inode *dir)
{
	VECTOR(struct tree_inode *) todo = {0};

	vector_push(&todo, dir);
	while (todo.len) {
		dir = todo.items[--todo.len];
		struct tree_dir *d = dir->dir;
		for (uint32_t i = 0; i < d->len; i++) {
			struct tree_inode *inode = d->items[i].inode;
			if (!inode)
				continue;
			if (!is_own(l, dir, d->items[i].name, strlen(d->items[i].name)))
				d->items[i].inode = NULL;
			else if (S_ISDIR(inode->mode))
				vector_push(&todo, inode);
		}
	}
	l->t->epoch++;
	vector_done(&todo);
}

bool layer_is_whiteout(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strncmp(slash ? slash + 1 : path, WHITEOUT, strlen(WHITEOUT)) == 0;
}

int layer_apply(
	struct layer *l, struct tree_inode *at, const char *path, struct error *err)
{
	struct tree_spot spot;

	if (!l)
		return error_set(err, 0,
			"it is a whiteout, with which a layer of a container image removes "
			"a file; it has a meaning only if the archive is added as a layer");
	enum tree_result r = resolve_spot(l->t, TREE_WALK_FIND, at, path, &spot, err);
	if (r != TREE_DONE)
		return MIN(r, 0);
	if (strcmp(spot.name, OPAQUE) == 0) {
		make_opaque(l, spot.dir);
		return 0;
	}
	if (strncmp(spot.name, RESERVED, strlen(RESERVED)) == 0)
		return 0;
	spot.name += strlen(WHITEOUT);
	spot.len -= strlen(WHITEOUT);
	if (spot.len == 0 || strcmp(spot.name, ".") == 0 || strcmp(spot.name, "..") == 0)
		return error_set(err, 0, "it is a whiteout of no file");
	struct tree_inode *inode = node_at(&spot);
	if (inode && !is_own(l, spot.dir, spot.name, spot.len))
		node_remove(l->t, &spot);
	else if (inode && S_ISDIR(inode->mode))
		make_opaque(l, inode);
	return 0;
}
