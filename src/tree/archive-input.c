/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree/archive-input.h"

#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/mem.h"

int archive_input_fail(struct archive *a, struct error *err)
{
	const char *why = archive_error_string(a);
	int num = archive_errno(a);

	/* The number says why reading failed. For a damaged archive it is EILSEQ, EINVAL or
	 * negative, which means nothing to a user. */
	if (num < 0 || num == EILSEQ || num == EINVAL)
		num = 0;
	return error_set(err, num, "%s", why ? why : "can't be read");
}

static la_ssize_t read_file(struct archive *a, void *data, const void **ret)
{
	struct archive_input *in = data;
	const struct tree_archive *from = in->from;
	ssize_t n;

	do
		n = from->size ? pread(from->fd, in->file_block,
					 MIN(from->size - in->file_bytes, INPUT_BLOCK),
					 from->offset + in->file_bytes)
			       : read(from->fd, in->file_block, INPUT_BLOCK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		archive_set_error(a, errno, "reading fails");
	in->file_ended |= n == 0;
	if (n > 0) {
		in->file_block_len = n;
		in->file_bytes += n;
		if (from->digest)
			sha256_add(&in->hash, in->file_block, n);
	}
	*ret = in->file_block;
	return n;
}

/* Decompression failed. */
static int explain(const struct archive_input *in, struct archive *to)
{
	const char *why = archive_error_string(in->raw);

	/* Some decompressors say nothing of use if they get too little. */
	if (in->file_ended &&
		(!why || strstr(why, "No progress") || strcasestr(why, "truncated")))
		archive_set_error(
			to, 0, "its compressed data ends too early: it was cut off");
	else
		archive_set_error(to, archive_errno(in->raw), "%s",
			why ? why : "its compressed data is damaged");
	return -1;
}

/* The next decompressed block, in blocks[0]. */
static ssize_t read_block(struct archive_input *in)
{
	struct archive_input_block oldest = in->blocks[1];

	in->blocks[1] = in->blocks[0];
	in->blocks[0] = oldest;
	ssize_t n = archive_read_data(in->raw, oldest.bytes, INPUT_BLOCK);
	in->blocks[0].len = MAX(n, 0);
	if (in->from->plain_digest)
		sha256_add(&in->plain_hash, oldest.bytes, in->blocks[0].len);
	return n;
}

static la_ssize_t read_plain(struct archive *a, void *data, const void **ret)
{
	struct archive_input *in = data;

	ssize_t n = in->pending ? (ssize_t)in->blocks[0].len : read_block(in);
	in->pending = false;
	if (n < 0)
		return explain(in, a);
	in->given += n;
	*ret = in->blocks[0].bytes;
	return n;
}

int archive_input_open(
	struct archive_input *in, const struct tree_archive *from, struct error *err)
{
	struct archive_entry *e;

	*in = (struct archive_input){.from = from, .raw = archive_read_new()};
	sha256_start(&in->hash);
	sha256_start(&in->plain_hash);
	if (!in->raw)
		return error_set(err, ENOMEM, "start libarchive");
	in->file_block = xmalloc(INPUT_BLOCK);
	for (size_t i = 0; i < ARRAY_SIZE(in->blocks); i++)
		in->blocks[i].bytes = xmalloc(2 * INPUT_BLOCK);
	archive_read_support_format_raw(in->raw);
	archive_read_support_format_empty(in->raw);
	archive_read_support_filter_bzip2(in->raw);
	archive_read_support_filter_gzip(in->raw);
	archive_read_support_filter_lz4(in->raw);
	archive_read_support_filter_lzma(in->raw);
	archive_read_support_filter_xz(in->raw);
	archive_read_support_filter_zstd(in->raw);
	int r = archive_read_open(in->raw, in, NULL, read_file, NULL);
	if (r == ARCHIVE_OK)
		r = archive_read_next_header(in->raw, &e);
	if (r == ARCHIVE_EOF)
		return error_set(err, 0, "it is empty");
	if (r == ARCHIVE_OK)
		return 0;
	explain(in, in->raw);
	return archive_input_fail(in->raw, err);
}

void archive_input_done(struct archive_input *in)
{
	archive_read_free(in->raw);
	free(in->file_block);
	for (size_t i = 0; i < ARRAY_SIZE(in->blocks); i++)
		free(in->blocks[i].bytes);
}

int archive_input_attach(struct archive_input *in, struct archive *a, struct error *err)
{
	in->given = 0;
	if (archive_read_open(a, in, NULL, read_plain, NULL) == ARCHIVE_OK)
		return 0;
	/* libarchive's own message does not say which formats would do. */
	if (archive_errno(a) == EILSEQ)
		return error_set(err, 0, "it is neither a tar nor a cpio archive");
	return archive_input_fail(a, err);
}

static size_t leading_zeros(const uint8_t *bytes, size_t len)
{
	size_t n = 0;

	while (n < len && !bytes[n])
		n++;
	return n;
}

/* Nothing but padding may follow the compressed data. Reads to the end: a program that writes
 * into a pipe must not die of SIGPIPE. */
static int check_rest(struct archive_input *in, struct error *err)
{
	uint64_t left = in->file_bytes - archive_filter_bytes(in->raw, -1);
	ssize_t n = MIN(left, in->file_block_len);
	const void *bytes = in->file_block + in->file_block_len - n;

	do {
		if (leading_zeros(bytes, n) < (size_t)n)
			return error_set(err, 0,
				"something that is not compressed follows its compressed "
				"data");
	} while ((n = read_file(in->raw, in, &bytes)) > 0);
	return n < 0 ? archive_input_fail(in->raw, err) : 0;
}

int archive_input_next(struct archive_input *in, struct archive *a, struct error *err)
{
	size_t left = in->given - archive_filter_bytes(a, 0);
	struct archive_input_block *new = &in->blocks[0], *old = &in->blocks[1];
	ssize_t n;

	if (left > new->len + old->len)
		return error_set(err, 0, "libarchive looks ahead too far");
	if (left > new->len) {
		size_t from_old = left - new->len;
		memmove(new->bytes + from_old, new->bytes, new->len);
		memcpy(new->bytes, old->bytes + old->len - from_old, from_old);
	} else {
		memmove(new->bytes, new->bytes + new->len - left, left);
	}
	new->len = left;
	do {
		size_t zeros = leading_zeros(new->bytes, new->len);
		if (zeros < new->len) {
			memmove(new->bytes, new->bytes + zeros, new->len - zeros);
			new->len -= zeros;
			in->pending = true;
			return 1;
		}
	} while ((n = read_block(in)) > 0);
	if (n < 0) {
		explain(in, a);
		return archive_input_fail(a, err);
	}
	return check_rest(in, err);
}

static int check_digest(
	struct sha256 *hash, const char *expected, const char *what, struct error *err)
{
	char hex[SHA256_HEX_LEN + 1];

	if (!expected)
		return 0;
	sha256_end_hex(hash, hex);
	if (strcmp(hex, expected) == 0)
		return 0;
	return error_set(err, 0,
		"it is damaged: the SHA-256 of %s is %.16s…, and not %.16s…", what, hex,
		expected);
}

int archive_input_check(struct archive_input *in, bool failed, struct error *err)
{
	const void *bytes;

	if (failed && in->from->digest)
		while (read_file(in->raw, in, &bytes) > 0)
			;
	if (check_digest(&in->hash, in->from->digest, "the file", err) < 0)
		return -1;
	return failed ? 0
		      : check_digest(&in->plain_hash, in->from->plain_digest,
				"its content", err);
}
