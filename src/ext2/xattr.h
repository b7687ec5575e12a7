/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extended attributes as they lie on the disk: what fits behind the inode goes there, the
 * rest into one block.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "disk.h"

struct tree_inode;

struct xattr {
	uint8_t name_index;
	uint8_t name_len;
	bool in_body;
	const char *name; /* without its namespace */
	const void *value;
	uint32_t value_len;
};

/* An inode's attributes in the order of the disk. Zero bytes are an empty set. */
struct xattr_set {
	struct xattr *items;
	uint32_t n;
	uint32_t n_in_block;
	uint8_t *converted; /* values that look different on disk */
};

/* Refer to the inode's memory. Errors say what is wrong, not with which file. */
int xattr_set_init(struct xattr_set *set, const struct tree_inode *inode,
	uint32_t block_size, struct error *err);
void xattr_set_done(struct xattr_set *set);

void xattr_write_body(const struct xattr_set *set, uint8_t body[static EXT2_XATTR_BODY]);
/* block: zeroed. */
void xattr_write_block(const struct xattr_set *set, uint32_t refcount, uint8_t *block,
	uint32_t block_size);
