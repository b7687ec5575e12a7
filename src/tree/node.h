/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree itself: inodes and names, without rules for what happens when inputs meet.
 * Everything is in the tree's arena and dies with it; what was replaced stays there
 * unused.
 *
 * The folder is a stack, each file using those below it:
 *
 *	tree.c          the tree's life, files from memory
 *	directory.c path.c archive.c      inputs
 *	hostnode.c unpack.c acl.c xattr.c from a host's or an archive's file to an inode
 *	put.c           what happens when inputs meet
 *	resolve.c       paths inside the tree
 *	node.c dir.c host.c spool.c
 */
#pragma once

#include <stddef.h>

#include "base/strmap.h"
#include "tree/dir.h"
#include "tree/tree.h"

#define TREE_NAME_MAX	255
#define TREE_TARGET_MAX 4095

/* Followed while resolving one path, as in the kernel. */
#define TREE_LINKS_MAX 40

struct host_root;
struct path_cache;
struct spool;

struct tree {
	struct arena arena;
	struct tree_options options;
	struct tree_inode *root;
	/* All directories, also those that were replaced. */
	struct tree_dir *dirs;
	/* Grows when a directory or a symlink is replaced or removed, which makes resolved
	 * paths stale. */
	uint64_t epoch;
	struct host_root *host_roots;
	/* "device:inode" of host files with several names ──► struct tree_inode */
	struct strmap host_links;
	struct path_cache *path_cache;
	struct spool *spools;
	/* Bytes of data in them, zeros too. */
	uint64_t spooled;
	/* By index, after tree_finish(). */
	VECTOR(struct tree_inode *) inodes;
};

/* A name in a directory of the tree, whether it is taken or not. */
struct tree_spot {
	struct tree_inode *dir;
	/* Needs no NUL behind it. No name (len 0): the directory itself. */
	const char *name;
	size_t len;
};

/* An inode like `file` that no name leads to yet. The root has no parent. */
struct tree_inode *node_new(struct tree *t, const struct tree_inode *file);
struct tree_inode *node_new_dir(struct tree *t, struct tree_inode *parent,
	const char *name, const struct tree_inode *file);

/* The inode at a spot, or NULL. */
struct tree_inode *node_at(const struct tree_spot *spot);
/* Put a new inode at a spot, in place of what is there. */
int node_add(struct tree *t, const struct tree_spot *spot, const struct tree_inode *file,
	struct tree_inode **ret_inode, struct error *err);
/* The same with an inode that has a name already. */
int node_add_link(struct tree *t, const struct tree_spot *spot, struct tree_inode *inode,
	struct error *err);
/* Take a name out. */
enum tree_result node_remove(struct tree *t, const struct tree_spot *spot);
/* Give a directory another's owner, mode, time and attributes. */
void node_update_dir(
	struct tree *t, struct tree_inode *dir, const struct tree_inode *from);
