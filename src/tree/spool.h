/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Spool files: unlinked files that hold the contents of archives until they are copied
 * into an image. Holes stay holes, so a sparse file takes only the space of its data.
 */
#pragma once

#include "tree/node.h"

/* Where a regular file's content lies. */
struct spool_slice {
	const struct spool *spool;
	uint64_t offset;
	/* For the tree's identity: the archive's digest, and where in its contents. */
	const uint8_t *archive;
	uint64_t archive_offset;
};

/* A place for `size` bytes, in the tree's spool file or a new one in `dir`. */
int spool_reserve(struct tree *t, const char *dir, uint64_t size, struct spool_slice *ret,
	struct error *err);
/* Write at an offset within the slice. */
int spool_write(const struct spool_slice *s, uint64_t offset, const void *data,
	size_t len, struct error *err);
/* Make the spool file reach to the end of the slice, if that ends with a hole. */
int spool_extend(const struct spool_slice *s, uint64_t size, struct error *err);
/* Have two slices the same first bytes? */
int spool_equal(const struct spool_slice *a, const struct spool_slice *b, uint64_t size,
	bool *ret, struct error *err);
int spool_open(const struct spool_slice *s, int *ret_fd, struct error *err);
void spools_free(struct spool *spools);
