/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random trees, with all that a tree can hold, as images of random shapes: e2fsck finds
 * nothing and every byte is read back. HYPERMIN_TEST_TREES is how many (2000),
 * HYPERMIN_TEST_SEED the first one's number; a failure says the number of its tree.
 */
#include "test-ext2-maker.h"
#include "test-ext2-reader.h"

static void check_tree(uint64_t number)
{
	struct ext2_options o;
	struct maker m;

	entropy.number = number * 0x2545f4914f6cdd1d;
	maker_init(&m, &o);
	uint64_t n = random_size(one_in(10) ? 2000 : 200);
	for (uint64_t i = 0; i < n; i++)
		add_random(&m, o.block_size);
	if (one_in(5))
		add_sparse_file(&m, o.block_size);
	if (one_in(5))
		add_host_files(&m, o.block_size);
	make_image(m.t, &o, NULL);
	assert_image_holds(IMAGE, m.t);
	maker_done(&m);
	assert_int_equal(RUN("rm", "-rf", "in"), 0);
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *value = getenv(variable);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

static uint64_t current;

static void random_trees_come_back(void **state)
{
	uint64_t n = number_from("HYPERMIN_TEST_TREES", 2000);

	(void)state;
	require_e2fsprogs();
	current = number_from("HYPERMIN_TEST_SEED", 1);
	for (uint64_t end = current + n; current < end; current++)
		check_tree(current);
}

static int say_which(void **state)
{
	print_message("HYPERMIN_TEST_SEED=%" PRIu64 " was the last tree\n", current);
	return scratch_leave(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			random_trees_come_back, scratch_enter, say_which),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
