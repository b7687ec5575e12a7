/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decompression through libarchive's filters, one at a time: letting it guess among all
 * of them would make any odd file an lzma stream. Where libarchive was built without a
 * library it would run an external program instead; that is refused.
 *
 * lzop's files are for a reader of our own (lzop.h): libarchive as the distributions
 * build it has none.
 */
#include "kernel/decompress.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "kernel/lzop.h"

struct format {
	const char *name;
	const char *magic;
	size_t magic_len;
	int (*support)(struct archive *); /* NULL: lzop */
};

static const struct format formats[] = {
	{"gzip", "\x1f\x8b", 2, archive_read_support_filter_gzip},
	{"bzip2", "BZh", 3, archive_read_support_filter_bzip2},
	{"xz",
		"\xfd"
		"7zXZ\0",
		6, archive_read_support_filter_xz},
	{"lzma", "\x5d\0\0", 3, archive_read_support_filter_lzma},
	{"lz4", "\x02\x21\x4c\x18", 4,
		archive_read_support_filter_lz4}, /* its legacy format */
	{"lz4", "\x04\x22\x4d\x18", 4, archive_read_support_filter_lz4},
	{"zstd", "\x28\xb5\x2f\xfd", 4, archive_read_support_filter_zstd},
	{"lzop", LZOP_MAGIC, sizeof(LZOP_MAGIC) - 1, NULL},
};

static const struct format *find_format(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (len >= formats[i].magic_len &&
			memcmp(data, formats[i].magic, formats[i].magic_len) == 0)
			return &formats[i];
	return NULL;
}

const char *decompress_format(const uint8_t *data, size_t len)
{
	const struct format *format = find_format(data, len);

	return format ? format->name : NULL;
}

static int archive_failure(struct archive *a, const char *format, struct error *err)
{
	const char *why = archive_error_string(a);

	return error_set(err, 0, "unpack %s: %s", format, why ? why : "damaged data");
}

static int read_all(struct archive *a, const char *format, size_t max, struct strbuf *ret,
	struct error *err)
{
	const size_t step = 1024 * 1024;

	for (;;) {
		ssize_t n = archive_read_data(a, strbuf_grow(ret, step), step);
		if (n < 0)
			return archive_failure(a, format, err);
		if (n == 0)
			return 0;
		ret->len += n;
		if (ret->len > max)
			return error_set(err, 0,
				"unpack %s: more than %zu MiB come out, this can't be "
				"right",
				format, max / 1024 / 1024);
	}
}

static void cleanup_archive(struct archive **a)
{
	archive_read_free(*a);
}

int decompress(const uint8_t *data, size_t len, size_t max, uint8_t **ret_data,
	size_t *ret_len, struct error *err)
{
	const struct format *format = find_format(data, len);
	CLEANUP(cleanup_archive) struct archive *a = archive_read_new();
	CLEANUP_STRBUF struct strbuf out = {0};
	struct archive_entry *entry;

	if (!a)
		return error_set(err, 0, "libarchive can't be started");
	if (!format)
		return error_set(err, 0, "not compressed in a way that is known");
	if (!format->support)
		return lzop_unpack(data, len, max, ret_data, ret_len, err);
	if (format->support(a) != ARCHIVE_OK)
		return error_set(err, 0,
			"compressed by %s, which this libarchive can't read",
			format->name);
	if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
		archive_read_open_memory(a, data, len) != ARCHIVE_OK ||
		archive_read_next_header(a, &entry) != ARCHIVE_OK ||
		archive_filter_count(a) < 2)
		return archive_failure(a, format->name, err);
	if (read_all(a, format->name, max, &out, err) < 0)
		return -1;
	*ret_len = out.len;
	*ret_data = (uint8_t *)strbuf_detach(&out);
	return 0;
}
