/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decompression through libarchive's filters, one at a time: with all of them enabled it
 * would take any odd file for an lzma stream. For a format whose library it was built
 * without, libarchive would run an external program instead; that is refused.
 */
#include "kernel/decompress.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

/* Kernels and modules shrink to a tenth at best. What unpacks to far more was made to exhaust
 * memory. */
#define RATIO_MAX      20
#define ALWAYS_ALLOWED ((size_t)32 * 1024 * 1024)

struct format {
	const char *name;
	const char *magic;
	size_t magic_len;
	/* NULL: known, but nothing here unpacks it. */
	int (*support)(struct archive *);
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
	/* Distributions build libarchive without liblzo2, which is under the GPL. */
	{"lzop", "\x89LZO\0\r\n\x1a\n", 9, NULL},
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

static int fail(struct archive *a, const char *format, struct error *err)
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
			return fail(a, format, err);
		if (n == 0)
			return 0;
		ret->len += n;
		if (ret->len > max)
			return error_set(err, 0,
				"unpack %s: it is damaged: it unpacks to more than %zu MiB",
				format, max / 1024 / 1024);
	}
}

static void cleanup_archive(struct archive **a)
{
	archive_read_free(*a);
}

int decompress_data(const uint8_t *data, size_t len, size_t max, uint8_t **ret_data,
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
	if (!format->support || format->support(a) != ARCHIVE_OK)
		return error_set(err, 0,
			"compressed by %s, which this libarchive can't read",
			format->name);
	if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
		archive_read_open_memory(a, data, len) != ARCHIVE_OK ||
		archive_read_next_header(a, &entry) != ARCHIVE_OK ||
		archive_filter_count(a) < 2)
		return fail(a, format->name, err);
	max = MIN(max, ALWAYS_ALLOWED + MIN(len, max) * RATIO_MAX);
	if (read_all(a, format->name, max, &out, err) < 0)
		return -1;
	*ret_len = out.len;
	*ret_data = (uint8_t *)strbuf_detach(&out);
	return 0;
}
