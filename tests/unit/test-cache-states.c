/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saved states are the user's: kept whole, under one name, until the user removes them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/directory.h"
#include "base/io.h"
#include "cache/collect.h"
#include "cache/manifest.h"
#include "cache/states.h"
#include "fixture-cache.h"

static struct error err;

static void add(int dir_fd, const char *name, const char *text, off_t size)
{
	CLEANUP_CLOSE int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_int_equal(io_pwrite_full(fd, text, strlen(text), 0), 0);
	assert_int_equal(ftruncate(fd, size), 0);
}

/* Its disk ends within a page, and is mostly a hole. */
static int publish(const struct fixture *f, const char *name)
{
	CLEANUP_DRAFT struct draft d = {.fd = -1};
	CLEANUP_JSON json_t *manifest = manifest_new("state", name);
	CLEANUP_CLOSE int ram = open(f->root.path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	CLEANUP_CLOSE int state =
		open(f->root.path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_int_equal(io_pwrite_full(ram, "page", 4, 8192), 0);
	assert_int_equal(ftruncate(ram, 65536), 0);
	assert_int_equal(io_pwrite_full(state, "state", 5, 0), 0);
	assert_int_equal(draft_open(&f->cache, &d, &err), 0);
	add(d.fd, "root", "root", 4096);
	add(d.fd, "disk0", "disk", 1000512);
	return states_publish(
		&d, name, &(struct snapshot_files){ram, state}, manifest, &err);
}

static int use(const struct fixture *f, const char *name, const char *file)
{
	CLEANUP(state_done) struct state s = STATE_INIT;

	if (states_open(&f->cache, name, &s, &err) < 0)
		return -1;
	CLEANUP_FREE char *path = state_file(&s, file);
	assert_int_equal(access(path, R_OK), 0);
	return 0;
}

static void change(const struct fixture *f, const char *name, const char *file)
{
	CLEANUP_FREE char *path = xasprintf("%s/states/%s/%s", f->cache.path, name, file);
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(io_pwrite_full(fd, "X", 1, 0), 0);
	const struct timespec times[] = {st.st_atim, st.st_mtim};
	assert_int_equal(futimens(fd, times), 0);
}

static void it_is_found_by_its_name(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(use(f, "one", "ram"), -1);
	assert_int_equal(err.num, ENOENT);
	assert_int_equal(publish(f, "one"), 0);
	assert_true(states_has(&f->cache, "one"));
	assert_int_equal(use(f, "one", "ram"), 0);
	assert_int_equal(use(f, "one", "state"), 0);
	assert_int_equal(use(f, "one", "root"), 0);
	assert_int_equal(use(f, "one", "disk0"), 0);
	assert_false(states_has(&f->cache, "../states/one"));
}

static void the_first_of_a_name_stays(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(publish(f, "one"), 0);
	assert_int_equal(publish(f, "one"), -1);
	assert_int_equal(err.num, EEXIST);
	assert_int_equal(use(f, "one", "ram"), 0);
}

static void what_was_changed_is_not_used_and_not_lost(void **state)
{
	static const char *const files[] = {"ram", "disk0"};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		assert_int_equal(publish(f, files[i]), 0);
		change(f, files[i], files[i]);
		assert_int_equal(use(f, files[i], "root"), -1);
		assert_non_null(strstr(err.msg, files[i]));
		assert_true(states_has(&f->cache, files[i]));
	}
}

static void only_who_asks_for_it_removes_one(void **state)
{
	const struct fixture *f = *state;
	struct state s = STATE_INIT;

	assert_int_equal(publish(f, "one"), 0);
	cache_collect(&f->cache, &(struct collect_limits){.everything = true, .bytes = 1},
		NULL, NULL);
	assert_int_equal(states_open(&f->cache, "one", &s, &err), 0);
	assert_int_equal(states_remove(&f->cache, "one", &err), -1);
	assert_int_equal(err.num, EBUSY);
	state_done(&s);
	assert_int_equal(states_remove(&f->cache, "one", &err), 0);
	assert_false(states_has(&f->cache, "one"));
	assert_int_equal(states_remove(&f->cache, "one", &err), -1);
	assert_int_equal(err.num, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_found_by_its_name, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_first_of_a_name_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_was_changed_is_not_used_and_not_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(
			only_who_asks_for_it_removes_one, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
