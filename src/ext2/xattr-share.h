/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Planning attribute blocks: inodes with the same attributes get the same block. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/strmap.h"

struct ext2_plan;
struct tree_inode;
struct xattr_set;

/* Zero bytes are an empty one. */
struct xattr_share {
	/* From a block's digest to its index in plan->xattr_blocks, plus 1. */
	struct strmap by_digest;
	struct arena keys;
};

/*
 * The index of the block for these attributes, counting the inode as one of its users.
 * *ret_new: it is a new one, and the caller says where it lies.
 */
uint32_t xattr_share_block(struct xattr_share *s, struct ext2_plan *p,
	const struct tree_inode *inode, const struct xattr_set *set, bool *ret_new);
void xattr_share_done(struct xattr_share *s);
