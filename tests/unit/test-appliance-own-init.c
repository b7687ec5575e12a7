/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory with an appliance that was made from inputs may be a stranger's: its parts are
 * files and no links, and its root a file system of ext2.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/appliance.h"
#include "fixture-root.h"

#define ROOT_SIZE 2048

struct made {
	struct fixture_root dir;
	struct error err;
};

/* As much of it as is read: a magic number and the UUID in the superblock. */
static void write_root(struct made *m, const char *magic, size_t len)
{
	CLEANUP_FREE char *path = fixture_root_place(&m->dir, "root");
	char image[ROOT_SIZE] = "";
	FILE *f = fopen(path, "w");

	memcpy(image + 1024 + 56, magic, 2);
	for (int i = 0; i < 16; i++)
		image[1024 + 104 + i] = (char)(0xf0 + i);
	assert_non_null(f);
	assert_int_equal(fwrite(image, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	struct made *m = xcalloc(1, sizeof(*m));

	fixture_root_init(&m->dir);
	fixture_root_write(&m->dir, "kernel", "kernel");
	fixture_root_write(&m->dir, "initrd", "initrd");
	write_root(m, "\x53\xef", ROOT_SIZE);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct made *m = *state;

	fixture_root_done(&m->dir);
	free(m);
	return 0;
}

static int try_open(struct made *m)
{
	struct appliance a = {.lock_fd = -1};

	int result = appliance_open_own_init(m->dir.path, &a, &m->err);
	if (result == 0)
		appliance_done(&a);
	return result;
}

static void put_link(struct made *m, const char *part, const char *to)
{
	CLEANUP_FREE char *path = fixture_root_place(&m->dir, part);

	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(to, path), 0);
}

static void its_root_is_known_by_the_uuid_in_the_superblock(void **state)
{
	struct made *m = *state;
	struct appliance a = {.lock_fd = -1};

	assert_int_equal(appliance_open_own_init(m->dir.path, &a, &m->err), 0);
	assert_string_equal(a.root_uuid, "f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff");
	assert_true(a.own_init);
	for (int i = 0; i < 3; i++)
		assert_true(a.part_fds[i] >= 0);
	appliance_done(&a);
}

static void a_root_that_is_no_ext2_is_refused(void **state)
{
	struct made *m = *state;

	write_root(m, "XF", ROOT_SIZE);
	assert_int_equal(try_open(m), -1);
	assert_non_null(strstr(m->err.msg, "holds no file system of ext2"));
}

static void a_root_that_ends_in_its_superblock_is_refused(void **state)
{
	struct made *m = *state;

	for (size_t len = 0; len < 1024 + 104 + 16; len += 1024 + 58) {
		write_root(m, "\x53\xef", len);
		assert_int_equal(try_open(m), -1);
		assert_non_null(strstr(m->err.msg, "holds no file system of ext2"));
	}
	write_root(m, "\x53\xef", 1024 + 104 + 15);
	assert_int_equal(try_open(m), -1);
	write_root(m, "\x53\xef", 1024 + 104 + 16);
	assert_int_equal(try_open(m), 0);
}

static void a_link_to_the_kernel_says_how_to_build_it(void **state)
{
	struct made *m = *state;

	put_link(m, "kernel", "/boot/vmlinuz");
	assert_int_equal(try_open(m), -1);
	assert_non_null(strstr(m->err.msg, "--copy-kernel"));
}

static void a_link_leads_to_no_other_file(void **state)
{
	static const char *const parts[] = {"initrd", "root"};
	struct made *m = *state;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		put_link(m, parts[i], "/etc/passwd");
		assert_int_equal(try_open(m), -1);
		assert_int_equal(m->err.num, ELOOP);
		assert_non_null(strstr(m->err.msg, parts[i]));
		CLEANUP_FREE char *path = fixture_root_place(&m->dir, parts[i]);
		unlink(path);
		fixture_root_write(&m->dir, parts[i], "a file again");
	}
}

/* A FIFO would be waited for. */
static void a_part_has_to_be_a_file(void **state)
{
	struct made *m = *state;
	CLEANUP_FREE char *path = fixture_root_place(&m->dir, "initrd");

	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(try_open(m), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(try_open(m), -1);
	assert_int_equal(m->err.num, ENOENT);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(its_root_is_known_by_the_uuid_in_the_superblock),
		CASE(a_root_that_is_no_ext2_is_refused),
		CASE(a_root_that_ends_in_its_superblock_is_refused),
		CASE(a_link_to_the_kernel_says_how_to_build_it),
		CASE(a_link_leads_to_no_other_file),
		CASE(a_part_has_to_be_a_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
