/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random trees with all that a tree can hold. Choices come from a number, from which all
 * of a tree follows, or from the bytes of a fuzzer.
 */
#pragma once

#include "test-ext2.h"

#include "tree/put.h"
#include "tree/spool.h"

static struct {
	uint64_t number;
	const uint8_t *bytes; /* if not NULL */
	size_t len;
} entropy;

/* splitmix64 */
static inline uint64_t random_number(void)
{
	uint64_t z = entropy.number += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* As many bytes as it takes; zeros when there are no more. */
static inline uint64_t next_bytes(uint64_t n)
{
	uint64_t value = 0;

	for (; n > 1 && entropy.len; n = n >> 8) {
		value = value << 8 | *entropy.bytes++;
		entropy.len--;
	}
	return value;
}

static inline uint64_t random_below(uint64_t n)
{
	if (n < 2)
		return 0;
	return (entropy.bytes ? next_bytes(n - 1) : random_number()) % n;
}

static inline bool one_in(uint64_t n)
{
	return random_below(n) == 0;
}

/* Small numbers often, large ones sometimes. */
static inline uint64_t random_size(uint64_t max)
{
	return random_below(1 + random_below(1 + random_below(max)));
}

struct maker {
	struct tree *t;
	struct arena arena;
	VECTOR(struct tree_inode *) dirs;
	VECTOR(struct tree_inode *) files;
};

static inline void *random_bytes(struct maker *m, size_t len)
{
	uint8_t *bytes = arena_alloc(&m->arena, len + 1);

	for (size_t i = 0; i < len; i++)
		bytes[i] = random_number();
	return bytes;
}

static inline struct tree_time random_time(void)
{
	struct tree_time t = {.nsec = random_below(1000000000)};

	/* From 1901 to 2446. */
	t.sec = (int64_t)random_below(15032385536 + 2147483648) - 2147483648;
	return t;
}

static inline uint32_t random_id(void)
{
	return one_in(2) ? 0 : random_below(one_in(2) ? 70000 : UINT32_MAX);
}

static inline int compare_xattrs(const void *a, const void *b)
{
	const struct tree_xattr *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static inline void add_xattrs(
	struct maker *m, struct tree_inode *inode, uint32_t block_size)
{
	static const char *const namespaces[] = {"user.", "trusted.", "security."};
	uint32_t n = random_size(6), left = block_size / 2;
	struct tree_xattr *xattrs = arena_alloc(&m->arena, (n + 1) * sizeof(*xattrs));

	for (uint32_t i = 0; i < n && left > 300; i++) {
		char *name = arena_alloc(&m->arena, 300);
		size_t len = 1 + random_size(100);
		int at = snprintf(name, 300, "%s%u", namespaces[random_below(3)], i);
		for (size_t k = 0; k < len; k++)
			name[at++] = 1 + random_below(255);
		uint32_t value_len = random_size(left - 200);
		left -= value_len + 130;
		if (left > block_size)
			left = 0;
		xattrs[inode->n_xattrs++] = (struct tree_xattr){.name = name,
			.value = random_bytes(m, value_len),
			.len = value_len};
	}
	qsort(xattrs, inode->n_xattrs, sizeof(*xattrs), compare_xattrs);
	inode->xattrs = xattrs;
}

static inline void add_extents(struct maker *m, struct tree_inode *inode)
{
	struct tree_extent *extents = arena_alloc(&m->arena, 20 * sizeof(*extents));
	uint32_t n = 1 + random_size(19);
	uint64_t at = 0;

	if (one_in(5)) {
		inode->all_hole = true;
		return;
	}
	inode->extents = extents;
	for (uint32_t i = 0; i < n; i++) {
		at += 1 + random_size(inode->size / 2);
		if (at >= inode->size)
			break;
		uint64_t len = 1 + random_size(MIN(inode->size - at, 20000));
		extents[inode->n_extents++] = (struct tree_extent){at, len};
		at += len;
	}
}

static inline struct tree_inode random_file(struct maker *m)
{
	struct tree_inode f = {.mode = S_IFREG};

	f.size = random_size(one_in(20) ? 2000000 : one_in(3) ? 100000 : 5000);
	if (f.size == 0)
		return f;
	f.content = TREE_CONTENT_MEMORY;
	f.source = random_bytes(m, f.size);
	if (one_in(4))
		add_extents(m, &f);
	return f;
}

static inline struct tree_inode random_inode(struct maker *m, uint32_t block_size)
{
	static const uint32_t specials[] = {S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
	struct tree_inode f = {.mode = specials[random_below(4)]};

	if (S_ISCHR(f.mode) || S_ISBLK(f.mode)) {
		f.rdev_major = random_below(one_in(2) ? 256 : 4096);
		f.rdev_minor = random_below(one_in(2) ? 256 : 1048576);
	}
	if (one_in(4)) {
		f = (struct tree_inode){.mode = S_IFLNK};
		f.size = 1 + random_size(one_in(4) ? block_size - 1 : 100);
		char *target = arena_alloc(&m->arena, f.size + 1);
		memset(target, 'a' + random_below(26), f.size);
		f.target = target;
	} else if (!one_in(5)) {
		f = random_file(m);
	}
	return f;
}

static inline size_t random_name(char *name)
{
	size_t len = 1 + random_size(one_in(10) ? 255 : 30);

	for (size_t i = 0; i < len; i++)
		do
			name[i] = 1 + random_below(255);
		while (name[i] == '/' || name[i] == '.');
	name[len] = '\0';
	return len;
}

static inline void decorate(
	struct maker *m, struct tree_inode *inode, uint32_t block_size)
{
	inode->mode |= random_below(010000);
	inode->uid = random_id();
	inode->gid = random_id();
	inode->mtime = random_time();
	if (one_in(4))
		add_xattrs(m, inode, block_size);
	/* Someone else's: blocks are shared. */
	else if (one_in(4) && m->files.len) {
		const struct tree_inode *other =
			m->files.items[random_below(m->files.len)];
		inode->xattrs = other->xattrs;
		inode->n_xattrs = other->n_xattrs;
	}
}

static inline void add_random(struct maker *m, uint32_t block_size)
{
	struct tree_inode *dir = m->dirs.items[random_below(m->dirs.len)];
	struct tree_inode *inode;
	char name[256];
	size_t len = random_name(name);

	if (tree_dir_find(dir->dir, name, len))
		return;
	if (one_in(15) && m->files.len) {
		inode = m->files.items[random_below(m->files.len)];
		assert_ok(node_add_link(
			m->t, &(struct tree_spot){dir, name, len}, inode, &err));
		return;
	}
	struct tree_inode f = {.mode = S_IFDIR};
	if (!one_in(8))
		f = random_inode(m, block_size);
	decorate(m, &f, block_size);
	assert_ok(tree_put(m->t, &(struct tree_spot){dir, name, len}, &f, &inode, &err));
	if (S_ISDIR(f.mode))
		vector_push(&m->dirs, inode);
	else
		vector_push(&m->files, inode);
}

/* As large as a block map can describe, or the spool; with little in it. */
static inline void add_sparse_file(struct maker *m, uint32_t block_size)
{
	struct spool_slice *slice = arena_alloc(&m->arena, sizeof(*slice));
	struct tree_inode f = {.mode = S_IFREG | 0644, .content = TREE_CONTENT_SPOOL},
			  *inode;
	uint64_t max = block_size == 1024 ? 1ULL << 34
		: block_size == 2048	  ? 1ULL << 38
					  : 1ULL << 40;

	f.size = 1 + random_size(max);
	f.source = slice;
	add_extents(m, &f);
	f.all_hole |= f.n_extents == 0;
	assert_ok(spool_reserve(m->t, ".", f.size, slice, &err));
	for (uint32_t i = 0; i < f.n_extents; i++) {
		const struct tree_extent *e = &f.extents[i];
		assert_ok(spool_write(
			slice, e->offset, random_bytes(m, e->len), e->len, &err));
	}
	assert_ok(spool_extend(slice, f.size, &err));
	assert_ok(tree_put(m->t, &(struct tree_spot){tree_root(m->t), "sparse", 6}, &f,
		&inode, &err));
}

/* Files of the host, with holes of gigabytes. */
static inline void add_host_files(struct maker *m, uint32_t block_size)
{
	uint64_t max = block_size == 1024 ? 1ULL << 30 : 8ULL << 30;

	make_dir("in");
	for (uint64_t i = 1 + random_below(3); i > 0; i--) {
		CLEANUP_FREE char *name = xasprintf("in/%" PRIu64, i);
		CLEANUP_CLOSE int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		uint64_t size = random_size(max);
		assert_true(fd >= 0 && ftruncate(fd, size) == 0);
		for (uint64_t k = random_below(10); k > 0; k--) {
			size_t len = 1 + random_size(600000);
			uint8_t *bytes = random_bytes(m, len);
			uint64_t at = random_size(size + 1);
			assert_int_equal(io_pwrite_full(fd, bytes, len, at), 0);
		}
	}
	assert_ok(tree_add_directory(m->t, "in", "/host", &err));
}

static inline void random_options(struct ext2_options *o)
{
	*o = (struct ext2_options){.block_size = 1024 << random_below(3)};
	if (one_in(4)) {
		o->free_blocks = random_size(10000);
		o->free_inodes = random_size(10000);
	} else if (one_in(4)) {
		o->size = (64 << 20) + random_size(200 << 20);
	}
}

static inline void maker_init(struct maker *m, struct ext2_options *o)
{
	*m = (struct maker){.t = tree_new(NULL)};
	random_options(o);
	decorate(m, tree_root(m->t), o->block_size);
	vector_push(&m->dirs, tree_root(m->t));
}

static inline void maker_done(struct maker *m)
{
	tree_free(m->t);
	vector_done(&m->dirs);
	vector_done(&m->files);
	arena_done(&m->arena);
}
