/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an archive's entries to spooled content. There is one struct unpack per archive. */
#pragma once

#include <archive.h>

#include "base/sha256.h"
#include "tree/node.h"

struct unpack {
	struct tree *t;
	const char *spool_dir;
	/* Identifies the archive; in the arena, set by unpack_done(). */
	uint8_t *digest;
	/* It is of the content. */
	bool hash_content;
	struct sha256 hash;
	/* Bytes of files so far. */
	uint64_t done;
};

void unpack_init(struct unpack *u, struct tree *t, const struct tree_archive *archive);
/* Spool the data of the current entry of `a`, and describe it in `file`. */
int unpack_content(struct unpack *u, struct archive *a, struct archive_entry *e,
	struct tree_inode *file, struct error *err);
void unpack_done(struct unpack *u);
