/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes of an archive file, for libarchive:
 *
 *	file ──► decompressed, by libarchive too ──► one archive after another
 *
 * libarchive ends at an archive's end mark. What follows is padding, or another archive that
 * was appended as with cat: the kernel reads all of them, and so do we.
 */
#pragma once

#include <archive.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"
#include "tree/tree.h"

#define INPUT_BLOCK (64 * 1024)

struct archive_input {
	struct archive *raw;
	const struct tree_archive *from;
	/* Of the file, and of what comes out of the decompression: for its digests. */
	struct sha256 hash, plain_hash;
	/* The file's last block, bytes read so far, and whether that is all. */
	uint8_t *file_block;
	size_t file_block_len;
	uint64_t file_bytes;
	bool file_ended;

	/* The two blocks that were handed out last, the newer one first: libarchive may look
	 * ahead beyond an archive's end. */
	struct archive_input_block {
		uint8_t *bytes;
		size_t len;
	} blocks[2];
	/* Bytes handed to the current archive. */
	uint64_t given;
	/* blocks[0] is still to be handed out. */
	bool pending;
};

int archive_input_open(
	struct archive_input *in, const struct tree_archive *from, struct error *err);
void archive_input_done(struct archive_input *in);
/* Let an archive read from here. */
int archive_input_attach(struct archive_input *in, struct archive *a, struct error *err);
/* The archive has been read to its end. 1: another one follows; 0: nothing follows. */
int archive_input_next(struct archive_input *in, struct archive *a, struct error *err);
/* At the end: does it have its digests? After a failure this reads the rest of the file, and
 * the answer is that it has not only if the file's digest says so. */
int archive_input_check(struct archive_input *in, bool failed, struct error *err);
/* libarchive's error. */
int archive_input_fail(struct archive *a, struct error *err);
