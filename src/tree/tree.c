/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree's life, and what happens when inputs meet: tree_put() is the only way for a
 * file to get into it. Inputs know nothing of one another.
 */
#include "tree/tree.h"

#include <errno.h>
#include <string.h>

#include "tree/host.h"
#include "tree/node.h"
#include "tree/spool.h"

static bool is_later(const struct tree_time *a, const struct tree_time *b)
{
	return a->sec != b->sec ? a->sec > b->sec : a->nsec > b->nsec;
}

static void apply_options(const struct tree_options *o, struct tree_inode *inode)
{
	if (o->set_owner) {
		inode->uid = o->uid;
		inode->gid = o->gid;
	}
	if (o->clamp_mtime && is_later(&inode->mtime, &o->mtime_max))
		inode->mtime = o->mtime_max;
}

static struct tree_inode *new_inode(struct tree *t, const struct tree_inode *file)
{
	struct tree_inode *inode = arena_alloc(&t->arena, sizeof(*inode));

	*inode = *file;
	inode->nlink = 0;
	inode->index = 0;
	apply_options(&t->options, inode);
	return inode;
}

static struct tree_inode *new_dir(struct tree *t, struct tree_inode *parent,
	const char *name, const struct tree_inode *file)
{
	struct tree_inode *inode = new_inode(t, file);
	struct tree_dir *d = arena_alloc(&t->arena, sizeof(*d));

	d->parent = parent ? parent : inode;
	d->name = name;
	d->next = t->dirs;
	t->dirs = d;
	inode->dir = d;
	return inode;
}

struct tree *tree_new(const struct tree_options *options)
{
	const struct tree_inode root = {.mode = S_IFDIR | 0755};
	struct tree *t = xcalloc(1, sizeof(*t));

	if (options)
		t->options = *options;
	t->root = new_dir(t, NULL, "", &root);
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
		free(d->slots);
	}
	arena_done(&t->arena);
	free(t);
}

struct tree_inode *tree_root(const struct tree *t)
{
	return t->root;
}

/* The name's place, free for another inode. */
static struct tree_entry *vacate(
	struct tree *t, struct tree_dir *d, const char *name, size_t len)
{
	struct tree_entry *e = tree_dir_find(d, name, len);

	if (!e)
		return tree_dir_add(t, d, name, len);
	if (e->inode && (S_ISDIR(e->inode->mode) || S_ISLNK(e->inode->mode)))
		t->epoch++;
	e->inode = NULL;
	return e;
}

static int check_name(const char *name, size_t len, struct error *err)
{
	if (len > TREE_NAME_MAX)
		return error_set(
			err, ENAMETOOLONG, "add name '%.40s…' of %zu bytes", name, len);
	return 0;
}

void tree_update_dir(
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

/* A directory that the new one merges into: itself, or where a symlink leads. NULL if
 * none. */
static int find_mergeable(struct tree *t, struct tree_inode *dir, const char *name,
	size_t len, struct tree_inode **ret_dir, struct error *err)
{
	struct tree_entry *e = tree_dir_find(dir->dir, name, len);

	*ret_dir = NULL;
	if (!e || !e->inode)
		return 0;
	if (S_ISDIR(e->inode->mode))
		*ret_dir = e->inode;
	else if (S_ISLNK(e->inode->mode))
		return tree_walk_dir(t, dir, name, len, TREE_WALK_MAKE, ret_dir, err);
	return 0;
}

static int put_dir(struct tree *t, struct tree_inode *dir, const char *name, size_t len,
	const struct tree_inode *file, struct tree_inode **ret_inode, struct error *err)
{
	struct tree_inode *into;

	if (find_mergeable(t, dir, name, len, &into, err))
		return -1;
	if (into) {
		tree_update_dir(t, into, file);
	} else {
		struct tree_entry *e = vacate(t, dir->dir, name, len);
		into = e->inode = new_dir(t, dir, e->name, file);
	}
	*ret_inode = into;
	return 0;
}

int tree_put(struct tree *t, struct tree_inode *dir, const char *name, size_t len,
	const struct tree_inode *file, struct tree_inode **ret_inode, struct error *err)
{
	struct tree_inode *inode;

	if (check_name(name, len, err))
		return -1;
	if (S_ISDIR(file->mode)) {
		if (put_dir(t, dir, name, len, file, &inode, err))
			return -1;
	} else {
		inode = new_inode(t, file);
		vacate(t, dir->dir, name, len)->inode = inode;
	}
	if (ret_inode)
		*ret_inode = inode;
	return 0;
}

int tree_put_link(struct tree *t, struct tree_inode *dir, const char *name, size_t len,
	struct tree_inode *inode, struct error *err)
{
	if (check_name(name, len, err))
		return -1;
	vacate(t, dir->dir, name, len)->inode = inode;
	return 0;
}

static int check_memory_file(
	const char *path, uint32_t mode, const void *data, size_t len, struct error *err)
{
	if (!S_ISREG(mode) && !S_ISLNK(mode) && !S_ISDIR(mode) && !S_ISFIFO(mode) &&
		!S_ISSOCK(mode))
		return error_set(err, EINVAL, "add '%s' with mode 0%o", path, mode);
	if (S_ISLNK(mode) &&
		(len == 0 || len > TREE_TARGET_MAX || memchr(data, '\0', len)))
		return error_set(err, EINVAL, "add symlink '%s' with this target", path);
	return 0;
}

int tree_add_file(struct tree *t, const char *path, uint32_t type_and_mode, uint32_t uid,
	uint32_t gid, struct tree_time mtime, const void *data, size_t len,
	struct error *err)
{
	struct tree_inode file = {
		.mode = type_and_mode, .uid = uid, .gid = gid, .mtime = mtime};
	struct tree_inode *dir;
	const char *name;
	size_t name_len;

	if (check_memory_file(path, type_and_mode, data, len, err))
		return -1;
	if (S_ISLNK(file.mode)) {
		file.target = arena_strndup(&t->arena, data, len);
		file.size = len;
	} else if (S_ISREG(file.mode) && len > 0) {
		file.content = TREE_CONTENT_MEMORY;
		file.source = arena_strndup(&t->arena, data, len);
		file.size = len;
	}
	if (tree_walk_parent(
		    t, t->root, path, TREE_WALK_MAKE, &dir, &name, &name_len, err))
		return error_prefix(err, "add '%s'", path);
	if (name_len == 0 && !S_ISDIR(file.mode))
		return error_set(err, EISDIR, "add '%s'", path);
	if (name_len == 0)
		tree_update_dir(t, dir, &file);
	else if (tree_put(t, dir, name, name_len, &file, NULL, err))
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
	struct xattr_list kept = {0};

	root->mode = S_IFDIR | (permissions & 07777);
	for (uint32_t i = 0; i < root->n_xattrs; i++) {
		const struct tree_xattr *x = &root->xattrs[i];
		if (strcmp(x->name, "system.posix_acl_access") != 0)
			tree_xattr_add(t, &kept, x->name, x->value, x->len);
	}
	root->n_xattrs = 0;
	tree_xattr_attach(t, &kept, root);
}

int tree_remove(struct tree *t, const char *path)
{
	struct tree_inode *dir;
	const char *name;
	size_t len;

	if (tree_walk_parent(t, t->root, path, TREE_WALK_FIND, &dir, &name, &len, NULL))
		return 1;
	struct tree_entry *e = tree_dir_find(dir->dir, name, len);
	if (!e || !e->inode)
		return 1;
	e->inode = NULL;
	t->epoch++;
	return 0;
}

struct tree_inode *tree_lookup(const struct tree *t, const char *path)
{
	struct tree_inode *dir;
	const char *name;
	size_t len;

	/* Finding changes nothing; making, by the same functions, does. */
	if (tree_walk_parent((struct tree *)t, t->root, path, TREE_WALK_FIND, &dir, &name,
		    &len, NULL))
		return NULL;
	if (len == 0)
		return dir;
	struct tree_entry *e = tree_dir_find(dir->dir, name, len);
	return e ? e->inode : NULL;
}
