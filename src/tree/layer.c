/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree/layer.h"

#include <stdio.h>
#include <string.h>

#include "tree/resolve.h"

#define WHITEOUT ".wh."
#define OPAQUE	 ".wh..wh..opq"
/* Names of aufs's own files, which mean nothing elsewhere. */
#define RESERVED ".wh..wh."

#define KEY_SIZE 20

static bool is_own(const struct layer *l, const struct tree_inode *inode)
{
	char key[KEY_SIZE];

	snprintf(key, sizeof(key), "%p", (const void *)inode);
	return strmap_get(&l->own, key);
}

static void add_own(struct layer *l, const struct tree_inode *inode)
{
	char key[KEY_SIZE];

	snprintf(key, sizeof(key), "%p", (const void *)inode);
	strmap_put(&l->own, arena_strdup(&l->t->arena, key), l);
}

void layer_note(
	struct layer *l, const struct tree_inode *dir, const struct tree_inode *inode)
{
	if (!l)
		return;
	add_own(l, inode);
	for (; !is_own(l, dir); dir = dir->dir->parent)
		add_own(l, dir);
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
		struct tree_dir *d = todo.items[--todo.len]->dir;
		for (uint32_t i = 0; i < d->len; i++) {
			struct tree_inode *inode = d->items[i].inode;
			if (!inode)
				continue;
			if (!is_own(l, inode))
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
	if (inode && !is_own(l, inode))
		node_remove(l->t, &spot);
	else if (inode && S_ISDIR(inode->mode))
		make_opaque(l, inode);
	return 0;
}
