/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directory blocks. A hashed directory's names are sorted by hash, and its leaves are
 * filled completely: an image is mostly read, and the kernel splits a full leaf when it
 * adds a name.
 *
 *	block 0          1 ... nodes       nodes + 1 ...
 *	│ . .. root │    │ tree blocks │   │ names │
 *	        └─────────────►└──────────────►
 *
 * The root points to the leaves directly as long as it has room, else to tree blocks. A
 * directory that is too large even for those (with 1 KiB blocks: half a million names) is
 * a plain list.
 */
#include "dir.h"

#include <string.h>

#include "base/mem.h"
#include "base/vector.h"
#include "hash.h"
#include "plan.h"

#define DOTS_SIZE 24 /* "." and ".." with 12 bytes each */

struct dir_name {
	const char *name;
	uint32_t ino;
	uint32_t hash;
	uint8_t len;
	uint8_t type;
};

struct dir_names {
	struct dir_name *items;
	size_t len;
	size_t cap;
};

static void dir_names_done(struct dir_names *names)
{
	vector_done(names);
}

static uint8_t file_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return DISK_FILE_DIRECTORY;
	case S_IFCHR:
		return DISK_FILE_CHARACTER;
	case S_IFBLK:
		return DISK_FILE_BLOCK;
	case S_IFIFO:
		return DISK_FILE_FIFO;
	case S_IFSOCK:
		return DISK_FILE_SOCKET;
	case S_IFLNK:
		return DISK_FILE_SYMLINK;
	default:
		return DISK_FILE_REGULAR;
	}
}

static uint32_t record_size(size_t name_len)
{
	return sizeof(struct disk_dirent) + (name_len + 3) / 4 * 4;
}

static bool is_root_with_lost_found(
	const struct ext2_plan *p, const struct tree_inode *dir)
{
	return p->add_lost_found && dir->index == 0;
}

static void collect(
	const struct ext2_plan *p, const struct tree_inode *dir, struct dir_names *names)
{
	size_t n;
	const struct tree_entry *entries = tree_dir_entries(dir, &n);

	vector_reserve(names, n + 1);
	for (size_t i = 0; i < n; i++)
		vector_push(names,
			(struct dir_name){
				.name = entries[i].name,
				.len = strlen(entries[i].name),
				.ino = plan_inode_number(p, entries[i].inode->index),
				.type = file_type(entries[i].inode->mode),
			});
	if (is_root_with_lost_found(p, dir))
		vector_push(names,
			(struct dir_name){
				.name = "lost+found",
				.len = strlen("lost+found"),
				.ino = EXT2_FIRST_INO,
				.type = DISK_FILE_DIRECTORY,
			});
}

/* Needs no sorting and no memory: most directories fit into one block. */
static bool fits_one_block(const struct ext2_plan *p, const struct tree_inode *dir)
{
	size_t n;
	const struct tree_entry *entries = tree_dir_entries(dir, &n);
	uint64_t used = DOTS_SIZE;

	if (is_root_with_lost_found(p, dir))
		used += record_size(strlen("lost+found"));
	for (size_t i = 0; i < n && used <= p->block_size; i++)
		used += record_size(strlen(entries[i].name));
	return used <= p->block_size;
}

static int compare_hash(const void *a, const void *b)
{
	const struct dir_name *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void sort_by_hash(const struct ext2_plan *p, struct dir_names *names)
{
	vector_foreach (n, names)
		n->hash = hash_name(n->name, n->len, p->hash_seed);
	vector_sort(names, compare_hash);
}

/* The first name, from `from` on, that does not fit into `room` bytes of a block. */
static size_t pack_block(const struct dir_names *names, size_t from, uint32_t room)
{
	while (from < names->len && record_size(names->items[from].len) <= room)
		room -= record_size(names->items[from++].len);
	return from;
}

static uint32_t count_blocks(
	const struct dir_names *names, size_t from, uint32_t block_size)
{
	uint32_t n = 0;

	for (; from < names->len; n++)
		from = pack_block(names, from, block_size);
	return n;
}

static uint32_t root_limit(uint32_t block_size)
{
	return (block_size - DOTS_SIZE - sizeof(struct disk_hash_info)) /
		sizeof(struct disk_hash_entry);
}

static uint32_t node_limit(uint32_t block_size)
{
	return (block_size - sizeof(struct disk_dirent)) / sizeof(struct disk_hash_entry);
}

static void measure_list(
	const struct dir_names *names, uint32_t block_size, struct dir_shape *ret)
{
	size_t first = pack_block(names, 0, block_size - DOTS_SIZE);
	uint32_t blocks = 1 + count_blocks(names, first, block_size);

	*ret = (struct dir_shape){.leaves = blocks, .blocks = blocks};
}

/* False: there are more leaves than the tree can point to. */
static bool measure_tree(
	const struct dir_names *names, uint32_t block_size, struct dir_shape *ret)
{
	uint32_t limit = node_limit(block_size);
	struct dir_shape shape = {
		.hashed = true, .leaves = count_blocks(names, 0, block_size)};

	if (shape.leaves > root_limit(block_size))
		shape.nodes = (shape.leaves + limit - 1) / limit;
	shape.blocks = 1 + shape.nodes + shape.leaves;
	*ret = shape;
	return shape.nodes <= root_limit(block_size);
}

void dir_measure(
	const struct ext2_plan *p, const struct tree_inode *dir, struct dir_shape *ret)
{
	CLEANUP(dir_names_done) struct dir_names names = {0};

	if (fits_one_block(p, dir)) {
		*ret = (struct dir_shape){.leaves = 1, .blocks = 1};
		return;
	}
	collect(p, dir, &names);
	sort_by_hash(p, &names);
	if (!measure_tree(&names, p->block_size, ret)) {
		names.len = 0;
		collect(p, dir, &names);
		measure_list(&names, p->block_size, ret);
	}
}

static uint32_t put_record(
	uint8_t *block, uint32_t at, uint32_t size, const struct dir_name *name)
{
	struct disk_dirent *d = (struct disk_dirent *)(block + at);

	*d = (struct disk_dirent){
		.inode = htole32(name->ino),
		.rec_len = htole16(size),
		.name_len = name->len,
		.file_type = name->type,
	};
	memcpy(d + 1, name->name, name->len);
	return at + size;
}

/* "." and ".."; the record of the second one reaches to `end`. */
static void put_dots(uint8_t *block, uint32_t ino, uint32_t parent_ino, uint32_t end)
{
	struct dir_name dot = {
		.name = ".", .ino = ino, .len = 1, .type = DISK_FILE_DIRECTORY};
	struct dir_name dots = {
		.name = "..", .ino = parent_ino, .len = 2, .type = DISK_FILE_DIRECTORY};
	uint32_t at = put_record(block, 0, record_size(1), &dot);

	put_record(block, at, end - at, &dots);
}

/* Names from..to-1 at offset `at`; the record of the last one reaches to the block's end. */
static void put_names(const struct ext2_plan *p, uint8_t *block, uint32_t at,
	const struct dir_names *names, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct dir_name *n = &names->items[i];
		uint32_t size = i + 1 == to ? p->block_size - at : record_size(n->len);
		at = put_record(block, at, size, n);
	}
}

struct dir_writer {
	const struct ext2_plan *plan;
	uint32_t ino, parent_ino;
	dir_put_fn *put;
	void *put_data;
	uint8_t *block;
};

static int put_block(struct dir_writer *w)
{
	int r = w->put(w->block, w->put_data);

	memset(w->block, 0, w->plan->block_size);
	return r;
}

static int write_list(struct dir_writer *w, const struct dir_names *names)
{
	uint32_t bs = w->plan->block_size;
	size_t to = pack_block(names, 0, bs - DOTS_SIZE);

	put_dots(w->block, w->ino, w->parent_ino, to ? DOTS_SIZE : bs);
	put_names(w->plan, w->block, DOTS_SIZE, names, 0, to);
	if (put_block(w) < 0)
		return -1;
	for (size_t from = to; from < names->len; from = to) {
		to = pack_block(names, from, bs);
		put_names(w->plan, w->block, 0, names, from, to);
		if (put_block(w) < 0)
			return -1;
	}
	return 0;
}

/* The smallest hash of each leaf. Bit 0 is set if the previous leaf ends with a name of the
 * same hash. */
static uint32_t *leaf_hashes(
	const struct dir_names *names, uint32_t leaves, uint32_t block_size)
{
	uint32_t *hashes = xcalloc(leaves, sizeof(hashes[0]));
	size_t from = 0;

	for (uint32_t i = 0; i < leaves; i++) {
		hashes[i] = names->items[from].hash;
		if (from && names->items[from - 1].hash == hashes[i])
			hashes[i] |= 1;
		from = pack_block(names, from, block_size);
	}
	return hashes;
}

/* `count` tree entries that point to consecutive blocks, the first one with hashes[0],
 * the next one with hashes[stride]. */
static void put_tree_entries(void *at, uint32_t limit, uint32_t count,
	const uint32_t *hashes, uint32_t stride, uint32_t block)
{
	struct disk_hash_entry *e = at;
	struct disk_hash_count head = {.limit = htole16(limit), .count = htole16(count)};

	for (uint32_t i = 0; i < count; i++)
		e[i] = (struct disk_hash_entry){
			htole32(hashes[i * stride]), htole32(block + i)};
	memcpy(e, &head, sizeof(head));
}

static int write_tree(
	struct dir_writer *w, const struct dir_shape *shape, const uint32_t *hashes)
{
	uint32_t bs = w->plan->block_size, limit = node_limit(bs);
	struct disk_hash_info info = {
		.hash_version = EXT2_HASH_HALF_MD4,
		.info_length = sizeof(info),
		.indirect_levels = shape->nodes ? 1 : 0,
	};

	put_dots(w->block, w->ino, w->parent_ino, bs);
	memcpy(w->block + DOTS_SIZE, &info, sizeof(info));
	put_tree_entries(w->block + DOTS_SIZE + sizeof(info), root_limit(bs),
		shape->nodes ? shape->nodes : shape->leaves, hashes,
		shape->nodes ? limit : 1, 1);
	if (put_block(w) < 0)
		return -1;
	for (uint32_t i = 0; i < shape->nodes; i++) {
		struct disk_dirent empty = {.rec_len = htole16(bs)};
		memcpy(w->block, &empty, sizeof(empty));
		put_tree_entries(w->block + sizeof(empty), limit,
			MIN(limit, shape->leaves - i * limit), hashes + i * limit, 1,
			1 + shape->nodes + i * limit);
		if (put_block(w) < 0)
			return -1;
	}
	return 0;
}

static int write_hashed(struct dir_writer *w, const struct dir_shape *shape,
	const struct dir_names *names)
{
	uint32_t bs = w->plan->block_size;
	CLEANUP_FREE uint32_t *hashes = leaf_hashes(names, shape->leaves, bs);

	if (write_tree(w, shape, hashes) < 0)
		return -1;
	for (size_t from = 0, to; from < names->len; from = to) {
		to = pack_block(names, from, bs);
		put_names(w->plan, w->block, 0, names, from, to);
		if (put_block(w) < 0)
			return -1;
	}
	return 0;
}

int dir_write(const struct ext2_plan *p, const struct tree_inode *dir, dir_put_fn *put,
	void *data)
{
	CLEANUP(dir_names_done) struct dir_names names = {0};
	CLEANUP_FREE uint8_t *block = xcalloc(1, p->block_size);
	const struct plan_dir *planned = plan_dir(p, dir);
	struct dir_writer w = {
		.plan = p,
		.ino = plan_inode_number(p, dir->index),
		.parent_ino = plan_inode_number(p, planned->parent),
		.put = put,
		.put_data = data,
		.block = block,
	};

	collect(p, dir, &names);
	if (!planned->shape.hashed)
		return write_list(&w, &names);
	sort_by_hash(p, &names);
	return write_hashed(&w, &planned->shape, &names);
}

int dir_write_empty(const struct ext2_plan *p, uint32_t ino, uint32_t parent_ino,
	dir_put_fn *put, void *data)
{
	CLEANUP_FREE uint8_t *block = xcalloc(1, p->block_size);

	put_dots(block, ino, parent_ino, p->block_size);
	return put(block, data);
}
