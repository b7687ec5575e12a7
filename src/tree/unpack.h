/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an archive's entries to spooled content. One struct unpack an archive. */
#pragma once

#include <archive.h>

#include "base/sha256.h"
#include "tree/node.h"

struct unpack {
	struct tree *t;
	const char *spool_dir;
	uint8_t *digest; /* in the arena: which archive this is, known when it is done */
	bool hash_content; /* a pipe has no other identity */
	struct sha256 hash;
	uint64_t done; /* bytes of files so far */
};

void unpack_init(struct unpack *u, struct tree *t, int fd, const char *spool_dir);
/* Spool the data of the entry that `a` stands at, and describe it in `file`. */
int unpack_content(struct unpack *u, struct archive *a, struct archive_entry *e,
	struct tree_inode *file, struct error *err);
void unpack_done(struct unpack *u);
