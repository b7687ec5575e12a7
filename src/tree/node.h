/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree's inside, shared by the files of this folder.
 *
 * Inputs fill a struct tree_inode on their stack and hand it to tree_put(), the one place
 * that knows what happens when two inputs meet. Everything lives in the tree's arena and
 * dies with it; what was replaced stays there unused.
 */
#pragma once

#include <stddef.h>

#include "base/strmap.h"
#include "tree/tree.h"

#define TREE_NAME_MAX	255
#define TREE_TARGET_MAX 4095
#define TREE_LINKS_MAX	40 /* followed while resolving one path, as in the kernel */

/* The names in one directory, with a hash index once there are many. */
struct tree_dir {
	/* A name that was taken out stays, with no inode, until tree_finish(). */
	struct tree_entry *items;
	uint32_t len, cap;
	uint32_t *slots; /* positions in items, plus 1 */
	uint32_t n_slots;
	bool sorted;
	struct tree_inode *parent; /* the root's is itself */
	const char *name;	   /* its own, as long as it is in the tree */
	struct tree_dir *next;	   /* all of the tree's, to free them */
};

struct host_root;
struct path_cache;
struct spool;

struct tree {
	struct arena arena;
	struct tree_options options;
	struct tree_inode *root;
	struct tree_dir *dirs;
	/* Grows when a directory or a symlink is replaced or removed: resolved paths are
	 * stale. */
	uint64_t epoch;
	struct host_root *host_roots;
	struct strmap host_links; /* "device:inode" of host files with several names */
	struct path_cache *path_cache;
	struct spool *spools;
	VECTOR(struct tree_inode *) inodes; /* by index, after tree_finish() */
};

/* dir.c: the table of names. Names need no NUL behind them. */
struct tree_entry *tree_dir_find(const struct tree_dir *d, const char *name, size_t len);
/* The name must not be there. It is copied. */
struct tree_entry *tree_dir_add(
	struct tree *t, struct tree_dir *d, const char *name, size_t len);
/* Drop what was taken out, sort, and free what only adding needs. */
void tree_dir_settle(struct tree_dir *d);

/* tree.c: how inputs meet. */

/*
 * Put a file into a directory. A directory meeting a directory, or a symlink to one,
 * gives it its metadata; anything else takes the name over. ret_inode may be NULL.
 */
int tree_put(struct tree *t, struct tree_inode *dir, const char *name, size_t len,
	const struct tree_inode *file, struct tree_inode **ret_inode, struct error *err);
/* Another name for an inode that is in the tree. */
int tree_put_link(struct tree *t, struct tree_inode *dir, const char *name, size_t len,
	struct tree_inode *inode, struct error *err);
/* A directory gets another's owner, mode, time and xattrs. */
void tree_update_dir(
	struct tree *t, struct tree_inode *dir, const struct tree_inode *from);

/* resolve.c: paths inside the tree. */
enum tree_walk {
	TREE_WALK_FIND, /* 1 if there is no such directory */
	TREE_WALK_MAKE, /* missing ones are made; a file in the way becomes one */
};
int tree_walk_dir(struct tree *t, struct tree_inode *from, const char *path, size_t len,
	enum tree_walk how, struct tree_inode **ret_dir, struct error *err);
/* The directory that a path's last name is in. No name (len 0): the path is the
 * directory. */
int tree_walk_parent(struct tree *t, struct tree_inode *from, const char *path,
	enum tree_walk how, struct tree_inode **ret_dir, const char **ret_name,
	size_t *ret_len, struct error *err);

/* xattr.c: collecting extended attributes. */
struct xattr_item {
	struct tree_xattr xattr;
	size_t order;
};
struct xattr_list {
	struct xattr_item *items;
	size_t len;
	size_t cap;
};
bool tree_xattr_wanted(const char *name);
/* Copies both. */
void tree_xattr_add(struct tree *t, struct xattr_list *list, const char *name,
	const void *value, size_t len);
/* Sort them into the inode, of equal names the one that was first, and free the list. */
void tree_xattr_attach(struct tree *t, struct xattr_list *list, struct tree_inode *inode);
