/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories: plain and hashed, with any name, of any size. e2fsck knows the order that
 * a hash tree must have; debugfs has the hash function to compare with.
 */
#include "test-ext2-reader.h"

#include "ext2/hash.h"
#include "ext2/plan.h"

static void add_empty(struct tree *t, const char *path)
{
	assert_ok(tree_add_file(
		t, path, &(struct tree_file){.mode = S_IFREG | 0644}, &err));
}

static void any_byte_may_be_in_a_name(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	char path[300];

	(void)state;
	require_e2fsprogs();
	for (int c = 1; c < 256; c++) {
		snprintf(path, sizeof(path), "/a%cb", c);
		if (c != '/')
			add_empty(t, path);
	}
	add_empty(t, "/ ");
	add_empty(t, "/...");
	memset(path, 'x', 256);
	path[0] = '/';
	path[256] = '\0';
	add_empty(t, path);
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);
}

/* Around the size where one block is no more enough. */
static void from_one_block_to_two(void **state)
{
	(void)state;
	require_e2fsprogs();
	for (int n = 250; n < 260; n++) {
		CLEANUP_TREE struct tree *t = tree_new(NULL);
		for (int i = 0; i < n; i++) {
			CLEANUP_FREE char *path = xasprintf("/d/%08d", i);
			add_empty(t, path);
		}
		make_image(t, &ext2_defaults, NULL);
		assert_image_holds(IMAGE, t);
		/* 24 bytes for "." and "..", 16 for each name. */
		assert_debugfs("stat d", n <= 254 ? "Flags: 0x0" : "Flags: 0x1000");
	}
}

/* Too many for a lookup of each name in the test's own reader: the counts are
 * compared. */
static void check_many(uint32_t block_size, size_t n, size_t name_len, const char *flags)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	struct ext2_options o = {.block_size = block_size};
	struct reader r;
	uint32_t ino, dir;
	uint8_t type;

	for (size_t i = 0; i < n; i++) {
		CLEANUP_FREE char *path = xasprintf("/d/%0*zu", (int)name_len, i);
		add_empty(t, path);
	}
	make_image(t, &o, NULL);
	assert_debugfs("stat d", flags);
	reader_open(&r, IMAGE, t);
	reader_find(&r, 2, "d", &dir, &type);
	assert_int_equal(reader_find(&r, dir, "none", &ino, &type), n + 2);
	reader_close(&r);
}

static void a_hundred_thousand_names(void **state)
{
	(void)state;
	require_e2fsprogs();
	check_many(4096, 100000, 8, "Flags: 0x1000");
	assert_debugfs("htree_dump d", "Number of entries (count): ");
}

/* With long names and small blocks the tree has two levels. */
static void two_levels(void **state)
{
	(void)state;
	require_e2fsprogs();
	check_many(1024, 3000, 255, "Flags: 0x1000");
	assert_debugfs("htree_dump d", "Indirect levels: 1");
	check_many(2048, 40000, 200, "Flags: 0x1000");
	assert_debugfs("htree_dump d", "Indirect levels: 1");
}

static void more_than_a_hash_tree_can_hold(void **state)
{
	(void)state;
	require_e2fsprogs();
	check_many(1024, 50000, 255, "Flags: 0x0");
}

static void more_subdirectories_than_links(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	CLEANUP_TREE struct tree *most = tree_new(NULL);

	(void)state;
	require_e2fsprogs();
	for (int i = 0; i < 64999; i++) {
		CLEANUP_FREE char *path = xasprintf("/d/%05d", i);
		add_dir(t, path, 0755);
		if (i < 64998)
			add_dir(most, path, 0755);
	}
	make_image(most, &ext2_defaults, NULL);
	assert_debugfs("stat d", "Links: 65000 ");
	make_image(t, &ext2_defaults, NULL);
	assert_debugfs("stat d", "Links: 1 ");
	assert_debugfs("show_super_stats -h", "dir_nlink");
}

static void the_hash_is_the_one_of_others(void **state)
{
	static const char *const names[] = {"a", "lost+found", "libgstreamer-1.0.so.0",
		"exactly-thirty-two-bytes-long-xx",
		"a name that needs more than a single round of the transformation "
		"\xff\xe9"};
	/* The UUID form of the same words: each little-endian. */
	static const char seed_text[] = "04030201-0807-0605-0c0b-0a09100f0e0d";
	static const uint32_t seed[4] = {0x01020304, 0x05060708, 0x090a0b0c, 0x0d0e0f10};
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	require_e2fsprogs();
	make_image(t, &ext2_defaults, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEANUP_FREE char *command =
			xasprintf("dx_hash -h 4 -s %s \"%s\"", seed_text, names[i]);
		CLEANUP_FREE char *expected = xasprintf(
			"is 0x%x (minor", hash_name(names[i], strlen(names[i]), seed));
		assert_debugfs(command, expected);
	}
	/*
	 * What means "the end" to the kernel is no name's hash (debugfs says 0xfffffffe).
	 * The name was found by trying 400 million.
	 */
	assert_int_equal(hash_name("5l51xz", 6, seed), 0xfffffffc);
}

struct hashed_name {
	char name[13];
	uint32_t hash;
};

static int compare_hashes(const void *a, const void *b)
{
	const struct hashed_name *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* Many names as that directory hashes them, in that order. */
static struct hashed_name *hash_many(const struct ext2_options *o, size_t n)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	struct hashed_name *names = xcalloc(n, sizeof(*names));
	struct ext2_plan *p;

	tree_finish(t);
	assert_ok(ext2_plan_new(t, o, &p, &err));
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i].name, sizeof(names[i].name), "%012u", (unsigned)i);
		names[i].hash = hash_name(names[i].name, 12, p->hash_seed);
	}
	ext2_plan_free(p);
	qsort(names, n, sizeof(*names), compare_hashes);
	return names;
}

/* A lookup goes on into the next block only if the tree says that the hash does. */
static void one_hash_in_two_blocks(void **state)
{
	const struct ext2_options o = {.have_uuid = true};
	const size_t n = 300000, per_block = 4096 / 20;
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	CLEANUP_FREE struct hashed_name *names = hash_many(&o, n);
	struct reader r;
	uint32_t dir;
	uint8_t type;
	size_t i = per_block;

	(void)state;
	require_e2fsprogs();
	while (names[i - 1].hash != names[i].hash)
		assert_true(++i < n - 200);
	/* The first of the two ends a block. */
	for (size_t k = i - per_block; k < i + 200; k++) {
		CLEANUP_FREE char *path = xasprintf("/d/%s", names[k].name);
		add_empty(t, path);
	}
	make_image(t, &o, NULL);
	reader_open(&r, IMAGE, t);
	reader_find(&r, 2, "d", &dir, &type);
	/* Dots, the tree's head, entry 0, and then the hash of entry 1. */
	const uint8_t *root = reader_block(&r, reader_map(&r, reader_inode(&r, dir), 0));
	assert_int_equal(get32(root + 24 + 8 + 8), names[i].hash | 1);
	reader_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(any_byte_may_be_in_a_name),
		scratch_test(from_one_block_to_two),
		scratch_test(a_hundred_thousand_names),
		scratch_test(two_levels),
		scratch_test(more_than_a_hash_tree_can_hold),
		scratch_test(more_subdirectories_than_links),
		scratch_test(the_hash_is_the_one_of_others),
		scratch_test(one_hash_in_two_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
