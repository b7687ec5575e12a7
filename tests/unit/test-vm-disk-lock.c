/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Locks on disks: what excludes what, in one run, between two, and with a qemu. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture-root.h"
#include "vm/disk-lock.h"

static struct fixture_root root;
static char *image, *other;

static int setup(void **state)
{
	(void)state;
	fixture_root_init(&root);
	fixture_root_write(&root, "image", "content");
	fixture_root_write(&root, "other", "content");
	image = fixture_root_place(&root, "image");
	other = fixture_root_place(&root, "other");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(image);
	free(other);
	fixture_root_done(&root);
	return 0;
}

static struct vm_disk disk(const char *path, const char *format, bool writable)
{
	return (struct vm_disk){
		.path = (char *)path, .format = (char *)format, .writable = writable};
}

/* Two VMs. */
static int take_both(struct vm_disk a, struct vm_disk b, struct error *err)
{
	struct disk_lock first, second;

	assert_int_equal(disk_locks_take(&a, 1, &first, err), 0);
	int result = disk_locks_take(&b, 1, &second, err);
	if (result == 0)
		disk_locks_done(&second, 1);
	disk_locks_done(&first, 1);
	return result;
}

/* One VM. */
static int take_twice(struct vm_disk a, struct vm_disk b, struct error *err)
{
	const struct vm_disk disks[] = {a, b};
	struct disk_lock locks[2];

	int result = disk_locks_take(disks, 2, locks, err);
	if (result == 0)
		disk_locks_done(locks, 2);
	return result;
}

static void readers_share_and_a_writer_is_alone(void **state)
{
	struct error err;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct vm_disk a = disk(image, "raw", i & 1);
		struct vm_disk b = disk(image, "raw", i & 2);
		int expected = i == 0 ? 0 : -1;

		assert_int_equal(take_both(a, b, &err), expected);
		if (expected < 0)
			assert_non_null(strstr(err.msg, "in use by another process"));
		assert_int_equal(take_twice(a, b, &err), expected);
		if (expected < 0)
			assert_non_null(strstr(err.msg, "they are one file"));
		b.path = other;
		assert_int_equal(take_both(a, b, &err), 0);
		assert_int_equal(take_twice(a, b, &err), 0);
	}
}

static void a_file_is_one_by_whatever_name(void **state)
{
	CLEANUP_FREE char *hard = fixture_root_place(&root, "hard");
	CLEANUP_FREE char *soft = fixture_root_place(&root, "soft");
	struct error err;

	(void)state;
	assert_int_equal(link(image, hard), 0);
	assert_int_equal(symlink("image", soft), 0);
	assert_int_equal(
		take_twice(disk(image, "raw", true), disk(hard, "raw", false), &err), -1);
	assert_int_equal(
		take_both(disk(soft, "raw", false), disk(hard, "raw", true), &err), -1);
	assert_int_equal(
		take_twice(disk(soft, "raw", false), disk(hard, "raw", false), &err), 0);
}

static bool is_locked(int byte)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	CLEANUP_CLOSE int fd = open(image, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_GETLK, &lock), 0);
	return lock.l_type != F_UNLCK;
}

static void assert_locked(struct vm_disk d, const char *expected)
{
	CLEANUP_STRBUF struct strbuf bytes = {0};
	struct disk_lock lock;
	struct error err;

	assert_int_equal(disk_locks_take(&d, 1, &lock, &err), 0);
	for (int byte = 0; byte < 300; byte++)
		if (is_locked(byte))
			strbuf_addf(&bytes, "%d ", byte);
	assert_string_equal(bytes.data, expected);
	disk_locks_done(&lock, 1);
	assert_false(is_locked(100));
}

/* As /proc/locks shows them of a qemu that has booted. */
static void the_locks_are_those_of_qemu(void **state)
{
	(void)state;
	assert_locked(disk(image, "raw", false), "100 201 ");
	assert_locked(disk(image, "raw", true), "100 101 201 ");
	assert_locked(disk(image, "qcow2", false), "100 201 203 ");
	assert_locked(disk(image, "qcow2", true), "100 101 103 201 203 ");
}

/* Each byte by which another qemu says what it does, or forbids. */
static void what_another_process_has_locked_is_respected(void **state)
{
	static const struct {
		int byte;
		bool reader_may, writer_may;
	} rows[] = {{100, true, true}, {101, false, false}, {200, false, false},
		{201, true, false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct flock lock = {.l_type = F_RDLCK,
			.l_whence = SEEK_SET,
			.l_start = rows[i].byte,
			.l_len = 1};
		struct vm_disk reader = disk(image, "raw", false);
		struct vm_disk writer = disk(image, "raw", true);
		struct disk_lock taken;
		struct error err;

		CLEANUP_CLOSE int fd = open(image, O_RDWR | O_CLOEXEC);
		assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
		int result = disk_locks_take(&reader, 1, &taken, &err);
		assert_int_equal(result, rows[i].reader_may ? 0 : -1);
		if (result == 0)
			disk_locks_done(&taken, 1);
		result = disk_locks_take(&writer, 1, &taken, &err);
		assert_int_equal(result, rows[i].writer_may ? 0 : -1);
		if (result == 0)
			disk_locks_done(&taken, 1);
	}
}

/* qemu inherits the open file. */
static void a_lock_lasts_as_long_as_the_open_file(void **state)
{
	struct vm_disk writer = disk(image, "raw", true);
	struct disk_lock lock, second;
	struct error err;

	(void)state;
	assert_int_equal(disk_locks_take(&writer, 1, &lock, &err), 0);
	int inherited = dup(lock.fd);
	disk_locks_done(&lock, 1);
	assert_int_equal(disk_locks_take(&writer, 1, &second, &err), -1);
	close(inherited);
	assert_int_equal(disk_locks_take(&writer, 1, &second, &err), 0);
	disk_locks_done(&second, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_share_and_a_writer_is_alone),
		cmocka_unit_test(a_file_is_one_by_whatever_name),
		cmocka_unit_test(the_locks_are_those_of_qemu),
		cmocka_unit_test(what_another_process_has_locked_is_respected),
		cmocka_unit_test(a_lock_lasts_as_long_as_the_open_file),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
