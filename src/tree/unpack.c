/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From an archive's entries to spooled content. Data comes in pieces with offsets; what
 * lies between them is a hole, and stays one.
 */
#include "tree/unpack.h"

#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "tree/spool.h"

struct pieces {
	struct tree_extent *items;
	size_t len;
	size_t cap;
};

void unpack_init(struct unpack *u, struct tree *t, int fd, const char *spool_dir)
{
	struct stat st;

	*u = (struct unpack){.t = t, .spool_dir = spool_dir, .hash_content = true};
	u->digest = arena_alloc(&t->arena, SHA256_LEN);
	sha256_start(&u->hash);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	const uint64_t id[] = {st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec, st.st_ctim.tv_sec, st.st_ctim.tv_nsec};
	sha256_add(&u->hash, id, sizeof(id));
	u->hash_content = false;
}

void unpack_done(struct unpack *u)
{
	sha256_end(&u->hash, u->digest);
}

/* How many bytes of data the entry has to have. */
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
		if (add_piece(p, size, offset, len, err) ||
			spool_write(slice, offset, data, len, err))
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

static uint64_t total(const struct pieces *p)
{
	uint64_t sum = 0;

	vector_foreach (e, p)
		sum += e->len;
	return sum;
}

int unpack_content(struct unpack *u, struct archive *a, struct archive_entry *e,
	struct tree_inode *file, struct error *err)
{
	struct pieces pieces = {0};
	int64_t size = archive_entry_size(e);

	if (size < 0)
		return error_set(err, 0, "its size is negative");
	if (size == 0)
		return 0;
	struct spool_slice *slice = arena_alloc(&u->t->arena, sizeof(*slice));
	if (spool_reserve(u->t, u->spool_dir, size, slice, err))
		return -1;
	slice->archive = u->digest;
	slice->archive_offset = u->done;
	u->done += size;
	/* Ask before reading: the list is used up by it. */
	uint64_t expected = expected_data(e);
	int r = read_pieces(u, a, slice, size, &pieces, err);
	if (r == 0 && total(&pieces) != expected)
		r = error_set(err, 0, "its data ends before its size says");
	if (r == 0) {
		file->size = size;
		describe(u, file, slice, &pieces);
		if (file->n_extents)
			r = spool_extend(slice, size, err);
	}
	vector_done(&pieces);
	return r;
}
