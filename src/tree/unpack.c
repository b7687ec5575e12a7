/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An entry's data comes in pieces with offsets. What lies between two of them is a hole, and
 * stays one. */
#include "tree/unpack.h"

#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "tree/spool.h"

struct pieces {
	struct tree_extent *items;
	size_t len;
	size_t cap;
};

static void pieces_done(struct pieces *p)
{
	vector_done(p);
}

void unpack_init(struct unpack *u, struct tree *t, int fd, const char *spool_dir)
{
	struct stat st;

	*u = (struct unpack){.t = t, .spool_dir = spool_dir, .hash_content = true};
	u->digest = arena_alloc(&t->arena, SHA256_LEN);
	sha256_start(&u->hash);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	file_add_identity(&u->hash, &st);
	u->hash_content = false;
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

static int add_piece(
	struct pieces *p, uint64_t size, int64_t offset, size_t len, struct error *err)
{
	struct tree_extent *last = p->len ? &p->items[p->len - 1] : NULL;
	uint64_t end = last ? last->offset + last->len : 0;

	if (offset < 0 || (uint64_t)offset < end || (uint64_t)offset > size ||
		len > size - (uint64_t)offset)
		return error_set(
			err, 0, "its data is not within its size, or not in order");
	if (last && (uint64_t)offset == end)
		last->len += len;
	else
		vector_push(p, (struct tree_extent){.offset = offset, .len = len});
	return 0;
}

static int read_pieces(struct unpack *u, struct archive *a,
	const struct spool_slice *slice, uint64_t size, struct pieces *p,
	struct error *err)
{
	const void *data;
	int64_t offset;
	size_t len;
	int r;

	while ((r = archive_read_data_block(a, &data, &len, &offset)) == ARCHIVE_OK) {
		if (len == 0)
			continue;
		if (add_piece(p, size, offset, len, err) < 0 ||
			spool_write(slice, offset, data, len, err) < 0)
			return -1;
		if (u->hash_content)
			sha256_add(&u->hash, data, len);
	}
	if (r != ARCHIVE_EOF)
		return error_set(err, 0, "%s", archive_error_string(a));
	return 0;
}

static void describe(struct unpack *u, struct tree_inode *file,
	const struct spool_slice *slice, const struct pieces *p)
{
	bool whole = p->len == 1 && p->items[0].len == file->size;

	file->content = TREE_CONTENT_SPOOL;
	file->source = slice;
	file->all_hole = p->len == 0;
	file->n_extents = whole ? 0 : p->len;
	file->extents = NULL;
	if (file->n_extents) {
		size_t bytes = p->len * sizeof(p->items[0]);
		file->extents = memcpy(arena_alloc(&u->t->arena, bytes), p->items, bytes);
	}
}

int unpack_content(struct unpack *u, struct archive *a, struct archive_entry *e,
	struct tree_inode *file, struct error *err)
{
	CLEANUP(pieces_done) struct pieces pieces = {0};
	int64_t size = archive_entry_size(e);
	uint64_t total = 0;

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
	/* Before reading, which uses up the list of sparse pieces. */
	uint64_t expected = expected_data(e);
	if (read_pieces(u, a, slice, size, &pieces, err) < 0)
		return -1;
	vector_foreach (piece, &pieces)
		total += piece->len;
	if (total != expected)
		return error_set(err, 0, "its data ends before its size says");
	file->size = size;
	describe(u, file, slice, &pieces);
	return file->n_extents ? spool_extend(slice, size, err) : 0;
}
