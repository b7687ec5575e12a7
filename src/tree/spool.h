/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Spool files: what archives contain, in unlinked files until it is copied into an image.
 * Holes are left as holes, so a sparse file of any size takes the room of its data.
 */
#pragma once

#include "tree/node.h"

/* Where a regular file's content lies. */
struct spool_slice {
	const struct spool *spool;
	uint64_t offset;
	/* For the tree's identity: which archive (SHA-256), and where in its contents. */
	const uint8_t *archive;
	uint64_t archive_offset;
};

/* A place for `size` bytes, in the tree's spool file or a new one in `dir`. */
int spool_reserve(struct tree *t, const char *dir, uint64_t size, struct spool_slice *ret,
	struct error *err);
/* Write at an offset within the slice. */
int spool_write(const struct spool_slice *s, uint64_t offset, const void *data,
	size_t len, struct error *err);
/* A hole up to the end of the slice: without it, reading ends after the last data. */
int spool_extend(const struct spool_slice *s, uint64_t size, struct error *err);
int spool_open(const struct spool_slice *s, int *ret_fd, struct error *err);
void spools_free(struct spool *spools);
