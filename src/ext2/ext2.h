/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ext2 writer: from a finished tree to an image, without mounting and without root.
 *
 *	tree ──► ext2_plan_new()      ──►  ext2_emit()
 *	         the place of every        one ascending pass over the image,
 *	         inode and block, no I/O   asserting position == planned
 *
 *	        └──────────► ext2_extent_at(), ext2_metadata_read()
 *	                     the same bytes without an image, in any order
 *
 * A place is a number among the data blocks; layout.h computes the address from it.
 *
 * The same tree and options give the same bytes, UUID included, on any machine.
 *
 * What comes out is ext2 proper (block maps, no journal): inodes of 256 bytes with
 * nanoseconds, hashed directories, attributes in inodes and shared blocks. Features that
 * the ext2 driver can't write to are set only where a file needs them: one of more than a
 * terabyte, a directory with more than 65,000 subdirectories. A directory `lost+found` is
 * added unless the tree has that name.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct tree;
struct ext2_plan;

struct ext2_options {
	uint32_t block_size; /* 1024, 2048 or 4096; 0: 4096 */
	/* Of the image in bytes, rounded down to blocks; 0: as small as possible. */
	uint64_t size;
	/* With size 0: blocks and inodes to leave free. */
	uint64_t free_blocks, free_inodes;
	/* Else the UUID is derived from the contents' metadata and the options. */
	bool have_uuid;
	uint8_t uuid[16];
	char label[16]; /* NUL-padded; all 16 may be used */
};

/*
 * A derived UUID follows from options, names, metadata (also sizes and times) and the
 * bytes of files in memory. Other contents are not read for it: two trees whose only
 * difference is bytes, not even a time, have the same UUID.
 */

/* The plan's numbers, for messages, manifests and tests. */
struct ext2_summary {
	uint64_t size; /* bytes */
	uint32_t block_size;
	uint64_t blocks, free_blocks;
	uint32_t inodes, free_inodes;
	uint32_t groups;
	uint8_t uuid[16];
};

/*
 * Decide where everything goes. Pure: no I/O. The tree must stay as it is until the plan
 * is freed. Fails if the tree does not fit into options->size (saying how much it needs),
 * or if something can't be expressed in ext2 (the error names the file and the limit).
 */
int ext2_plan_new(const struct tree *t, const struct ext2_options *options,
	struct ext2_plan **ret_plan, struct error *err);
void ext2_plan_free(struct ext2_plan *p);
void ext2_plan_summary(const struct ext2_plan *p, struct ext2_summary *ret);

struct ext2_emit_options {
	unsigned workers; /* threads that copy content; 0: 2 */
	/*
	 * Called now and then from the calling thread; a non-zero return stops with
	 * ECANCELED.
	 */
	int (*progress)(uint64_t done_bytes, uint64_t total_bytes, void *data);
	void *progress_data;
};

/* How content got there, for -v and the benchmark. */
struct ext2_emit_stats {
	uint64_t reflinked, copied; /* bytes */
};

/*
 * Write the image to fd, an empty regular file open for reading and writing. On failure
 * the file is left half-written: the caller removes it. options and ret_stats may be
 * NULL.
 */
int ext2_emit(const struct ext2_plan *p, int fd, const struct ext2_emit_options *options,
	struct ext2_emit_stats *ret_stats, struct error *err);

/* ---- An image that is not written ---- */

enum ext2_extent_kind {
	EXT2_ZEROS,
	/* ext2_metadata_read() has it. */
	EXT2_METADATA,
	/* Bytes of a file. */
	EXT2_CONTENT,
};

struct ext2_extent {
	enum ext2_extent_kind kind;
	uint64_t len;
	/* Of content: the file, and where in it the extent begins. */
	const struct tree_inode *file;
	uint64_t offset;
};

/* What the image has from this offset on, which lies below its size. Metadata are whole
 * blocks from the one that has the offset, and `len` counts from the offset. */
struct ext2_extent ext2_extent_at(const struct ext2_plan *p, uint64_t offset);

/* Blocks of metadata, made when they are asked for, and a few MiB of those that cost more
 * kept for the next time. Thread-safe. */
struct ext2_metadata;

struct ext2_metadata *ext2_metadata_new(const struct ext2_plan *p);
void ext2_metadata_free(struct ext2_metadata *m);
/* A whole block, by its number, of an extent of that kind; `to` is aligned for numbers. */
void ext2_metadata_read(struct ext2_metadata *m, uint32_t block, void *to);
