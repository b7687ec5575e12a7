/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copying one file's content after another to where the plan wants it. A copier belongs
 * to one thread; several may write to the same image.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "ext2.h"

struct ext2_plan;
struct tree_inode;

/* What all copiers of an image share. */
struct copy_target {
	const struct ext2_plan *plan;
	int fd;
	/* Set by anyone to make all copiers stop soon. */
	atomic_bool stop;
	/* Bytes that are in the image. */
	_Atomic uint64_t done;
};

struct copier {
	struct copy_target *target;
	struct ext2_emit_stats stats;

	/* Blocks that will be written together: `used` of them, the first one's data
	 * number is `start`. */
	uint8_t *buffer;
	uint32_t start;
	uint32_t used;
};

void copier_init(struct copier *c, struct copy_target *target);
/* Copy a regular file. Its last blocks may stay in the buffer until copier_flush(). */
int copier_add(struct copier *c, const struct tree_inode *inode, struct error *err);
int copier_flush(struct copier *c, struct error *err);
void copier_done(struct copier *c);
