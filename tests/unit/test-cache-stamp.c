/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stamp fits until one of its paths changes in a way that counts, whichever path that
 * is. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache/stamp.h"
#include "fixture-root.h"

static bool fits(const struct stamp *stamp)
{
	return stamp_fits(stamp->fields.data, stamp->fields.len);
}

/* What is changed at once after a stamp was begun is not sure to look changed. */
static void let_time_pass(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 30 * 1000 * 1000}, NULL);
}

static char *path_of(const struct fixture_root *r, const char *name)
{
	return xasprintf("%s/%s", r->path, name);
}

static void one_changed_path_of_thousands(void **state)
{
	enum { MANY = 5000 };
	struct fixture_root r;
	char name[16];

	(void)state;
	fixture_root_init(&r);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		fixture_root_write(&r, name, "x");
	}
	let_time_pass();
	for (int changed = 0; changed < MANY; changed += MANY / 7) {
		struct stamp stamp;
		stamp_start(&stamp);
		for (int i = 0; i < MANY; i++) {
			snprintf(name, sizeof(name), "f%d", i);
			CLEANUP_FREE char *path = path_of(&r, name);
			stamp_add_itself(&stamp, path);
		}
		assert_true(fits(&stamp));
		snprintf(name, sizeof(name), "f%d", changed);
		fixture_root_write(&r, name, "y");
		assert_false(fits(&stamp));
		stamp_done(&stamp);
		let_time_pass();
	}
	fixture_root_done(&r);
}

/* The few are looked at first; the many by a thread that the caller waits for. */
static void the_many_are_looked_at_apart(void **state)
{
	enum { MANY = 300 };
	struct fixture_root r;
	struct stamp stamp;
	char name[16];

	(void)state;
	fixture_root_init(&r);
	fixture_root_write(&r, "few", "x");
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		fixture_root_write(&r, name, "x");
	}
	let_time_pass();
	stamp_start(&stamp);
	CLEANUP_FREE char *few = path_of(&r, "few");
	stamp_add(&stamp, few);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		CLEANUP_FREE char *path = path_of(&r, name);
		stamp_add_itself(&stamp, path);
	}
	for (int changed = -1; changed < MANY; changed += MANY / 3) {
		if (changed >= 0) {
			snprintf(name, sizeof(name), "f%d", changed);
			fixture_root_write(&r, name, "y");
		}
		assert_true(stamp_few_fit(stamp.fields.data, stamp.fields.len));
		char *bytes = xmemdup(stamp.fields.data, stamp.fields.len);
		struct stamp_check *check =
			stamp_check_start(bytes, bytes, stamp.fields.len);
		assert_int_equal(stamp_check_end(check), changed < 0);
	}
	fixture_root_write(&r, "few", "y");
	assert_false(stamp_few_fit(stamp.fields.data, stamp.fields.len));
	assert_false(stamp_few_fit(stamp.fields.data, stamp.fields.len - 1));
	/* Cut off within a field. */
	char *cut = xmemdup(stamp.fields.data, stamp.fields.len - 1);
	assert_false(stamp_check_end(stamp_check_start(cut, cut, stamp.fields.len - 1)));
	stamp_done(&stamp);
	fixture_root_done(&r);
}

static void itself_is_not_what_it_leads_to(void **state)
{
	struct stamp alone, both;
	struct fixture_root r;

	(void)state;
	fixture_root_init(&r);
	CLEANUP_FREE char *dir = path_of(&r, "dir"), *link = path_of(&r, "link");
	assert_int_equal(mkdir(dir, 0755), 0);
	fixture_root_link(&r, "link", "target");
	fixture_root_write(&r, "target", "x");
	let_time_pass();
	stamp_start(&alone);
	stamp_start(&both);
	stamp_add_itself(&alone, dir);
	stamp_add_itself(&alone, link);
	stamp_add(&both, link);
	assert_true(fits(&alone) && fits(&both));
	fixture_root_write(&r, "target", "y");
	fixture_root_write(&r, "dir/new", "");
	assert_true(fits(&alone));
	assert_false(fits(&both));
	assert_int_equal(chmod(dir, 0700), 0);
	assert_false(fits(&alone));
	stamp_done(&alone);
	stamp_done(&both);
	fixture_root_done(&r);
}

/* Some overlays give a directory another inode number while nothing has changed: as this
 * one gets by being made anew. */
static void the_number_of_a_directory_does_not_count(void **state)
{
	struct fixture_root r;
	struct stamp stamp;
	struct stat before, after;

	(void)state;
	fixture_root_init(&r);
	CLEANUP_FREE char *dir = path_of(&r, "dir"), *aside = path_of(&r, "aside");
	assert_int_equal(mkdir(dir, 0755), 0);
	stamp_start(&stamp);
	stamp_add_itself(&stamp, dir);
	assert_int_equal(stat(dir, &before), 0);
	assert_int_equal(rename(dir, aside), 0);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(stat(dir, &after), 0);
	assert_true(before.st_ino != after.st_ino);
	assert_true(fits(&stamp));
	assert_int_equal(rmdir(dir), 0);
	fixture_root_write(&r, "dir", "");
	assert_false(fits(&stamp));
	stamp_done(&stamp);
	fixture_root_done(&r);
}

static void what_is_absent_has_to_stay_so(void **state)
{
	struct fixture_root r;
	struct stamp stamp;

	(void)state;
	fixture_root_init(&r);
	CLEANUP_FREE char *path = path_of(&r, "later");
	stamp_start(&stamp);
	stamp_add_itself(&stamp, path);
	assert_true(fits(&stamp));
	fixture_root_write(&r, "later", "");
	assert_false(fits(&stamp));
	stamp_done(&stamp);
	fixture_root_done(&r);
}

static void a_stamp_that_is_cut_off(void **state)
{
	struct fixture_root r;
	struct stamp stamp;

	(void)state;
	fixture_root_init(&r);
	stamp_start(&stamp);
	stamp_add(&stamp, r.path);
	for (size_t len = 1; len < stamp.fields.len; len++)
		assert_false(stamp_fits(stamp.fields.data, len));
	stamp_done(&stamp);
	fixture_root_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_changed_path_of_thousands),
		cmocka_unit_test(the_many_are_looked_at_apart),
		cmocka_unit_test(itself_is_not_what_it_leads_to),
		cmocka_unit_test(the_number_of_a_directory_does_not_count),
		cmocka_unit_test(what_is_absent_has_to_stay_so),
		cmocka_unit_test(a_stamp_that_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
