/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libarchive as the distributions build it can't read. All numbers are big-endian.
 *
 *	magic │ u16 version  u16 of the library  u16 needed │ u8 method  u8 level │ u32 flags
 *	u32 mode  u32 time  u32 time, high │ u8 length, name │ u32 checksum
 *
 *	each block:  u32 plain length, 0: the end │ u32 packed length │ checksums │ bytes
 *
 * Which checksums there are the flags say; those of the packed bytes are only there where
 * a block is packed at all. Adler-32 of the plain bytes is looked at, others are not:
 * lzop writes none by default. Files from before version 0x0940 and with filters, which
 * nobody makes, are refused.
 *
 * liblzo2 does the rest. It is loaded when it is needed, so that nobody else has to have
 * it.
 */
#include "kernel/lzop.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define LIBRARY	      "liblzo2.so.2"
#define MAGIC_LEN     (sizeof(LZOP_MAGIC) - 1)
#define VERSION_SINCE 0x0940
#define BLOCK_MAX     ((size_t)64 * 1024 * 1024) /* lzop's own limit */

enum {
	ADLER32_PLAIN = 0x0001,
	ADLER32_PACKED = 0x0002,
	CRC32_PLAIN = 0x0100,
	CRC32_PACKED = 0x0200,
	FILTER = 0x0800,
};

/* Lengths are unsigned long there. */
typedef int decompress_fn(const uint8_t *packed, unsigned long packed_len, uint8_t *plain,
	unsigned long *plain_len, void *unused);

struct reader {
	const uint8_t *data;
	size_t left;
	bool failed; /* more was read than there is */
};

static const uint8_t *take(struct reader *r, size_t len)
{
	const uint8_t *at = r->data;

	if (len > r->left) {
		r->failed = true;
		r->left = 0;
		return NULL;
	}
	r->data += len;
	r->left -= len;
	return at;
}

static uint32_t take_number(struct reader *r, size_t bytes)
{
	const uint8_t *at = take(r, bytes);
	uint32_t value = 0;

	for (size_t i = 0; at && i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

static int read_header(struct reader *r, uint32_t *ret_flags, struct error *err)
{
	const uint8_t *magic = take(r, MAGIC_LEN);
	uint32_t version = take_number(r, 2);

	take(r, 2 + 2 + 1 + 1);
	*ret_flags = take_number(r, 4);
	take(r, 3 * 4);
	take(r, take_number(r, 1));
	take(r, 4);
	if (r->failed || memcmp(magic, LZOP_MAGIC, MAGIC_LEN) != 0)
		return error_set(err, 0, "unpack lzop: its header is damaged");
	if (version < VERSION_SINCE || *ret_flags & FILTER)
		return error_set(err, 0, "unpack lzop: of a kind that is not known");
	return 0;
}

static uint32_t adler32(const uint8_t *p, size_t len)
{
	uint32_t a = 1, b = 0;

	for (size_t i = 0; i < len; i++) {
		a = (a + p[i]) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

static bool unpack_block(decompress_fn *decompress, const uint8_t *packed,
	size_t packed_len, uint8_t *plain, size_t plain_len)
{
	unsigned long came = plain_len;

	if (packed_len == plain_len) {
		memcpy(plain, packed, plain_len);
		return true;
	}
	return decompress(packed, packed_len, plain, &came, NULL) == 0 &&
		came == plain_len;
}

/* 1: that was the last one. */
static int read_block(struct reader *r, uint32_t flags, decompress_fn *decompress,
	struct strbuf *out, struct error *err)
{
	size_t plain_len = take_number(r, 4);
	if (plain_len == 0)
		return r->failed ? error_set(err, 0, "unpack lzop: cut short") : 1;
	size_t packed_len = take_number(r, 4);
	bool is_packed = packed_len < plain_len;
	uint32_t sum = flags & ADLER32_PLAIN ? take_number(r, 4) : 0;
	if (flags & CRC32_PLAIN)
		take(r, 4);
	if (is_packed && flags & ADLER32_PACKED)
		take(r, 4);
	if (is_packed && flags & CRC32_PACKED)
		take(r, 4);
	const uint8_t *packed = take(r, packed_len);
	if (r->failed || plain_len > BLOCK_MAX || packed_len > plain_len)
		return error_set(err, 0, "unpack lzop: damaged data");

	uint8_t *plain = (uint8_t *)strbuf_grow(out, plain_len);
	if (!unpack_block(decompress, packed, packed_len, plain, plain_len) ||
		(flags & ADLER32_PLAIN && adler32(plain, plain_len) != sum))
		return error_set(err, 0, "unpack lzop: damaged data");
	out->len += plain_len;
	return 0;
}

static decompress_fn *load(struct error *err)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	decompress_fn *function = NULL;
	void *symbol = library ? dlsym(library, "lzo1x_decompress_safe") : NULL;

	if (!symbol)
		return error_null(err, 0,
			"compressed by lzop, which takes " LIBRARY ": %s", dlerror());
	memcpy(&function, &symbol, sizeof(function));
	return function;
}

int lzop_unpack(const uint8_t *data, size_t len, size_t max, uint8_t **ret_data,
	size_t *ret_len, struct error *err)
{
	struct reader r = {.data = data, .left = len};
	CLEANUP_STRBUF struct strbuf out = {0};
	decompress_fn *decompress = load(err);
	uint32_t flags;
	int result;

	if (!decompress || read_header(&r, &flags, err) < 0)
		return -1;
	while ((result = read_block(&r, flags, decompress, &out, err)) == 0)
		if (out.len > max)
			return error_set(err, 0,
				"unpack lzop: more than %zu MiB come out, this can't be "
				"right",
				max / 1024 / 1024);
	if (result < 0)
		return -1;
	*ret_len = out.len;
	*ret_data = (uint8_t *)strbuf_detach(&out);
	return 0;
}
