/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Planning: the one place that decides which blocks an inode gets. One pass over the tree
 * appends each inode's blocks to the two zones (plan.h). Then the geometry is chosen that
 * holds all of them, which turns data numbers into addresses.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "dir.h"
#include "inode.h"
#include "plan.h"
#include "uuid.h"
#include "xattr-share.h"
#include "xattr.h"

/*
 * Without the feature for huge files the kernel reads i_blocks as 32 bits of sectors: a
 * little less than 2 TiB.
 */
#define HUGE_FILE_SIZE (UINT64_C(1) << 40)

/* The kernel takes a directory's size as a signed 32-bit number. */
#define DIR_SIZE_MAX INT32_MAX

struct planner {
	struct ext2_plan *plan;
	struct xattr_share share;
	uint64_t meta, content; /* blocks taken so far */
};

static int prefix_path(
	const struct ext2_plan *p, const struct tree_inode *inode, struct error *err)
{
	CLEANUP_FREE char *path = tree_inode_path(p->tree, inode);

	return error_prefix(err, "'%s'", path);
}

/* Note each subdirectory's parent. Parents come before their children in the tree. */
static void plan_children(struct planner *pl, const struct tree_inode *dir)
{
	struct ext2_plan *p = pl->plan;
	size_t n;
	const struct tree_entry *entries = tree_dir_entries(dir, &n);

	for (size_t i = 0; i < n; i++) {
		const struct tree_inode *child = entries[i].inode;
		if (!S_ISDIR(child->mode))
			continue;
		p->inodes[child->index].dir = p->dirs.len;
		vector_push(&p->dirs, (struct plan_dir){.parent = dir->index});
	}
}

static int plan_directory(
	struct planner *pl, const struct tree_inode *dir, struct error *err)
{
	struct ext2_plan *p = pl->plan;
	struct dir_shape shape;

	dir_measure(p, dir, &shape);
	p->dirs.items[p->inodes[dir->index].dir].shape = shape;
	if (shape.blocks > DIR_SIZE_MAX / p->block_size) {
		error_set(err, EFBIG, "a directory may have 2 GiB of names");
		return prefix_path(p, dir, err);
	}
	if (dir->nlink >= EXT2_LINK_MAX)
		p->dir_nlink = true;
	plan_children(pl, dir);
	return 0;
}

static void plan_blocks(struct planner *pl, const struct tree_inode *inode)
{
	struct ext2_plan *p = pl->plan;
	struct plan_inode *planned = &p->inodes[inode->index];
	struct map_shape shape;

	map_measure(plan_block_runs(p, inode), p->block_size, &shape);
	planned->meta = pl->meta;
	pl->meta += map_total(&shape);
	if (S_ISDIR(inode->mode))
		p->dirs.items[planned->dir].content = pl->content;
	else
		planned->content = pl->content;
	if (S_ISREG(inode->mode)) {
		pl->content += shape.data_blocks;
		p->huge_file |= inode->size > HUGE_FILE_SIZE;
	} else {
		pl->meta += shape.data_blocks;
	}
}

static int plan_xattrs(
	struct planner *pl, const struct tree_inode *inode, struct error *err)
{
	struct ext2_plan *p = pl->plan;
	CLEANUP(xattr_set_done) struct xattr_set set;
	bool fresh;

	p->inodes[inode->index].xattrs = NO_XATTR_BLOCK;
	if (xattr_set_init(&set, inode, p->block_size, err) < 0)
		return prefix_path(p, inode, err);
	if (set.n_in_block == 0)
		return 0;
	uint32_t block = xattr_share_block(&pl->share, p, inode, &set, &fresh);
	p->inodes[inode->index].xattrs = block;
	if (fresh)
		p->xattr_blocks.items[block].data = pl->meta++;
	return 0;
}

static int plan_inodes(struct planner *pl, struct error *err)
{
	struct ext2_plan *p = pl->plan;

	vector_push(&p->dirs, (struct plan_dir){.parent = 0});
	/* lost+found's one block is data block 0. */
	pl->meta = p->add_lost_found ? 1 : 0;
	for (uint32_t i = 0; i < p->n_inodes; i++) {
		const struct tree_inode *inode = tree_inode_at(p->tree, i);
		if (inode_check(p, inode, err) < 0)
			return -1;
		if (S_ISDIR(inode->mode) && plan_directory(pl, inode, err) < 0)
			return -1;
		plan_blocks(pl, inode);
		if (plan_xattrs(pl, inode, err) < 0)
			return -1;
		if (pl->meta + pl->content > UINT32_MAX)
			return error_set(err, EFBIG,
				"the files need more than 2^32 blocks of %" PRIu32
				" bytes",
				p->block_size);
	}
	p->meta_blocks = pl->meta;
	p->used_blocks = pl->meta + pl->content;
	return 0;
}

static void count_group_dirs(struct ext2_plan *p)
{
	p->group_dirs = xcalloc(p->layout.groups, sizeof(p->group_dirs[0]));
	if (p->add_lost_found)
		p->group_dirs[(EXT2_FIRST_INO - 1) / p->layout.inodes_per_group]++;
	for (uint32_t i = 0; i < p->n_inodes; i++)
		if (S_ISDIR(tree_inode_at(p->tree, i)->mode))
			p->group_dirs[(plan_inode_number(p, i) - 1) /
				p->layout.inodes_per_group]++;
}

static int plan_geometry(
	struct ext2_plan *p, const struct ext2_options *options, struct error *err)
{
	struct layout_demand demand = {
		.block_size = p->block_size,
		.size = options->size,
		.data_blocks = p->used_blocks,
		.inodes = plan_last_inode(p),
		.free_blocks = options->free_blocks,
		.free_inodes = options->free_inodes,
	};

	if (options->free_blocks > UINT32_MAX || options->free_inodes > UINT32_MAX)
		return error_set(
			err, EFBIG, "room for more than 2^32 free blocks or inodes");
	if (layout_init(&p->layout, &demand, err) < 0)
		return -1;
	count_group_dirs(p);
	return 0;
}

static int plan_all(
	struct ext2_plan *p, const struct ext2_options *options, struct error *err)
{
	struct planner pl = {.plan = p};

	if (p->block_size != 1024 && p->block_size != 2048 && p->block_size != 4096)
		return error_set(err, EINVAL,
			"block size %" PRIu32 ": not 1024, 2048 or 4096", p->block_size);
	if (p->n_inodes > UINT32_MAX - EXT2_FIRST_INO)
		return error_set(err, EFBIG, "%" PRIu32 " files: too many", p->n_inodes);
	/* Before the inodes: the hash seed follows from the UUID, and decides how many
	 * blocks a directory takes. */
	uuid_set(p, options);
	int r = plan_inodes(&pl, err);
	xattr_share_done(&pl.share);
	return r < 0 ? -1 : plan_geometry(p, options, err);
}

static bool tree_has_lost_found(const struct tree *t)
{
	size_t n;
	const struct tree_entry *entries = tree_dir_entries(tree_root(t), &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(entries[i].name, "lost+found") == 0)
			return true;
	return false;
}

int ext2_plan_new(const struct tree *t, const struct ext2_options *options,
	struct ext2_plan **ret_plan, struct error *err)
{
	struct ext2_plan *p = xcalloc(1, sizeof(*p));

	p->tree = t;
	p->block_size = options->block_size ? options->block_size : 4096;
	p->n_inodes = tree_inode_count(t);
	p->inodes = xcalloc(p->n_inodes, sizeof(p->inodes[0]));
	p->add_lost_found = !tree_has_lost_found(t);
	memcpy(p->label, options->label, sizeof(p->label));
	if (plan_all(p, options, err) < 0) {
		ext2_plan_free(p);
		return -1;
	}
	*ret_plan = p;
	return 0;
}
