/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The format is that of glibc's sysdeps/generic/dl-cache.h:
 *
 *	header   48 bytes: magic, number of entries, size of the strings, where extensions are
 *	entries  24 bytes each, in the order in which the linker searches them
 *	strings  names and paths, each with a NUL; all positions count from the header
 *	         extensions: sections, of which one has the names of the processors' levels
 *	         (glibc-hwcaps) that entries refer to by number
 *
 * Until 2.31 ldconfig(8) put a list of an older form before it.
 */
#include "build/linker-cache.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/vector.h"

#define MAGIC	  "glibc-ld.so.cache1.1"
#define OLD_MAGIC "ld.so-1.7.0"

#define EXTENSION_MAGIC 0xeaa42174u
#define TAG_HWCAPS	1
/* A flag in an entry's last field: the field's low half is the number of such a name. */
#define HWCAP_IS_NUMBER (1ull << 62)
#define HWCAPS_MAX	64

enum {
	OLD_HEADER_SIZE = 16,
	OLD_ENTRY_SIZE = 12,
	HEADER_SIZE = 48,
	HEADER_COUNT = 20,
	HEADER_STRINGS = 24,
	HEADER_FLAGS = 28,
	HEADER_EXTENSION = 32,
	ENTRY_SIZE = 24,
	ENTRY_KEY = 4,
	ENTRY_VALUE = 8,
	ENTRY_HWCAP = 16,
	EXTENSION_HEADER_SIZE = 8,
	SECTION_SIZE = 16,
	/* The byte order, in the header's flags; 0 in files older than the flags. */
	ORDER_MASK = 3,
	ORDER_LITTLE = 2,
};

struct list {
	const uint8_t *bytes;
	size_t len;
	uint32_t count;
};

struct entry {
	const uint8_t *fixed; /* ENTRY_SIZE bytes, as they were */
	const char *key, *value;
};

struct entries {
	struct entry *items;
	size_t len, cap;
};

static uint32_t get_u32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get_u64(const uint8_t *p)
{
	return get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

static void put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = v >> 8 * i;
}

/* ---- Reading ---- */

/* -1: not a list of this format. */
static int find_list(const uint8_t *bytes, size_t len, struct list *ret)
{
	size_t start = 0;

	if (len >= OLD_HEADER_SIZE && memcmp(bytes, OLD_MAGIC, strlen(OLD_MAGIC)) == 0) {
		uint64_t end = OLD_HEADER_SIZE +
			(uint64_t)get_u32(bytes + OLD_HEADER_SIZE - 4) * OLD_ENTRY_SIZE;
		if (end > len)
			return -1;
		start = (end + 7) / 8 * 8;
	}
	if (start > len || len - start < HEADER_SIZE ||
		memcmp(bytes + start, MAGIC, strlen(MAGIC)) != 0)
		return -1;
	*ret = (struct list){
		bytes + start, len - start, get_u32(bytes + start + HEADER_COUNT)};
	int order = ret->bytes[HEADER_FLAGS] & ORDER_MASK;
	if (order != 0 && order != ORDER_LITTLE)
		return -1;
	return ret->count <= (ret->len - HEADER_SIZE) / ENTRY_SIZE ? 0 : -1;
}

/* The string at a position, or NULL if there is none. */
static const char *string_at(const struct list *l, uint32_t position)
{
	if (position >= l->len || !memchr(l->bytes + position, '\0', l->len - position))
		return NULL;
	return (const char *)l->bytes + position;
}

static int read_entries(
	const struct list *l, linker_cache_keep_fn *keep, void *data, struct entries *ret)
{
	for (uint32_t i = 0; i < l->count; i++) {
		const uint8_t *p = l->bytes + HEADER_SIZE + (size_t)i * ENTRY_SIZE;
		struct entry e = {p, string_at(l, get_u32(p + ENTRY_KEY)),
			string_at(l, get_u32(p + ENTRY_VALUE))};

		if (!e.key || !e.value)
			return -1;
		if (keep(e.value, data))
			vector_push(ret, e);
	}
	return 0;
}

/* The names that entries can refer to. Returns their number, or -1. */
static int read_hwcaps(const struct list *l, const char *ret[static HWCAPS_MAX])
{
	uint32_t at = get_u32(l->bytes + HEADER_EXTENSION);

	if (at == 0)
		return 0;
	if (at % 4 || at > l->len || l->len - at < EXTENSION_HEADER_SIZE ||
		get_u32(l->bytes + at) != EXTENSION_MAGIC)
		return -1;
	uint32_t sections = get_u32(l->bytes + at + 4);
	if (sections > (l->len - at - EXTENSION_HEADER_SIZE) / SECTION_SIZE)
		return -1;
	for (uint32_t i = 0; i < sections; i++) {
		const uint8_t *s =
			l->bytes + at + EXTENSION_HEADER_SIZE + (size_t)i * SECTION_SIZE;
		uint32_t names = get_u32(s + 8), n = get_u32(s + 12) / 4;

		if (get_u32(s) != TAG_HWCAPS)
			continue;
		if (n > HWCAPS_MAX || names > l->len || l->len - names < n * 4)
			return -1;
		for (uint32_t k = 0; k < n; k++)
			if (!(ret[k] = string_at(l, get_u32(l->bytes + names + k * 4))))
				return -1;
		return n;
	}
	return 0;
}

static bool refers_to_known(const struct entries *list, int n_hwcaps)
{
	vector_foreach (e, list) {
		uint64_t hwcap = get_u64(e->fixed + ENTRY_HWCAP);
		if (hwcap & HWCAP_IS_NUMBER && (uint32_t)hwcap >= (uint32_t)n_hwcaps)
			return false;
	}
	return true;
}

/* ---- Writing ---- */

/* Append a string to the list that begins at `base`; returns its position in the list. */
static uint32_t add_string(struct strbuf *ret, size_t base, const char *s)
{
	uint32_t position = ret->len - base;

	strbuf_add(ret, s, strlen(s) + 1);
	return position;
}

static uint8_t *add_zeros(struct strbuf *ret, size_t len)
{
	uint8_t *p = (uint8_t *)strbuf_grow(ret, len);

	memset(p, 0, len);
	ret->len += len;
	return p;
}

static uint8_t *bytes_at(struct strbuf *ret, size_t position)
{
	return (uint8_t *)ret->data + position;
}

/* The extension: one section, with the positions of n names. */
static void add_extension(
	struct strbuf *ret, size_t base, const uint32_t *positions, int n)
{
	add_zeros(ret, -(ret->len - base) % 4);
	uint32_t at = ret->len - base;
	put_u32(bytes_at(ret, base + HEADER_EXTENSION), at);
	uint8_t *p = add_zeros(ret, EXTENSION_HEADER_SIZE + SECTION_SIZE + n * 4);
	put_u32(p, EXTENSION_MAGIC);
	put_u32(p + 4, 1);
	put_u32(p + 8, TAG_HWCAPS);
	put_u32(p + 16, at + EXTENSION_HEADER_SIZE + SECTION_SIZE);
	put_u32(p + 20, n * 4);
	for (int i = 0; i < n; i++)
		put_u32(p + EXTENSION_HEADER_SIZE + SECTION_SIZE + i * 4, positions[i]);
}

static void write_list(const struct list *l, const struct entries *kept,
	const char *const *hwcaps, int n_hwcaps, struct strbuf *ret)
{
	size_t base = ret->len;
	uint32_t positions[HWCAPS_MAX];

	uint8_t *header = add_zeros(ret, HEADER_SIZE + kept->len * ENTRY_SIZE);
	memcpy(header, MAGIC, strlen(MAGIC));
	put_u32(header + HEADER_COUNT, kept->len);
	header[HEADER_FLAGS] = l->bytes[HEADER_FLAGS];

	size_t strings = ret->len;
	for (int i = 0; i < n_hwcaps; i++)
		positions[i] = add_string(ret, base, hwcaps[i]);
	for (size_t i = 0; i < kept->len; i++) {
		const struct entry *e = &kept->items[i];
		uint32_t key = add_string(ret, base, e->key);
		uint32_t value = add_string(ret, base, e->value);
		uint8_t *p = bytes_at(ret, base + HEADER_SIZE + i * ENTRY_SIZE);

		memcpy(p, e->fixed, ENTRY_SIZE);
		put_u32(p + ENTRY_KEY, key);
		put_u32(p + ENTRY_VALUE, value);
	}
	put_u32(bytes_at(ret, base + HEADER_STRINGS), ret->len - strings);
	if (n_hwcaps > 0)
		add_extension(ret, base, positions, n_hwcaps);
}

int linker_cache_reduce(const void *bytes, size_t len, linker_cache_keep_fn *keep,
	void *data, struct strbuf *ret)
{
	const char *hwcaps[HWCAPS_MAX];
	struct entries kept = {0};
	struct list l;
	int result = 1;

	if (find_list(bytes, len, &l) == 0 && read_entries(&l, keep, data, &kept) == 0) {
		int n_hwcaps = read_hwcaps(&l, hwcaps);
		if (n_hwcaps >= 0 && refers_to_known(&kept, n_hwcaps)) {
			write_list(&l, &kept, hwcaps, n_hwcaps, ret);
			result = 0;
		}
	}
	vector_done(&kept);
	return result;
}
