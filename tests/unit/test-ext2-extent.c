/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image that is read from its plan has the bytes that a written one has, from whatever offset
 * on: random trees as in test-ext2-random.c, and directories and files whose metadata fill
 * several windows.
 */
#include "test-ext2-maker.h"

#include <sys/mman.h>

struct image {
	const struct ext2_plan *plan;
	struct ext2_metadata *metadata;
	/* The written one, mapped. */
	const uint8_t *bytes;
	uint64_t size;
};

static void check_content(const struct image *i, const struct ext2_extent *e, uint64_t at)
{
	uint8_t buffer[64 * 1024];
	CLEANUP_CLOSE int fd = -1;
	uint64_t offset;

	assert_true(e->offset + e->len <= e->file->size);
	if (e->file->content == TREE_CONTENT_MEMORY) {
		const uint8_t *memory = tree_content_memory(e->file);
		assert_memory_equal(memory + e->offset, i->bytes + at, e->len);
		return;
	}
	assert_ok(tree_content_open(e->file, &fd, &offset, &err));
	for (uint64_t done = 0; done < e->len; done += sizeof(buffer)) {
		size_t n = MIN(e->len - done, sizeof(buffer));
		assert_int_equal(
			io_pread_full(fd, buffer, n, offset + e->offset + done), n);
		assert_memory_equal(buffer, i->bytes + at + done, n);
	}
}

static void check_metadata(
	const struct image *i, const struct ext2_extent *e, uint64_t at)
{
	_Alignas(uint64_t) uint8_t block[4096];
	struct ext2_summary s;

	ext2_plan_summary(i->plan, &s);
	uint64_t size = s.block_size;
	for (uint64_t end = at + e->len; at < end;) {
		uint64_t skip = at % size, n = MIN(size - skip, end - at);
		ext2_metadata_read(i->metadata, at / size, block);
		assert_memory_equal(block + skip, i->bytes + at, n);
		at += n;
	}
}

/* Where a file system keeps holes apart, only those are looked at that the image has. */
static void check_zeros(const struct image *i, const struct ext2_extent *e, uint64_t at)
{
	uint64_t n = MIN(e->len, 1 << 20);

	for (uint64_t k = 0; k < n; k++)
		assert_int_equal(i->bytes[at + k] | i->bytes[at + e->len - 1 - k], 0);
}

/* The extent at the offset; returns its end. */
static uint64_t check_extent(const struct image *i, uint64_t at)
{
	struct ext2_extent e = ext2_extent_at(i->plan, at);

	assert_true(e.len > 0 && e.len <= i->size - at);
	switch (e.kind) {
	case EXT2_CONTENT:
		check_content(i, &e, at);
		break;
	case EXT2_METADATA:
		check_metadata(i, &e, at);
		break;
	case EXT2_ZEROS:
		check_zeros(i, &e, at);
		break;
	}
	return at + e.len;
}

static void check_image(struct tree *t, const struct ext2_options *options)
{
	CLEANUP_CLOSE int fd = open(IMAGE, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
	struct ext2_plan *plan;
	struct ext2_summary s;

	tree_finish(t);
	assert_ok(ext2_plan_new(t, options, &plan, &err));
	assert_ok(ext2_emit(plan, fd, NULL, NULL, &err));
	ext2_plan_summary(plan, &s);
	struct image i = {.plan = plan,
		.metadata = ext2_metadata_new(plan),
		.bytes = mmap(NULL, s.size, PROT_READ, MAP_SHARED, fd, 0),
		.size = s.size};
	assert_true(i.bytes != MAP_FAILED);
	for (uint64_t at = 0; at < i.size;)
		at = check_extent(&i, at);
	for (int n = 0; n < 50; n++)
		check_extent(&i, random_number() % i.size);
	munmap((void *)i.bytes, i.size);
	ext2_metadata_free(i.metadata);
	ext2_plan_free(plan);
}

static void random_trees(void **state)
{
	(void)state;
	for (uint64_t number = 1; number <= 300; number++) {
		struct ext2_options o;
		struct maker m;

		entropy.number = number * 0x2545f4914f6cdd1d;
		maker_init(&m, &o);
		for (uint64_t i = random_size(one_in(10) ? 2000 : 200); i > 0; i--)
			add_random(&m, o.block_size);
		if (one_in(5))
			add_host_files(&m, o.block_size);
		check_image(m.t, &o);
		maker_done(&m);
		assert_int_equal(RUN("rm", "-rf", "in"), 0);
	}
}

/* 40,000 long names are ten windows. */
static void a_large_directory_between_small_ones(void **state)
{
	const struct ext2_options options = {.block_size = 1024};
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	for (int i = 0; i < 40000; i++) {
		CLEANUP_FREE char *name =
			xasprintf("/%s/%060d", i % 100 ? "large" : "small", i);
		add_text(t, name, i % 1000 ? "" : "some text");
	}
	check_image(t, &options);
}

/* Of blocks that hold 256 numbers: map blocks by the thousand. */
static void the_maps_of_a_large_file(void **state)
{
	const struct ext2_options options = {.block_size = 1024};
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	CLEANUP_CLOSE int fd = -1;

	(void)state;
	make_dir("in");
	fd = open("in/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	for (uint64_t i = 0; i < 4000; i++)
		assert_int_equal(io_pwrite_full(fd, &i, sizeof(i), i << 20), 0);
	assert_ok(tree_add_directory(t, "in", "/", &err));
	check_image(t, &options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(random_trees),
		scratch_test(a_large_directory_between_small_ones),
		scratch_test(the_maps_of_a_large_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
