/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an offset of the image to its bytes. */
#include <string.h>

#include "base/mem.h"
#include "ext2/ext2.h"
#include "serve/server.h"

/* Shorter runs of zeros, behind the ends of files most of all, are data like others. */
#define HOLE_MIN (64 * 1024)
/* image_run() looks at as many extents, so that one request costs little time. */
#define RUN_EXTENTS_MAX 16384

static void read_metadata(struct serve *s, uint64_t offset, uint8_t *to, size_t len)
{
	/* The numbers in it have their places, and `to` may begin anywhere. */
	_Alignas(uint64_t) uint8_t block[4096];

	while (len) {
		uint32_t skip = offset % s->block_size,
			 n = MIN(s->block_size - skip, len);
		ext2_metadata_read(s->metadata, offset / s->block_size, block);
		memcpy(to, block + skip, n);
		to += n;
		offset += n;
		len -= n;
	}
}

ssize_t image_read(struct serve *s, uint64_t offset, uint8_t *to, size_t len, bool holes,
	uint64_t *ret_failed)
{
	size_t done = 0;

	while (done < len) {
		struct ext2_extent e = ext2_extent_at(s->plan, offset + done);
		size_t n = MIN(e.len, len - done);
		switch (e.kind) {
		case EXT2_ZEROS:
			if (holes && e.len >= HOLE_MIN)
				return done;
			memset(to + done, 0, n);
			break;
		case EXT2_METADATA:
			read_metadata(s, offset + done, to + done, n);
			break;
		case EXT2_CONTENT:
			if (files_read(s->files, e.file, e.offset, to + done, n) < 0) {
				*ret_failed = offset + done;
				return -1;
			}
			break;
		}
		done += n;
	}
	return done;
}

uint64_t image_run(const struct serve *s, uint64_t offset, uint64_t len, bool *ret_hole)
{
	uint64_t done = 0;
	bool is_hole = false;

	for (unsigned i = 0; done < len && i < RUN_EXTENTS_MAX; i++) {
		struct ext2_extent e = ext2_extent_at(s->plan, offset + done);
		bool hole = e.kind == EXT2_ZEROS && e.len >= HOLE_MIN;
		if (done > 0 && hole != is_hole)
			break;
		is_hole = hole;
		done += e.len;
	}
	*ret_hole = is_hole;
	return MIN(done, len);
}
