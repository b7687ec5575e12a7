/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ext2 can't express is an error that names the file and the limit. */
#include "test-ext2.h"

static struct tree_inode *add_victim(struct tree *t, uint32_t mode)
{
	assert_ok(tree_add_file(t, "/some/file",
		&(struct tree_file){.mode = mode,
			.data = "target",
			.len = S_ISREG(mode) || S_ISLNK(mode) ? 6 : 0},
		&err));
	return tree_lookup(t, "/some/file");
}

static void assert_refused(struct tree *t, uint32_t block_size, const char *text)
{
	struct ext2_options o = {.block_size = block_size};

	tree_finish(t);
	assert_fails(write_image(t, &o, IMAGE, NULL), text);
	assert_non_null(strstr(err.msg, "'/some/file'"));
}

static void times_beyond_the_range(void **state)
{
	static const struct tree_time times[] = {{-2147483649, 0}, {15032385536, 0},
		{INT64_MIN, 0}, {INT64_MAX, 0}, {0, 1000000000}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		CLEANUP_TREE struct tree *t = tree_new(NULL);
		add_victim(t, S_IFREG)->mtime = times[i];
		assert_refused(t, 4096, "before 1901 or after 2446");
	}
}

static void device_numbers_beyond_the_range(void **state)
{
	static const uint32_t numbers[][2] = {
		{4096, 0}, {0, 1048576}, {UINT32_MAX, UINT32_MAX}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		CLEANUP_TREE struct tree *t = tree_new(NULL);
		struct tree_inode *inode = add_victim(t, S_IFREG);
		inode->content = TREE_CONTENT_NONE;
		inode->size = 0;
		inode->mode = S_IFCHR | 0600;
		inode->rdev_major = numbers[i][0];
		inode->rdev_minor = numbers[i][1];
		assert_refused(t, 4096, "12 bits major or 20 bits minor");
	}
}

static void symlinks_longer_than_a_block(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	struct ext2_options o = {.block_size = 1024};
	char target[1024];

	(void)state;
	require_e2fsprogs();
	memset(target, 't', sizeof(target));
	assert_ok(tree_add_file(t, "/some/file",
		&(struct tree_file){.mode = S_IFLNK | 0777, .data = target, .len = 1024},
		&err));
	assert_refused(t, 1024, "longer than a block");
	assert_ok(tree_add_file(t, "/some/file",
		&(struct tree_file){.mode = S_IFLNK | 0777, .data = target, .len = 1023},
		&err));
	make_image(t, &o, NULL);
}

static void more_hard_links_than_ext2_counts(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_victim(t, S_IFREG);
	tree_finish(t);
	tree_lookup(t, "/some/file")->nlink = 65001;
	struct ext2_options o = {0};
	assert_fails(write_image(t, &o, IMAGE, NULL),
		"'/some/file': more than 65000 hard links");
}

static void sizes_beyond_the_maps(void **state)
{
	static const uint32_t block_sizes[] = {1024, 2048, 4096};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(block_sizes); i++) {
		CLEANUP_TREE struct tree *t = tree_new(NULL);
		uint64_t n = block_sizes[i] / 4;
		uint64_t max = (12 + n + n * n + n * n * n) * block_sizes[i];
		struct tree_extent end = {.offset = max - 4, .len = 4};
		struct tree_inode *inode = add_victim(t, S_IFREG);
		inode->content = TREE_CONTENT_FILE;
		inode->all_hole = true;
		inode->size = max + 1;
		assert_refused(t, block_sizes[i], "larger than block maps can describe");
		inode->size = UINT64_MAX;
		assert_refused(t, block_sizes[i], "larger than block maps can describe");
		inode->all_hole = false;
		inode->size = max;
		inode->extents = &end;
		inode->n_extents = 1;
		struct ext2_options o = {.block_size = block_sizes[i]};
		struct ext2_plan *p;
		assert_ok(ext2_plan_new(t, &o, &p, &err));
		ext2_plan_free(p);
	}
}

static void extents_that_make_no_sense(void **state)
{
	static const struct tree_extent beyond[] = {{.offset = 5, .len = 2}};
	static const struct tree_extent wraps[] = {{.offset = 5, .len = UINT64_MAX}};
	static const struct tree_extent descend[] = {
		{.offset = 4, .len = 1}, {.offset = 0, .len = 1}};
	const struct tree_extent *const bad[] = {beyond, wraps, descend};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP_TREE struct tree *t = tree_new(NULL);
		struct tree_inode *inode = add_victim(t, S_IFREG);
		inode->extents = bad[i];
		inode->n_extents = bad[i] == descend ? 2 : 1;
		assert_refused(t, 4096, "size and extents disagree");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(times_beyond_the_range),
		scratch_test(device_numbers_beyond_the_range),
		scratch_test(symlinks_longer_than_a_block),
		scratch_test(more_hard_links_than_ext2_counts),
		scratch_test(sizes_beyond_the_maps),
		scratch_test(extents_that_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
