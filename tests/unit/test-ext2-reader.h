/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A reader of ext2 images that shares nothing with the writer but the format: offsets are
 * spelled out, directories are read as lists of blocks, maps are followed block by block.
 * It compares an image with the tree that it was made from, every name, every field,
 * every byte.
 */
#pragma once

#include "test-ext2.h"

#include <endian.h>
#include <sys/mman.h>

#define READER_INODE_SIZE 256

struct reader {
	const uint8_t *image;
	size_t size;
	uint32_t block_size, inodes_per_group, blocks_per_group, first_block;
	uint32_t *ino_of; /* by index of the tree; 0: not seen yet */
};

static inline uint16_t get16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

static inline uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static inline const uint8_t *reader_block(const struct reader *r, uint64_t block)
{
	assert_true((block + 1) * r->block_size <= r->size);
	return r->image + block * r->block_size;
}

static inline void reader_open(struct reader *r, const char *path, const struct tree *t)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	void *image = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(image != MAP_FAILED);
	const uint8_t *super = (const uint8_t *)image + 1024;
	*r = (struct reader){
		.image = image,
		.size = st.st_size,
		.block_size = 1024U << get32(super + 24),
		.first_block = get32(super + 20),
		.blocks_per_group = get32(super + 32),
		.inodes_per_group = get32(super + 40),
		.ino_of = xcalloc(tree_inode_count(t), sizeof(uint32_t)),
	};
	assert_int_equal(get16(super + 56), 0xef53);
	assert_int_equal(get16(super + 88), READER_INODE_SIZE);
}

static inline void reader_close(struct reader *r)
{
	munmap((void *)r->image, r->size);
	free(r->ino_of);
}

static inline const uint8_t *reader_inode(const struct reader *r, uint32_t ino)
{
	uint32_t group = (ino - 1) / r->inodes_per_group;
	uint64_t table = (r->first_block + 1ULL) * r->block_size;
	const uint8_t *desc = r->image + table + group * 32ULL;
	uint64_t at = (uint64_t)get32(desc + 8) * r->block_size +
		(uint64_t)((ino - 1) % r->inodes_per_group) * READER_INODE_SIZE;

	assert_true(at + READER_INODE_SIZE <= r->size);
	return r->image + at;
}

/* The address of a file's block, 0 for a hole. */
static inline uint32_t reader_map(
	const struct reader *r, const uint8_t *inode, uint64_t n)
{
	uint64_t per = r->block_size / 4, span = 1;
	int height = 0;

	if (n < 12)
		return get32(inode + 40 + n * 4);
	for (n -= 12, height = 1, span = per; n >= span; n -= span, span *= per)
		assert_true(++height <= 3);
	uint32_t block = get32(inode + 40 + (11 + height) * 4);
	for (; block && height > 0; height--) {
		span /= per;
		block = get32(reader_block(r, block) + n / span * 4);
		n %= span;
	}
	return block;
}

/* Every name of the directory: how many, and the inode of one of them (0: none). */
static inline size_t reader_find(const struct reader *r, uint32_t dir, const char *name,
	uint32_t *ret_ino, uint8_t *ret_type)
{
	const uint8_t *inode = reader_inode(r, dir);
	size_t count = 0;

	*ret_ino = 0;
	for (uint64_t b = 0; b < get32(inode + 4) / r->block_size; b++) {
		const uint8_t *block = reader_block(r, reader_map(r, inode, b));
		for (uint32_t at = 0; at < r->block_size; at += get16(block + at + 4)) {
			const uint8_t *e = block + at;
			assert_true(
				get16(e + 4) >= 8 && at + get16(e + 4) <= r->block_size);
			if (get32(e) == 0)
				continue;
			count++;
			if (e[6] != strlen(name) || memcmp(e + 8, name, e[6]) != 0)
				continue;
			*ret_ino = get32(e);
			*ret_type = e[7];
		}
	}
	return count;
}

static inline uint8_t reader_type(uint32_t mode)
{
	static const uint8_t types[16] = {[S_IFREG >> 12] = 1,
		[S_IFDIR >> 12] = 2,
		[S_IFCHR >> 12] = 3,
		[S_IFBLK >> 12] = 4,
		[S_IFIFO >> 12] = 5,
		[S_IFSOCK >> 12] = 6,
		[S_IFLNK >> 12] = 7};

	return types[mode >> 12];
}

static inline void reader_check_time(
	const uint8_t *inode, int low, int extra, const struct tree_time *expected)
{
	uint32_t fine = get32(inode + extra);
	int64_t sec = (int32_t)get32(inode + low) + ((int64_t)(fine & 3) << 32);

	assert_int_equal(sec, expected->sec);
	assert_int_equal(fine >> 2, expected->nsec);
}

static inline void reader_check_fields(const uint8_t *d, const struct tree_inode *inode)
{
	assert_int_equal(get16(d), inode->mode);
	assert_int_equal(get16(d + 2) | (uint32_t)get16(d + 120) << 16, inode->uid);
	assert_int_equal(get16(d + 24) | (uint32_t)get16(d + 122) << 16, inode->gid);
	assert_int_equal(get16(d + 128), 32);
	reader_check_time(d, 8, 140, &inode->atime);
	reader_check_time(d, 12, 132, &inode->ctime);
	reader_check_time(d, 16, 136, &inode->mtime);
	reader_check_time(d, 144, 148, &inode->mtime);
	if (inode->index != 0)
		assert_int_equal(get16(d + 26), inode->nlink > 65000 ? 1 : inode->nlink);
	if (!S_ISDIR(inode->mode))
		assert_int_equal(
			get32(d + 4) | (uint64_t)get32(d + 108) << 32, inode->size);
}

/* Bytes of a file as the tree has them. */
static inline void read_expected(const struct tree_inode *inode, int fd, uint64_t offset,
	void *to, uint64_t at, size_t len)
{
	if (inode->content == TREE_CONTENT_MEMORY)
		memcpy(to, (const uint8_t *)tree_content_memory(inode) + at, len);
	else
		assert_int_equal(io_pread_full(fd, to, len, offset + at), len);
}

/* The file's block n is there and holds what it should; behind the end it is zero. */
static inline void reader_check_block(const struct reader *r, const uint8_t *d,
	const struct tree_inode *inode, uint64_t n, int fd, uint64_t offset)
{
	CLEANUP_FREE uint8_t *expected = xcalloc(1, r->block_size);
	uint64_t at = n * r->block_size;
	uint32_t block = reader_map(r, d, n);

	assert_int_not_equal(block, 0);
	read_expected(
		inode, fd, offset, expected, at, MIN(r->block_size, inode->size - at));
	assert_memory_equal(reader_block(r, block), expected, r->block_size);
}

/* Blocks under a pointer, `height` maps below it; *ret_maps grows by these. */
static inline uint64_t reader_count_under(
	const struct reader *r, uint32_t block, int height, uint64_t *maps)
{
	uint64_t n = 0;

	if (block == 0 || height == 0)
		return block != 0;
	++*maps;
	for (uint32_t i = 0; i < r->block_size; i += 4)
		n += reader_count_under(
			r, get32(reader_block(r, block) + i), height - 1, maps);
	return n;
}

static inline uint64_t reader_count_blocks(
	const struct reader *r, const uint8_t *d, uint64_t *ret_maps)
{
	uint64_t n = 0;

	*ret_maps = 0;
	for (int slot = 0; slot < 15; slot++)
		n += reader_count_under(
			r, get32(d + 40 + slot * 4), MAX(slot - 11, 0), ret_maps);
	return n;
}

/* All data is there, and nothing else: holes are holes. */
static inline void reader_check_content(
	const struct reader *r, const uint8_t *d, const struct tree_inode *inode)
{
	const struct tree_extent whole = {0, inode->size};
	const struct tree_extent *extents = inode->n_extents ? inode->extents : &whole;
	uint32_t n = inode->n_extents ? inode->n_extents : !inode->all_hole;
	CLEANUP_CLOSE int fd = -1;
	uint64_t offset = 0, next = 0, blocks = 0, maps;

	if (inode->content == TREE_CONTENT_FILE || inode->content == TREE_CONTENT_SPOOL)
		assert_ok(tree_content_open(inode, &fd, &offset, &err));
	for (uint32_t i = 0; i < n; i++) {
		uint64_t end = extents[i].offset + extents[i].len;
		next = MAX(next, extents[i].offset / r->block_size);
		for (; next * r->block_size < end; next++, blocks++)
			reader_check_block(r, d, inode, next, fd, offset);
	}
	assert_int_equal(reader_count_blocks(r, d, &maps), blocks);
	assert_int_equal(get32(d + 28) | (uint64_t)get16(d + 116) << 32,
		(blocks + maps + (get32(d + 104) != 0)) * (r->block_size / 512));
}

static inline void reader_check_symlink(
	const struct reader *r, const uint8_t *d, const struct tree_inode *inode)
{
	const uint8_t *target = d + 40;

	if (inode->size >= 60)
		target = reader_block(r, get32(d + 40));
	assert_memory_equal(target, inode->target, inode->size + 1);
}

static inline void reader_check_device(const uint8_t *d, const struct tree_inode *inode)
{
	uint32_t old = get32(d + 40), new = get32(d + 44);

	if (old) {
		assert_int_equal(old >> 8, inode->rdev_major);
		assert_int_equal(old & 0xff, inode->rdev_minor);
	} else {
		assert_int_equal(new >> 8 & 0xfff, inode->rdev_major);
		assert_int_equal((new & 0xff) | (new >> 12 & 0xfff00), inode->rdev_minor);
	}
}

/* An attribute among entries; values count from `base`. false: not here. */
static inline bool reader_find_xattr(const uint8_t *entries, const uint8_t *base,
	const char *name, const uint8_t **ret_value, uint32_t *ret_len)
{
	static const char *const prefixes[] = {[1] = "user.",
		[2] = "system.posix_acl_access",
		[3] = "system.posix_acl_default",
		[4] = "trusted.",
		[6] = "security."};

	for (const uint8_t *e = entries; get32(e); e += 16 + (e[0] + 3) / 4 * 4) {
		assert_true(e[1] < ARRAY_SIZE(prefixes) && prefixes[e[1]]);
		CLEANUP_FREE char *whole =
			xasprintf("%s%.*s", prefixes[e[1]], e[0], (const char *)e + 16);
		if (strcmp(whole, name) != 0)
			continue;
		*ret_value = base + get16(e + 2);
		*ret_len = get32(e + 8);
		return true;
	}
	return false;
}

static inline uint32_t reader_count_xattrs(const uint8_t *entries)
{
	uint32_t n = 0;

	for (const uint8_t *e = entries; get32(e); e += 16 + (e[0] + 3) / 4 * 4)
		n++;
	return n;
}

static inline uint32_t reader_rotate(uint32_t v, int bits)
{
	return v << bits | v >> (32 - bits);
}

/* Of the name, byte by byte, and of the value with zeros up to a multiple of four. */
static inline uint32_t reader_hash_xattr(const uint8_t *block, const uint8_t *e)
{
	uint32_t hash = 0;

	for (int i = 0; i < e[0]; i++)
		hash = reader_rotate(hash, 5) ^ e[16 + i];
	for (uint32_t i = 0; i < get32(e + 8); i += 4)
		hash = reader_rotate(hash, 16) ^ get32(block + get16(e + 2) + i);
	return hash;
}

/* The kernel stops looking where the order says that nothing more can come. */
static inline void reader_check_xattr_block(const uint8_t *block)
{
	const uint8_t *last = NULL;
	uint32_t all = 0;

	for (const uint8_t *e = block + 32; get32(e); e += 16 + (e[0] + 3) / 4 * 4) {
		assert_int_equal(get32(e + 12), reader_hash_xattr(block, e));
		all = reader_rotate(all, 16) ^ get32(e + 12);
		if (last && last[1] == e[1] && last[0] == e[0])
			assert_true(memcmp(last + 16, e + 16, e[0]) < 0);
		else if (last)
			assert_true(
				last[1] < e[1] || (last[1] == e[1] && last[0] < e[0]));
		last = e;
	}
	assert_int_equal(get32(block + 12), all);
}

static inline void reader_check_xattrs(
	const struct reader *r, const uint8_t *d, const struct tree_inode *inode)
{
	static const uint8_t none[4];
	const uint8_t *body = get32(d + 160) == 0xea020000 ? d + 164 : none;
	const uint8_t *block = NULL, *entries = none, *value = NULL;
	uint32_t len = 0;

	if (get32(d + 104)) {
		block = reader_block(r, get32(d + 104));
		assert_int_equal(get32(block), 0xea020000);
		reader_check_xattr_block(block);
		entries = block + 32;
	}
	assert_int_equal(reader_count_xattrs(body) + reader_count_xattrs(entries),
		inode->n_xattrs);
	for (uint32_t i = 0; i < inode->n_xattrs; i++) {
		const struct tree_xattr *x = &inode->xattrs[i];
		assert_true(reader_find_xattr(body, body, x->name, &value, &len) ||
			reader_find_xattr(entries, block, x->name, &value, &len));
		/* ACLs look different on disk: debugfs is asked about these. */
		if (strncmp(x->name, "system.", 7) == 0)
			continue;
		assert_int_equal(len, x->len);
		assert_memory_equal(value, x->value, len);
	}
}

static inline void reader_check_inode(
	const struct reader *r, uint32_t ino, const struct tree_inode *inode)
{
	const uint8_t *d = reader_inode(r, ino);

	reader_check_fields(d, inode);
	reader_check_xattrs(r, d, inode);
	if (S_ISREG(inode->mode))
		reader_check_content(r, d, inode);
	else if (S_ISLNK(inode->mode))
		reader_check_symlink(r, d, inode);
	else if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		reader_check_device(d, inode);
}

/* The directory's names and what they lead to; directories below come up as inodes
 * later. */
static inline void reader_check_dir(
	const struct reader *r, const struct tree_inode *dir, bool lost_found)
{
	size_t n, count = 0;
	const struct tree_entry *entries = tree_dir_entries(dir, &n);
	uint8_t type;
	uint32_t ino;

	count = reader_find(r, r->ino_of[dir->index], ".", &ino, &type);
	assert_int_equal(ino, r->ino_of[dir->index]);
	assert_int_equal(count, 2 + n + lost_found);
	for (size_t i = 0; i < n; i++) {
		const struct tree_inode *inode = entries[i].inode;
		reader_find(r, r->ino_of[dir->index], entries[i].name, &ino, &type);
		assert_int_not_equal(ino, 0);
		assert_int_equal(type, reader_type(inode->mode));
		if (r->ino_of[inode->index])
			assert_int_equal(ino, r->ino_of[inode->index]);
		r->ino_of[inode->index] = ino;
		if (S_ISDIR(inode->mode)) {
			uint32_t parent;
			reader_find(r, ino, "..", &parent, &type);
			assert_int_equal(parent, r->ino_of[dir->index]);
		}
	}
}

/* The image holds the tree, all of it and nothing else but lost+found. */
static inline void assert_image_holds(const char *path, const struct tree *t)
{
	struct reader r;

	reader_open(&r, path, t);
	r.ino_of[0] = 2;
	for (uint32_t i = 0; i < tree_inode_count(t); i++) {
		const struct tree_inode *inode = tree_inode_at(t, i);
		assert_int_not_equal(r.ino_of[i], 0);
		reader_check_inode(&r, r.ino_of[i], inode);
		if (S_ISDIR(inode->mode))
			reader_check_dir(
				&r, inode, i == 0 && !tree_lookup(t, "/lost+found"));
	}
	reader_close(&r);
}
