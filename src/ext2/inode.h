/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One inode in the form it has on the disk. */
#pragma once

#include "base/error.h"
#include "disk.h"

struct ext2_plan;
struct tree_inode;

/* Fails, naming the file and the limit, if ext2 can't express the inode. */
int inode_check(
	const struct ext2_plan *p, const struct tree_inode *inode, struct error *err);
void inode_encode(const struct ext2_plan *p, const struct tree_inode *inode,
	struct disk_inode *ret);
void inode_encode_lost_found(const struct ext2_plan *p, struct disk_inode *ret);
