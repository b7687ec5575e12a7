/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree's life, and files from memory. */
#include "tree/tree.h"

#include <errno.h>
#include <string.h>

#include "tree/host.h"
#include "tree/path.h"
#include "tree/put.h"
#include "tree/resolve.h"
#include "tree/spool.h"
#include "tree/xattr.h"

struct tree *tree_new(const struct tree_options *options)
{
	const struct tree_inode root = {.mode = S_IFDIR | 0755};
	struct tree *t = xcalloc(1, sizeof(*t));

	if (options)
		t->options = *options;
	t->root = node_new_dir(t, NULL, "", &root);
	return t;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	path_cache_free(t->path_cache);
	host_roots_free(t->host_roots);
	spools_free(t->spools);
	strmap_done(&t->host_links);
	vector_done(&t->inodes);
	for (struct tree_dir *d = t->dirs; d; d = d->next) {
		free(d->items);
		strmap_done(&d->index);
	}
	arena_done(&t->arena);
	free(t);
}

struct tree_inode *tree_root(const struct tree *t)
{
	return t->root;
}

int tree_add_file(
	struct tree *t, const char *path, const struct tree_file *from, struct error *err)
{
	struct tree_inode file = {.mode = from->mode,
		.uid = from->uid,
		.gid = from->gid,
		.mtime = from->mtime};
	struct tree_inode *ignored;
	struct tree_spot spot;

	switch (from->mode & S_IFMT) {
	case S_IFREG:
		if (from->len == 0)
			break;
		file.content = TREE_CONTENT_MEMORY;
		file.source = arena_strndup(&t->arena, from->data, from->len);
		file.size = from->len;
		break;
	case S_IFLNK:
		if (from->len == 0 || from->len > TREE_TARGET_MAX ||
			memchr(from->data, '\0', from->len))
			return error_set(
				err, EINVAL, "add symlink '%s' with this target", path);
		file.target = arena_strndup(&t->arena, from->data, from->len);
		file.size = from->len;
		break;
	case S_IFDIR:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	default:
		return error_set(err, EINVAL, "add '%s' with mode 0%o", path, from->mode);
	}
	if (resolve_spot(t, TREE_WALK_MAKE, t->root, path, &spot, err) != TREE_DONE ||
		tree_put(t, &spot, &file, &ignored, err) < 0)
		return error_prefix(err, "add '%s'", path);
	return 0;
}

void tree_set_root_owner(struct tree *t, uint32_t uid, uint32_t gid)
{
	t->root->uid = uid;
	t->root->gid = gid;
}

void tree_set_root_mode(struct tree *t, uint32_t permissions)
{
	struct tree_inode *root = t->root;
	CLEANUP_XATTRS struct xattr_list kept = {0};

	root->mode = S_IFDIR | (permissions & 07777);
	for (uint32_t i = 0; i < root->n_xattrs; i++) {
		const struct tree_xattr *x = &root->xattrs[i];
		if (strcmp(x->name, "system.posix_acl_access") != 0)
			xattr_add(t, &kept, x->name, x->value, x->len);
	}
	root->n_xattrs = 0;
	xattr_attach(t, &kept, root);
}

enum tree_result tree_remove(struct tree *t, const char *path)
{
	struct tree_spot spot;

	if (resolve_spot(t, TREE_WALK_FIND, t->root, path, &spot, NULL) != TREE_DONE)
		return TREE_ABSENT;
	return node_remove(t, &spot);
}

struct tree_inode *tree_lookup(const struct tree *t, const char *path)
{
	struct tree_spot spot;

	/* TREE_WALK_FIND changes nothing. */
	if (resolve_spot((struct tree *)t, TREE_WALK_FIND, t->root, path, &spot, NULL) !=
		TREE_DONE)
		return NULL;
	return node_at(&spot);
}
