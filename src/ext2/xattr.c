/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extended attributes. Both places have the same form:
 *
 *	│ head │ entry │ entry │ ... │ 0 0 0 0 │   free   │ ... │ value │ value │
 *
 * In an inode the head is a magic number, in a block a header with hashes. Entries are
 * sorted by namespace, length and bytes: the kernel's search in a block relies on it.
 *
 * An ACL's value on disk is not what getxattr() returns: on disk only named users and
 * groups have an id.
 */
#include "xattr.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tree/tree.h"

/* An ACL's prefix is the whole name. */
static const struct {
	const char *prefix;
	uint8_t index;
	bool acl;
} namespaces[] = {
	{"user.", 1, false},
	{"system.posix_acl_access", 2, true},
	{"system.posix_acl_default", 3, true},
	{"trusted.", 4, false},
	{"security.", 6, false},
};

/* <linux/posix_acl_xattr.h>: what getxattr() returns. */
#define ACL_XATTR_VERSION 2
#define ACL_USER	  0x02
#define ACL_GROUP	  0x08
#define ACL_OTHER	  0x20 /* the last of those tags, each of which is one bit */

static uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint32_t align4(uint32_t n)
{
	return (n + 3) & ~3U;
}

/* The on-disk form is never longer. Returns its length, or 0 if the value is no ACL. */
static uint32_t convert_acl(const uint8_t *value, uint32_t len, uint8_t *to)
{
	const uint32_t entry_size = sizeof(struct disk_acl_entry);
	uint32_t version = htole32(EXT2_ACL_VERSION);
	uint8_t *at = to;

	if (len < sizeof(version) || (len - sizeof(version)) % entry_size ||
		load32(value) != ACL_XATTR_VERSION)
		return 0;
	memcpy(at, &version, sizeof(version));
	at += sizeof(version);
	for (uint32_t i = sizeof(version); i < len; i += entry_size) {
		uint32_t tag = load32(value + i) & 0xffff;
		if (tag == 0 || tag > ACL_OTHER || (tag & (tag - 1)))
			return 0;
		bool named = tag == ACL_USER || tag == ACL_GROUP;
		uint32_t size = named ? entry_size : offsetof(struct disk_acl_entry, id);
		memcpy(at, value + i, size);
		at += size;
	}
	return at - to;
}

/* Fill in name and value; a converted value goes to *converted, which is advanced. */
static int translate(struct xattr *x, const struct tree_xattr *from, uint8_t **converted,
	struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		size_t prefix = strlen(namespaces[i].prefix);
		size_t len = strlen(from->name);
		if (strncmp(from->name, namespaces[i].prefix, prefix) != 0)
			continue;
		if (namespaces[i].acl ? len != prefix
				      : len == prefix || len - prefix > UINT8_MAX)
			continue;
		*x = (struct xattr){
			.name_index = namespaces[i].index,
			.name_len = len - prefix,
			.name = from->name + prefix,
			.value = from->value,
			.value_len = from->len,
		};
		if (!namespaces[i].acl)
			return 0;
		x->value_len = convert_acl(from->value, from->len, *converted);
		x->value = *converted;
		*converted += x->value_len;
		if (x->value_len == 0)
			return error_set(err, EINVAL, "attribute '%s' is not a POSIX ACL",
				from->name);
		return 0;
	}
	return error_set(
		err, EOPNOTSUPP, "attribute '%s' can't be stored in ext2", from->name);
}

static int compare(const void *a, const void *b)
{
	const struct xattr *x = a, *y = b;

	if (x->name_index != y->name_index)
		return x->name_index - y->name_index;
	if (x->name_len != y->name_len)
		return x->name_len - y->name_len;
	return memcmp(x->name, y->name, x->name_len);
}

static uint32_t entry_size(const struct xattr *x)
{
	return sizeof(struct disk_xattr_entry) + align4(x->name_len);
}

/* Fill the inode in sorted order: equal sets are split the same way, so that their blocks
 * can be shared. */
static int place(struct xattr_set *set, uint32_t block_size, struct error *err)
{
	const uint64_t end = sizeof(uint32_t);
	uint64_t body = sizeof(uint32_t) + end;
	uint64_t block = sizeof(struct disk_xattr_header) + end;

	for (uint32_t i = 0; i < set->n; i++) {
		struct xattr *x = &set->items[i];
		uint64_t size = (uint64_t)entry_size(x) + x->value_len + 3;
		size -= size % 4;
		x->in_body = body + size <= EXT2_XATTR_BODY;
		if (x->in_body) {
			body += size;
		} else {
			block += size;
			set->n_in_block++;
		}
	}
	if (block > block_size)
		return error_set(err, ENOSPC,
			"extended attributes take %" PRIu64
			" bytes, one block has %" PRIu32,
			block, block_size);
	return 0;
}

int xattr_set_init(struct xattr_set *set, const struct tree_inode *inode,
	uint32_t block_size, struct error *err)
{
	struct xattr_set s = {.n = inode->n_xattrs};
	size_t acls = 0;

	*set = s;
	if (inode->n_xattrs == 0)
		return 0;
	for (uint32_t i = 0; i < inode->n_xattrs; i++)
		if (strncmp(inode->xattrs[i].name, "system.", 7) == 0)
			acls += inode->xattrs[i].len;
	s.items = xcalloc(s.n, sizeof(s.items[0]));
	s.converted = xmalloc(acls);
	uint8_t *converted = s.converted;
	for (uint32_t i = 0; i < inode->n_xattrs; i++)
		if (translate(&s.items[i], &inode->xattrs[i], &converted, err) < 0)
			goto fail;
	qsort(s.items, s.n, sizeof(s.items[0]), compare);
	if (place(&s, block_size, err) < 0)
		goto fail;
	*set = s;
	return 0;
fail:
	xattr_set_done(&s);
	*set = s;
	return -1;
}

void xattr_set_done(struct xattr_set *set)
{
	free(set->items);
	free(set->converted);
	*set = (struct xattr_set){0};
}

static uint32_t rotate(uint32_t v, int bits)
{
	return v << bits | v >> (32 - bits);
}

static uint32_t hash_entry(const struct xattr *x, const uint8_t *padded_value)
{
	uint32_t hash = 0;

	for (uint32_t i = 0; i < x->name_len; i++)
		hash = rotate(hash, 5) ^ (uint8_t)x->name[i];
	for (uint32_t i = 0; i < x->value_len; i += 4)
		hash = rotate(hash, 16) ^ load32(padded_value + i);
	return hash;
}

/*
 * Entries from `first` up and values from `limit` down; value offsets count from `base`.
 * Returns the hash over all entries.
 */
static uint32_t write_entries(const struct xattr_set *set, bool in_body, uint8_t *base,
	uint32_t first, uint32_t limit)
{
	uint32_t at = first, all = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		const struct xattr *x = &set->items[i];
		struct disk_xattr_entry e = {
			.name_len = x->name_len,
			.name_index = x->name_index,
			.value_size = htole32(x->value_len),
		};
		if (x->in_body != in_body)
			continue;
		if (x->value_len) {
			limit -= align4(x->value_len);
			e.value_offs = htole16(limit);
			memcpy(base + limit, x->value, x->value_len);
		}
		if (!in_body) {
			uint32_t hash = hash_entry(x, base + limit);
			e.hash = htole32(hash);
			all = rotate(all, 16) ^ hash;
		}
		memcpy(base + at, &e, sizeof(e));
		memcpy(base + at + sizeof(e), x->name, x->name_len);
		at += entry_size(x);
	}
	return all;
}

void xattr_write_body(const struct xattr_set *set, uint8_t body[static EXT2_XATTR_BODY])
{
	uint32_t magic = htole32(EXT2_XATTR_MAGIC);

	if (set->n == set->n_in_block)
		return;
	memcpy(body, &magic, sizeof(magic));
	write_entries(
		set, true, body + sizeof(magic), 0, EXT2_XATTR_BODY - sizeof(magic));
}

void xattr_write_block(const struct xattr_set *set, uint32_t refcount, uint8_t *block,
	uint32_t block_size)
{
	uint32_t hash = write_entries(
		set, false, block, sizeof(struct disk_xattr_header), block_size);
	struct disk_xattr_header header = {
		.magic = htole32(EXT2_XATTR_MAGIC),
		.refcount = htole32(refcount),
		.blocks = htole32(1),
		.hash = htole32(hash),
	};

	memcpy(block, &header, sizeof(header));
}
