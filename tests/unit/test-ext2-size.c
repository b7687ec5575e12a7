/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images of all sizes: the smallest possible, a given one, terabytes. */
#include "test-ext2-reader.h"

#include "ext2/inode.h"
#include "ext2/layout.h"
#include "ext2/plan.h"
#include "ext2/super.h"

static void add_bytes(struct tree *t, const char *path, size_t len)
{
	CLEANUP_FREE char *data = xmalloc(len);

	memset(data, 'd', len);
	assert_ok(tree_add_file(t, path,
		&(struct tree_file){.mode = S_IFREG | 0644, .data = data, .len = len},
		&err));
}

/* Blocks on the host's disk, in bytes. */
static uint64_t stored(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void the_smallest_has_next_to_nothing_free(void **state)
{
	static const uint32_t block_sizes[] = {1024, 2048, 4096};
	static const size_t sizes[] = {0, 1, 100000, 8000000, 8300000, 40000000};

	(void)state;
	require_e2fsprogs();
	for (size_t b = 0; b < ARRAY_SIZE(block_sizes); b++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			CLEANUP_TREE struct tree *t = tree_new(NULL);
			struct ext2_options o = {.block_size = block_sizes[b]};
			struct ext2_summary s;
			add_bytes(t, "/file", sizes[i]);
			make_image(t, &o, &s);
			assert_image_holds(IMAGE, t);
			assert_true(s.free_blocks <= 1);
			assert_true(s.free_inodes < 16 * s.groups);
			assert_int_equal(s.size, s.blocks * block_sizes[b]);
		}
}

static void room_is_left_when_asked_for(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	struct ext2_options o = {.free_blocks = 5000, .free_inodes = 700};
	struct ext2_summary s;

	(void)state;
	require_e2fsprogs();
	add_bytes(t, "/file", 100000);
	make_image(t, &o, &s);
	assert_in_range(s.free_blocks, 5000, 5001);
	assert_in_range(s.free_inodes, 700, 716);
	assert_debugfs("show_super_stats -h", "Free blocks:              500");
}

static void every_size_around_a_group_boundary(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	struct ext2_summary s;

	(void)state;
	require_e2fsprogs();
	add_bytes(t, "/file", 50000);
	tree_finish(t);
	/* 1 KiB blocks: a group is 8 MiB. The second one appears once it can hold
	 * data. */
	for (uint64_t blocks = 8185; blocks < 8700; blocks += blocks < 8200 ? 1 : 37) {
		struct ext2_options o = {.block_size = 1024, .size = blocks * 1024};
		assert_ok(write_image(t, &o, IMAGE, &s));
		assert_clean(IMAGE);
		assert_int_equal(s.size, blocks * 1024);
		assert_true(s.blocks <= blocks);
	}
	assert_int_equal(s.groups, 2);
	assert_image_holds(IMAGE, t);
}

static void large_images_are_mostly_holes(void **state)
{
	static const struct {
		uint32_t block_size;
		uint64_t size, groups;
	} cases[] = {
		{1024, 8ULL << 30, 1024},
		{4096, 64ULL << 30, 512},
		{4096, 1ULL << 40, 8192},
	};

	(void)state;
	require_e2fsprogs();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_TREE struct tree *t = tree_new(NULL);
		struct ext2_options o = {
			.block_size = cases[i].block_size, .size = cases[i].size};
		struct ext2_summary s;
		add_bytes(t, "/file", 1000000);
		tree_finish(t);
		assert_ok(write_image(t, &o, IMAGE, &s));
		/* e2fsck takes its time over a terabyte. */
		if (s.size < 1ULL << 40)
			assert_clean(IMAGE);
		assert_image_holds(IMAGE, t);
		assert_int_equal(s.size, cases[i].size);
		assert_int_equal(s.groups, cases[i].groups);
		/* Two bitmaps a group, and descriptors. */
		assert_true(stored(IMAGE) < 100 << 20);
	}
}

static void many_small_inodes_do_not_blow_up_the_image(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	struct ext2_options o = {.block_size = 1024};
	struct ext2_summary s;

	(void)state;
	require_e2fsprogs();
	for (int i = 0; i < 20000; i++) {
		CLEANUP_FREE char *path = xasprintf("/d%d/%d", i % 100, i);
		assert_ok(tree_add_file(
			t, path, &(struct tree_file){.mode = S_IFREG | 0644}, &err));
	}
	make_image(t, &o, &s);
	assert_image_holds(IMAGE, t);
	/* The inodes alone are 5 MiB. */
	assert_true(s.size < 6 << 20);
	assert_true(s.free_blocks < 64);

	/* The size that came out is one that can be asked for. */
	o.size = s.size;
	assert_ok(write_image(t, &o, IMAGE, &s));
	assert_clean(IMAGE);
}

static void too_small_says_how_much_is_needed(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	struct ext2_options o = {0};
	struct ext2_summary s;

	(void)state;
	add_bytes(t, "/file", 1000000);
	tree_finish(t);
	assert_ok(write_image(t, &o, IMAGE, &s));
	CLEANUP_FREE char *needed = xasprintf("need %" PRIu64, s.size);
	o.size = s.size - 1;
	assert_fails(write_image(t, &o, IMAGE, NULL), needed);
	o.size = s.size;
	assert_ok(write_image(t, &o, IMAGE, NULL));
	o.size = s.size + 4095;
	assert_ok(write_image(t, &o, IMAGE, &s));
	assert_int_equal(s.size, o.size / 4096 * 4096);
}

static void impossible_options_are_refused(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	struct ext2_options o = {.block_size = 8192};

	(void)state;
	tree_finish(t);
	assert_fails(write_image(t, &o, IMAGE, NULL), "block size 8192");
	o = (struct ext2_options){.size = 17ULL << 40};
	assert_fails(write_image(t, &o, IMAGE, NULL), "2^32 blocks");
	o = (struct ext2_options){.size = UINT64_MAX};
	assert_fails(write_image(t, &o, IMAGE, NULL), "2^32 blocks");
	o = (struct ext2_options){.block_size = 1024, .size = 4095ULL << 30};
	assert_fails(write_image(t, &o, IMAGE, NULL), "use larger blocks");
	o = (struct ext2_options){.free_blocks = UINT64_MAX};
	assert_fails(write_image(t, &o, IMAGE, NULL), "free");
	o = (struct ext2_options){.free_inodes = UINT32_MAX};
	assert_fails(write_image(t, &o, IMAGE, NULL), "more than an ext2 image can have");
}

/* In groups 1 and powers of 3, 5 and 7; each says where it is and is the first
 * otherwise. */
static void superblocks_have_copies(void **state)
{
	static const uint32_t groups[] = {1, 3, 5, 7, 9, 25};
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	struct ext2_options o = {.block_size = 1024, .size = 300 << 20};
	struct reader r;
	uint8_t copy[1024];

	(void)state;
	require_e2fsprogs();
	add_bytes(t, "/file", 1000);
	make_image(t, &o, NULL);
	reader_open(&r, IMAGE, t);
	const uint8_t *first = reader_block(&r, 1);
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		uint32_t at = groups[i] * 8192 + 1;
		memcpy(copy, reader_block(&r, at), 1024);
		assert_int_equal(get16(copy + 90), groups[i]);
		copy[90] = 0;
		assert_memory_equal(copy, first, 1024);
		/* 37 group descriptors in two blocks. */
		assert_memory_equal(reader_block(&r, at + 1), reader_block(&r, 2), 2048);
	}
	reader_close(&r);
	CLEANUP_STRBUF struct strbuf out = {0};
	assert_int_equal(
		RUN_OUTPUT(&out, "e2fsck", "-fn", "-b", "73729", "-B", "1024", IMAGE), 0);
}

/* Three terabytes of data: only planned, and looked at as they would lie on the disk. */
static void files_of_terabytes_need_wider_counts(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	const uint64_t size = 3ULL << 40, maps = 1 + 1024 + 1024 * 1024;
	struct ext2_plan *p;
	struct disk_inode d;
	struct disk_super super;

	(void)state;
	add_bytes(t, "/file", 1);
	struct tree_inode *file = tree_lookup(t, "/file");
	tree_finish(t);
	assert_ok(ext2_plan_new(t, &ext2_defaults, &p, &err));
	super_encode(p, 0, &super);
	assert_int_equal(le32toh(super.feature_ro_compat) & 8, 0);
	ext2_plan_free(p);

	file->size = size;
	file->content = TREE_CONTENT_FILE;
	assert_ok(ext2_plan_new(t, &ext2_defaults, &p, &err));
	super_encode(p, 0, &super);
	assert_int_equal(le32toh(super.feature_ro_compat) & 8, 8);
	inode_encode(p, file, &d);
	uint64_t sectors = le32toh(d.blocks) | (uint64_t)le16toh(d.blocks_high) << 32;
	assert_true(sectors > (size + size / 1024) / 512);
	assert_true(sectors < size / 512 + maps * 8);
	assert_int_equal(le32toh(d.size) | (uint64_t)le32toh(d.size_high) << 32, size);
	ext2_plan_free(p);
}

/* Groups cover the image without gaps, and data numbers cover all that is not theirs. */
static void check_layout(const struct layout *l)
{
	uint32_t data = 0, run;

	for (uint32_t g = 0; g < l->groups; g++) {
		uint32_t start = layout_group_start(l, g),
			 blocks = layout_group_blocks(l, g);
		uint32_t tables = layout_overhead(l, g);
		assert_true(blocks > tables);
		assert_int_equal(layout_group_of(l, start), g);
		assert_int_equal(layout_address(l, data, &run), start + tables);
		assert_int_equal(run, blocks - tables);
		assert_int_equal(
			layout_inode_table(l, g) + l->table_blocks, start + tables);
		data += run;
		assert_int_equal(layout_address(l, data - 1, &run), start + blocks - 1);
		assert_int_equal(run, 1);
	}
	assert_int_equal(layout_data_blocks(l), data);
	assert_int_equal(layout_group_start(l, l->groups - 1) +
			layout_group_blocks(l, l->groups - 1),
		l->blocks);
}

static void geometry_holds_what_is_demanded(void **state)
{
	static const uint64_t blocks[] = {
		2, 100, 7000, 32000, 32768, 100000, 3000000, 200000000};
	static const uint64_t inodes[] = {11, 12, 1000, 32768, 32769, 1000000, 50000000};

	(void)state;
	for (uint32_t bs = 1024; bs <= 4096; bs *= 2)
		for (size_t b = 0; b < ARRAY_SIZE(blocks); b++)
			for (size_t i = 0; i < ARRAY_SIZE(inodes); i++) {
				struct layout_demand d = {.block_size = bs,
					.data_blocks = blocks[b],
					.inodes = inodes[i]};
				struct layout l;
				assert_ok(layout_init(&l, &d, &err));
				check_layout(&l);
				assert_true(layout_data_blocks(&l) >= blocks[b]);
				assert_true(layout_inodes(&l) >= inodes[i]);
				layout_done(&l);
			}
}

static void sixteen_terabytes_less_a_block(void **state)
{
	struct layout_demand d = {.block_size = 4096,
		.size = (1ULL << 44) - 4096,
		.data_blocks = 10,
		.inodes = 11};
	struct layout l;

	(void)state;
	assert_ok(layout_init(&l, &d, &err));
	check_layout(&l);
	assert_int_equal(l.blocks, UINT32_MAX);
	layout_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(the_smallest_has_next_to_nothing_free),
		scratch_test(room_is_left_when_asked_for),
		scratch_test(every_size_around_a_group_boundary),
		scratch_test(large_images_are_mostly_holes),
		scratch_test(many_small_inodes_do_not_blow_up_the_image),
		scratch_test(too_small_says_how_much_is_needed),
		scratch_test(impossible_options_are_refused),
		scratch_test(superblocks_have_copies),
		scratch_test(files_of_terabytes_need_wider_counts),
		cmocka_unit_test(geometry_holds_what_is_demanded),
		cmocka_unit_test(sixteen_terabytes_less_a_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
