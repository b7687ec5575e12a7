/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files become a VM's disks: an image's content never decides its format, as a
 * guest may have written it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/printable.h"
#include "fixture-root.h"
#include "vm/disk.h"

static struct fixture_root root;

static int setup(void **state)
{
	(void)state;
	fixture_root_init(&root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_root_done(&root);
	return 0;
}

static void assert_taken(
	const char *name, const char *format, bool writable, const char *driver)
{
	CLEANUP_FREE char *path = fixture_root_place(&root, name);
	CLEANUP(vm_disk_done) struct vm_disk disk = {0};
	struct error err;

	if (vm_disk_init(&disk, path, format, writable, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(disk.path, path);
	assert_string_equal(disk.format, driver);
	assert_int_equal(disk.writable, writable);
	assert_false(disk.block_device);
}

static void assert_refused(const char *name, const char *format, const char *why)
{
	CLEANUP_FREE char *path = fixture_root_place(&root, name);
	struct vm_disk disk = {0};
	struct error err;

	assert_int_equal(vm_disk_init(&disk, path, format, false, &err), -1);
	assert_null(disk.path);
	CLEANUP_FREE char *shown = printable_dup(name);
	if (!strstr(err.msg, why) || !strstr(err.msg, shown))
		fail_msg("expected '%s', got '%s'", why, err.msg);
}

static const struct {
	const char *format, *magic;
	size_t len, at;
} formats[] = {
	{"qcow2", "QFI\xfb", 4, 0},
	{"qed", "QED\0", 4, 0},
	{"vmdk", "KDMV", 4, 0},
	{"vdi", "\x7f\x10\xda\xbe", 4, 64},
	{"vhdx", "vhdxfile", 8, 0},
	{"vpc", "conectix", 8, 0},
};

static void content_is_raw_unless_it_looks_like_something_else(void **state)
{
	(void)state;
	fixture_root_write(&root, "plain", "some bytes");
	assert_taken("plain", NULL, false, "raw");
	assert_taken("plain", NULL, true, "raw");
	assert_taken("plain", "raw", false, "raw");
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		char image[512] = {0};
		memcpy(image + formats[i].at, formats[i].magic, formats[i].len);
		fixture_root_write_bytes(&root, "image", image, sizeof(image));
		assert_refused("image", NULL, "it looks like");
		assert_taken("image", formats[i].format, false, formats[i].format);
		/* Whoever says raw means it. */
		assert_taken("image", "raw", true, "raw");
	}
}

static void a_format_that_is_not_the_images_is_refused(void **state)
{
	(void)state;
	fixture_root_write(&root, "plain", "some bytes");
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		assert_refused("plain", formats[i].format, "it is not in");
	assert_refused("plain", "nbd", "is not a format that hypermin knows");
	assert_refused("plain", "RAW", "is not a format that hypermin knows");
	assert_refused("plain", "", "is not a format that hypermin knows");
}

static void what_is_no_disk_is_refused(void **state)
{
	CLEANUP_FREE char *fifo = fixture_root_place(&root, "fifo");

	(void)state;
	assert_refused("absent", NULL, "No such file");
	assert_refused("", NULL, "Is a directory");
	fixture_root_write(&root, "empty", "");
	assert_refused("empty", NULL, "the file is empty");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_refused("fifo", NULL, "neither a file nor a block device");
	fixture_root_link(&root, "dangling", "/nonexistent");
	assert_refused("dangling", NULL, "No such file");
}

static void a_name_that_qemu_can_not_be_told_is_refused(void **state)
{
	(void)state;
	fixture_root_write(&root, "b\xe9zier", "bytes");
	assert_refused("b\xe9zier", NULL, "UTF-8");
	fixture_root_write(&root, "b\xc3\xa9zier, =\"", "bytes");
	assert_taken("b\xc3\xa9zier, =\"", NULL, false, "raw");
	/* The file's name counts, not the link's. */
	fixture_root_link(&root, "link", "b\xe9zier");
	assert_refused("link", NULL, "UTF-8");
}

static void a_link_is_followed(void **state)
{
	CLEANUP_FREE char *link = fixture_root_place(&root, "link");
	CLEANUP_FREE char *target = fixture_root_place(&root, "target");
	CLEANUP(vm_disk_done) struct vm_disk disk = {0};
	struct error err;

	(void)state;
	fixture_root_write(&root, "target", "bytes");
	fixture_root_link(&root, "link", "target");
	assert_int_equal(vm_disk_init(&disk, link, NULL, false, &err), 0);
	assert_string_equal(disk.path, target);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(content_is_raw_unless_it_looks_like_something_else),
		TEST(a_format_that_is_not_the_images_is_refused),
		TEST(what_is_no_disk_is_refused),
		TEST(a_name_that_qemu_can_not_be_told_is_refused),
		TEST(a_link_is_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
