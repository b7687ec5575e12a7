/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan: a geometry, and three numbers for each inode of the tree. Everything else
 * (which block holds byte n of a file, what a map block contains) is computed from these
 * on demand. planner.c makes the plan, the other files read it.
 *
 *	data     │ maps, directories, long symlinks, │ contents of files    │ free
 *	blocks   │ attributes of inode 0, 1, ...     │ of inode 0, 1, ...   │
 *	         0                                   meta_blocks            used_blocks
 *
 * Two zones, each in the order of inodes, which is the order of directories: a guest that
 * looks for names reads one short stretch of the disk, and files that lie together in the
 * tree lie together on the disk, with nothing in between.
 */
#pragma once

#include "base/vector.h"
#include "disk.h"
#include "ext2.h"
#include "layout.h"
#include "map.h"
#include "tree/tree.h"

#define NO_XATTR_BLOCK UINT32_MAX

struct plan_inode {
	/* Data number of its first block in the first zone. */
	uint32_t meta;
	union {
		/* A regular file's first block in the second zone, relative to that
		 * zone's start; where the next one's would be, if it has none. */
		uint32_t content;
		/* A directory's index into dirs. */
		uint32_t dir;
	};
	/* Index into xattr_blocks, or NO_XATTR_BLOCK. */
	uint32_t xattrs;
};

/* How many blocks a directory takes. */
struct dir_shape {
	bool hashed;
	/* Blocks with names. */
	uint32_t leaves;
	/* Tree blocks between the root and the leaves. */
	uint32_t nodes;
	/* All of them, the root too. */
	uint32_t blocks;
};

struct plan_dir {
	/* Inode index of the directory it is in; the root is in itself. */
	uint32_t parent;
	/* As in struct plan_inode, which has no room for it. */
	uint32_t content;
	struct dir_shape shape;
};

/* A block of attributes, which all inodes with the same attributes share. */
struct plan_xattr_block {
	/* Inode index of the first of them; the block is among that one's blocks. */
	uint32_t owner;
	uint32_t data;
	uint32_t refcount;
};

struct ext2_plan {
	const struct tree *tree;
	struct layout layout;
	uint8_t uuid[16];
	uint32_t hash_seed[4];
	char label[16];
	uint32_t block_size;
	/* Features that some file needs. */
	bool huge_file, dir_nlink;
	/* The tree has no lost+found of its own. */
	bool add_lost_found;

	/* Of the tree, by index. */
	uint32_t n_inodes;
	struct plan_inode *inodes;
	VECTOR(struct plan_dir) dirs;
	VECTOR(struct plan_xattr_block) xattr_blocks;
	uint32_t meta_blocks, used_blocks;
	/* Number of directories by group. */
	uint16_t *group_dirs;
};

/* The inode that has this block of the first zone, not lost+found's; and of the second. */
uint32_t plan_owner_of_meta(const struct ext2_plan *p, uint32_t data);
uint32_t plan_owner_of_content(const struct ext2_plan *p, uint32_t content);

/*
 * Inode numbers: the root is 2, lost+found 11, the others follow in the order of the
 * tree.
 */
uint32_t plan_inode_number(const struct ext2_plan *p, uint32_t index);
uint32_t plan_last_inode(const struct ext2_plan *p);
/* The inode of the tree that has this number; NULL if none has, or it is lost+found. */
const struct tree_inode *plan_inode_by_number(const struct ext2_plan *p, uint32_t ino);
const struct plan_dir *plan_dir(const struct ext2_plan *p, const struct tree_inode *dir);

/* The blocks of a file, directory or symlink, without its map and attribute blocks. */
struct block_runs plan_block_runs(
	const struct ext2_plan *p, const struct tree_inode *inode);
/* The first of them, as a data number. A regular file's does not depend on its maps, other
 * inodes' blocks lie behind their map blocks. */
uint32_t plan_content_block(const struct ext2_plan *p, const struct tree_inode *file);
uint32_t plan_first_block(const struct ext2_plan *p, const struct tree_inode *inode,
	const struct map_shape *shape);
