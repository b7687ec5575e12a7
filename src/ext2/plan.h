/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan: a geometry, and for each inode of the tree three numbers. Everything else
 * (which block holds byte n of a file, what a map block contains) is arithmetic on these,
 * done when it is asked.
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
#include "dir.h"
#include "disk.h"
#include "ext2.h"
#include "layout.h"
#include "map.h"
#include "tree/tree.h"

#define NO_XATTR_BLOCK UINT32_MAX

struct plan_inode {
	uint32_t meta; /* first of its data blocks in the first zone */
	union {
		uint32_t content; /* file: and in the second, counted from that zone's
				     start */
		uint32_t dir;	  /* directory: index into dirs */
	};
	uint32_t xattrs; /* index into xattr_blocks, or NO_XATTR_BLOCK */
};

struct plan_dir {
	uint32_t
		parent; /* inode index of the directory it is in; the root is in itself */
	struct dir_shape shape;
};

/* One block of attributes, shared by all inodes that have just these. */
struct plan_xattr_block {
	uint32_t owner; /* inode index of the first that has it: it lies with that one's
			   blocks */
	uint32_t data;
	uint32_t refcount;
	uint64_t digest;
};

struct ext2_plan {
	const struct tree *tree;
	struct layout layout;
	uint8_t uuid[16];
	uint32_t hash_seed[4];
	char label[16];
	uint32_t block_size;
	bool huge_file, dir_nlink; /* features that some file needs */
	bool add_lost_found;	   /* the tree has none */

	uint32_t n_inodes;	   /* of the tree */
	struct plan_inode *inodes; /* by index */
	VECTOR(struct plan_dir) dirs;
	VECTOR(struct plan_xattr_block) xattr_blocks;
	uint32_t meta_blocks, used_blocks;
	uint16_t *group_dirs; /* directories by group */
};

/*
 * Inode numbers: the root is 2, lost+found 11, the others follow in the order of the
 * tree.
 */
uint32_t plan_inode_number(const struct ext2_plan *p, uint32_t index);
uint32_t plan_last_inode(const struct ext2_plan *p);
/* The inode of the tree with that number; NULL: none, or lost+found. */
const struct tree_inode *plan_inode_by_number(const struct ext2_plan *p, uint32_t ino);
const struct plan_dir *plan_dir(const struct ext2_plan *p, const struct tree_inode *dir);

/*
 * The blocks that a file, directory or symlink consists of: maps and attributes do not
 * count.
 */
struct block_runs plan_block_runs(
	const struct ext2_plan *p, const struct tree_inode *inode);
/* The first of them, as a data block. */
uint32_t plan_first_block(const struct ext2_plan *p, const struct tree_inode *inode,
	const struct map_shape *shape);

/* Digest names, metadata and options into p->uuid and p->hash_seed. */
void plan_set_uuid(struct ext2_plan *p, const struct ext2_options *options);

/* What can't be expressed in ext2 is an error that names the file and the limit. */
int inode_check(
	const struct ext2_plan *p, const struct tree_inode *inode, struct error *err);
/* As it lies on the disk. */
void inode_encode(const struct ext2_plan *p, const struct tree_inode *inode,
	struct disk_inode *ret);
void inode_encode_lost_found(const struct ext2_plan *p, struct disk_inode *ret);
