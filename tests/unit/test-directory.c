/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A directory is read whole or not at all: if its disk fails, it is not taken for empty. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>

#include "assemble/spec.h"
#include "base/directory.h"
#include "fixture-root.h"

/* So many names can be read before the disk fails; -1: all. */
static int readable;

/* Instead of the C library's; the other name is for 64-bit offsets. */
struct dirent64 *readdir64(DIR *dir)
{
	struct dirent64 *(*real)(DIR *);

	*(void **)&real = dlsym(RTLD_NEXT, "readdir64");
	if (readable == 0) {
		errno = EIO;
		return NULL;
	}
	readable -= readable > 0;
	return real(dir);
}

static int setup(void **state)
{
	readable = -1;
	fixture_root_setup(state);
	fixture_root_write(*state, "in/b", "/b\n");
	fixture_root_write(*state, "in/a", "/a\n");
	fixture_root_write(*state, "in/.c", "/c\n");
	return 0;
}

static void names_are_sorted_and_the_two_dots_are_left_out(void **state)
{
	CLEANUP_FREE char *path = fixture_root_place(*state, "in");
	CLEANUP_STRVEC struct strvec names = {0};

	assert_int_equal(directory_list(AT_FDCWD, path, 0, &names), 0);
	assert_int_equal(names.len, 3);
	assert_string_equal(names.items[0], ".c");
	assert_string_equal(names.items[1], "a");
	assert_string_equal(names.items[2], "b");
}

static void half_of_a_directory_is_none(void **state)
{
	CLEANUP_FREE char *path = fixture_root_place(*state, "in");
	CLEANUP_STRVEC struct strvec names = {0};

	for (int n = 0; n < 5; n++) {
		readable = n;
		assert_int_equal(directory_list(AT_FDCWD, path, 0, &names), -1);
		assert_int_equal(errno, EIO);
		assert_int_equal(names.len, 0);
	}
}

static void a_link_is_followed_if_it_may_be(void **state)
{
	CLEANUP_FREE char *path = fixture_root_place(*state, "link");
	CLEANUP_STRVEC struct strvec names = {0};

	fixture_root_link(*state, "link", "in");
	assert_int_equal(directory_list(AT_FDCWD, path, O_NOFOLLOW, &names), -1);
	assert_int_equal(directory_list(AT_FDCWD, path, 0, &names), 0);
}

/* An appliance without some of its inputs would be built, and kept. */
static void inputs_that_can_not_be_read_are_an_error(void **state)
{
	CLEANUP_FREE char *path = fixture_root_place(*state, "in");
	struct spec spec = {0};
	struct error err;

	readable = 3;
	assert_int_equal(spec_read(&spec, path, &err), -1);
	assert_int_equal(err.num, EIO);
	spec_done(&spec);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_root_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_sorted_and_the_two_dots_are_left_out),
		TEST(half_of_a_directory_is_none),
		TEST(a_link_is_followed_if_it_may_be),
		TEST(inputs_that_can_not_be_read_are_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
