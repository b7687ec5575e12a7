/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A directory that is replaced: whole or not at all, and nothing is left beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/directory.h"
#include "base/replace.h"
#include "base/vector.h"
#include "fixture-root.h"

/* What the file system says of locks; 0: it has them. */
static int flock_errno;

/* Instead of the C library's. */
int flock(int fd, int operation)
{
	if (!flock_errno)
		return syscall(SYS_flock, fd, operation);
	errno = flock_errno;
	return -1;
}

static int setup(void **state)
{
	flock_errno = 0;
	return fixture_root_setup(state);
}

/* The names in the root, one behind another. */
static char *names_in(const struct fixture_root *root)
{
	CLEANUP_STRVEC struct strvec names = {0};
	CLEANUP_CLOSEDIR DIR *dir = opendir(root->path);
	char *all = xstrdup("");

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			strvec_add(&names, entry->d_name);
	strvec_sort(&names);
	vector_foreach (name, &names) {
		CLEANUP_FREE char *before = all;
		all = xasprintf("%s%s%s", before, *before ? " " : "", *name);
	}
	return all;
}

static void expect_names(const struct fixture_root *root, const char *expected)
{
	CLEANUP_FREE char *names = names_in(root);

	assert_string_equal(names, expected);
}

static bool exists(const struct fixture_root *root, const char *path)
{
	CLEANUP_FREE char *full = xasprintf("%s/%s", root->path, path);

	return access(full, F_OK) == 0;
}

/* Replace "out" by a directory with one file, of that name. */
static void replace(const struct fixture_root *root, const char *file)
{
	CLEANUP_FREE char *path = xasprintf("%s/out", root->path);
	struct replacement r;
	struct error err;

	if (replacement_begin(path, &r, &err) < 0)
		fail_msg("%s", err.msg);
	int fd = openat(r.fd, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(replacement_publish(&r, &err), 0);
	replacement_done(&r);
}

static void the_new_one_takes_the_place_of_the_old_one(void **state)
{
	const struct fixture_root *root = *state;

	replace(root, "old");
	assert_true(exists(root, "out/old"));
	replace(root, "new");
	assert_true(exists(root, "out/new"));
	assert_false(exists(root, "out/old"));
	expect_names(root, "out");
}

static void what_is_not_published_is_gone(void **state)
{
	const struct fixture_root *root = *state;
	CLEANUP_FREE char *path = xasprintf("%s/out", root->path);
	struct replacement r;
	struct error err;

	replace(root, "old");
	assert_int_equal(replacement_begin(path, &r, &err), 0);
	replacement_done(&r);
	assert_true(exists(root, "out/old"));
	expect_names(root, "out");
}

static void what_a_killed_maker_left_is_removed_and_what_is_in_use_stays(void **state)
{
	const struct fixture_root *root = *state;
	CLEANUP_FREE char *path = xasprintf("%s/out", root->path);
	struct replacement other;
	struct error err;

	fixture_root_write(root, "out.making-left00/root", "half of it");
	assert_int_equal(replacement_begin(path, &other, &err), 0);
	assert_false(exists(root, "out.making-left00"));
	replace(root, "new");
	assert_int_equal(access(other.temporary, F_OK), 0);
	replacement_done(&other);
	expect_names(root, "out");
}

/* NFS, say, takes an exclusive lock only on what is open for writing, which a directory
 * never is. */
static void a_file_system_without_locks_will_do(void **state)
{
	static const int numbers[] = {EBADF, ENOLCK, EOPNOTSUPP, ENOSYS};
	const struct fixture_root *root = *state;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		flock_errno = numbers[i];
		replace(root, i % 2 ? "odd" : "even");
		assert_true(exists(root, i % 2 ? "out/odd" : "out/even"));
		expect_names(root, "out");
	}
}

/* There only its age tells what was left from what is being made. */
static void without_locks_what_is_a_day_old_is_removed(void **state)
{
	const struct fixture_root *root = *state;
	CLEANUP_FREE char *old = xasprintf("%s/out.making-old000", root->path);
	const struct timespec day_ago = {.tv_sec = time(NULL) - 25 * 60 * 60};
	const struct timespec times[] = {day_ago, day_ago};

	fixture_root_write(root, "out.making-young0/root", "");
	fixture_root_write(root, "out.making-old000/root", "");
	assert_int_equal(utimensat(AT_FDCWD, old, times, 0), 0);
	flock_errno = ENOLCK;
	replace(root, "new");
	expect_names(root, "out out.making-young0");
}

static void nothing_is_left_where_it_can_not_be_locked(void **state)
{
	const struct fixture_root *root = *state;
	CLEANUP_FREE char *path = xasprintf("%s/out", root->path);
	struct replacement r;
	struct error err;

	/* As if another took each of them for abandoned. */
	flock_errno = EWOULDBLOCK;
	assert_int_equal(replacement_begin(path, &r, &err), -1);
	expect_names(root, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_root_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_new_one_takes_the_place_of_the_old_one),
		TEST(what_is_not_published_is_gone),
		TEST(what_a_killed_maker_left_is_removed_and_what_is_in_use_stays),
		TEST(a_file_system_without_locks_will_do),
		TEST(without_locks_what_is_a_day_old_is_removed),
		TEST(nothing_is_left_where_it_can_not_be_locked),
	};
	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
