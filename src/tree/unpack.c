/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An entry's data comes in pieces with offsets. What lies between two of them is a hole, and
 * stays one. */
#include "tree/unpack.h"

#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "tree/archive-input.h"
#include "tree/spool.h"

#define BLOCK 4096

/* Stops archives that are small but have endless contents. A file may be there several
 * times, of which the last one counts. */
#define TOTAL_FACTOR 8

/* A file's content on its way into the spool. */
struct pieces {
	struct unpack *unpack;
	const struct spool_slice *slice;
	uint64_t size;
	/* Extents so far. */
	struct tree_extent *items;
	size_t len;
	size_t cap;
	/* Bytes so far. */
	uint64_t total;
};

static void pieces_done(struct pieces *p)
{
	vector_done(p);
}

void unpack_init(struct unpack *u, struct tree *t, const struct tree_archive *archive)
{
	const char *digest = archive->digest ? archive->digest : archive->plain_digest;
	struct stat st;

	*u = (struct unpack){.t = t, .spool_dir = archive->spool_dir};
	u->digest = arena_alloc(&t->arena, SHA256_LEN);
	sha256_start(&u->hash);
	if (digest)
		sha256_add_string(&u->hash, digest);
	else if (!archive->by_content && fstat(archive->fd, &st) == 0 &&
		S_ISREG(st.st_mode))
		file_add_identity(&u->hash, &st);
	else
		u->hash_content = true;
}

void unpack_done(struct unpack *u)
{
	sha256_end(&u->hash, u->digest);
}

/* How many bytes of data the entry must have. */
static uint64_t expected_data(struct archive_entry *e)
{
	int64_t offset, len;
	uint64_t sum = 0;

	if (archive_entry_sparse_count(e) == 0)
		return archive_entry_size(e);
	archive_entry_sparse_reset(e);
	while (archive_entry_sparse_next(e, &offset, &len) == ARCHIVE_OK)
		sum += len;
	return sum;
}

static bool is_zero(const char *data, size_t len)
{
	return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

/* How many of the bytes, which begin at `offset` of the file, are in blocks that are all zero
 * (or are not). */
static size_t run_length(const char *data, size_t len, uint64_t offset, bool zero)
{
	size_t done = 0;

	while (done < len) {
		size_t n = MIN(len - done, BLOCK - (offset + done) % BLOCK);
		if (is_zero(data + done, n) != zero)
			break;
		done += n;
	}
	return done;
}

/* Zeros are not written: the spool file has holes there, however large they are. */
static int spool_data(const struct pieces *p, const char *data, uint64_t offset,
	size_t len, struct error *err)
{
	while (len) {
		size_t zeros = run_length(data, len, offset, true);
		size_t n = run_length(data + zeros, len - zeros, offset + zeros, false);
		if (n && spool_write(p->slice, offset + zeros, data + zeros, n, err) < 0)
			return -1;
		data += zeros + n;
		offset += zeros + n;
		len -= zeros + n;
	}
	return 0;
}

static int add_piece(
	struct pieces *p, const char *data, int64_t offset, size_t len, struct error *err)
{
	struct tree_extent *last = p->len ? &p->items[p->len - 1] : NULL;
	uint64_t at = offset, end = last ? last->offset + last->len : 0;
	struct tree *t = p->unpack->t;
	uint64_t max = t->options.max_data;

	if (offset < 0 || at < end || at > p->size || len > p->size - at)
		return error_set(
			err, 0, "its data is not within its size, or not in order");
	p->total += len;
	t->spooled += len;
	if (max && (p->total > max || t->spooled / TOTAL_FACTOR > max))
		return error_set(
			err, ENOSPC, "its data does not fit into an image of this size");
	if (last && at == end)
		last->len += len;
	else
		vector_push(p, (struct tree_extent){.offset = at, .len = len});
	return spool_data(p, data, at, len, err);
}

static int read_pieces(struct archive *a, struct pieces *p, struct error *err)
{
	struct unpack *u = p->unpack;
	const void *data;
	int64_t offset;
	size_t len;
	int r;

	while ((r = archive_read_data_block(a, &data, &len, &offset)) == ARCHIVE_OK) {
		if (len == 0)
			continue;
		if (add_piece(p, data, offset, len, err) < 0)
			return -1;
		if (u->hash_content)
			sha256_add(&u->hash, data, len);
	}
	return r == ARCHIVE_EOF ? 0 : archive_input_fail(a, err);
}

static void describe(struct tree_inode *file, const struct pieces *p)
{
	struct arena *arena = &p->unpack->t->arena;
	bool whole = p->len == 1 && p->items[0].len == file->size;

	file->content = TREE_CONTENT_SPOOL;
	file->source = p->slice;
	file->all_hole = p->len == 0;
	file->n_extents = whole ? 0 : p->len;
	file->extents = NULL;
	if (file->n_extents) {
		size_t bytes = p->len * sizeof(p->items[0]);
		file->extents = memcpy(arena_alloc(arena, bytes), p->items, bytes);
	}
}

int unpack_content(struct unpack *u, struct archive *a, struct archive_entry *e,
	struct tree_inode *file, struct error *err)
{
	CLEANUP(pieces_done) struct pieces pieces = {.unpack = u};
	int64_t size = archive_entry_size(e);

	if (size < 0)
		return error_set(err, 0, "its size is negative");
	if (size == 0)
		return 0;
	struct spool_slice *slice = arena_alloc(&u->t->arena, sizeof(*slice));
	if (spool_reserve(u->t, u->spool_dir, size, slice, err) < 0)
		return -1;
	slice->archive = u->digest;
	slice->archive_offset = u->done;
	u->done += size;
	pieces.slice = slice;
	pieces.size = size;
	/* Before reading, which uses up the list of sparse pieces. */
	uint64_t expected = expected_data(e);
	if (read_pieces(a, &pieces, err) < 0)
		return -1;
	if (pieces.total != expected)
		return error_set(err, 0, "its data ends before its size says");
	file->size = size;
	describe(file, &pieces);
	/* The spool file may end with zeros that were not written. */
	return spool_extend(slice, size, err);
}
