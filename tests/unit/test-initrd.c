/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The initrd, read back: the kernel finds the right files in it, and it has the same bytes
 * each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/io.h"
#include "base/strbuf.h"
#include "initrd/initrd.h"

static const uint8_t init_program[] = "\x7f"
				      "ELF and so on";

static const struct initrd_module modules[] = {
	{"virtio_ring", (const uint8_t *)"ring", 4},
	{"virtio", (const uint8_t *)"virtio", 6},
};

static struct strbuf write_initrd(const struct initrd_module *list, size_t n)
{
	CLEANUP_CLOSE int fd = memfd_create("initrd", MFD_CLOEXEC);
	struct strbuf sb = {0};
	struct error err;

	if (initrd_write(fd, init_program, sizeof(init_program), list, n, false, &err) <
		0)
		fail_msg("%s", err.msg);
	sb.len = sb.cap = lseek(fd, 0, SEEK_END);
	sb.data = xmalloc(sb.len);
	assert_int_equal(io_pread_full(fd, sb.data, sb.len, 0), sb.len);
	return sb;
}

/* A line for each entry: path, mode, size; the device's number behind one. */
static char *listing(const struct strbuf *initrd)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	struct strbuf sb = {0};
	int r;

	archive_read_support_format_cpio(a);
	assert_int_equal(
		archive_read_open_memory(a, initrd->data, initrd->len), ARCHIVE_OK);
	while ((r = archive_read_next_header(a, &e)) == ARCHIVE_OK) {
		assert_int_equal(archive_entry_uid(e) + archive_entry_gid(e), 0);
		assert_int_equal(archive_entry_mtime(e), 0);
		strbuf_addf(&sb, "%s %o %d", archive_entry_pathname(e),
			archive_entry_mode(e), (int)archive_entry_size(e));
		if (archive_entry_filetype(e) == AE_IFCHR)
			strbuf_addf(&sb, " %d:%d", (int)archive_entry_rdevmajor(e),
				(int)archive_entry_rdevminor(e));
		strbuf_addc(&sb, '\n');
	}
	assert_int_equal(r, ARCHIVE_EOF);
	archive_read_free(a);
	return strbuf_detach(&sb);
}

static void holds_what_the_kernel_and_init_look_for(void **state)
{
	CLEANUP_STRBUF struct strbuf initrd = write_initrd(modules, ARRAY_SIZE(modules));
	CLEANUP_FREE char *got = listing(&initrd);

	(void)state;
	assert_string_equal(got,
		"dev 40755 0\n"
		"modules 40755 0\n"
		"modules-later 40755 0\n"
		"proc 40755 0\n"
		"sys 40755 0\n"
		"dev/console 20600 0 5:1\n"
		"init 100755 15\n"
		"modules/000-virtio_ring.ko 100644 4\n"
		"modules/001-virtio.ko 100644 6\n");
	/* The form that the kernel knows. */
	assert_memory_equal(initrd.data, "070701", 6);
	assert_non_null(
		memmem(initrd.data, initrd.len, init_program, sizeof(init_program)));
}

static void without_modules_it_is_whole_too(void **state)
{
	CLEANUP_STRBUF struct strbuf initrd = write_initrd(NULL, 0);
	CLEANUP_FREE char *got = listing(&initrd);

	(void)state;
	assert_non_null(strstr(got, "init 100755 15\n"));
}

static void the_same_input_gives_the_same_bytes(void **state)
{
	CLEANUP_STRBUF struct strbuf a = write_initrd(modules, ARRAY_SIZE(modules));
	CLEANUP_STRBUF struct strbuf b = write_initrd(modules, ARRAY_SIZE(modules));

	(void)state;
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
}

static void a_full_disk_is_an_error(void **state)
{
	CLEANUP_CLOSE int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct error err = {0};

	(void)state;
	assert_int_equal(initrd_write(fd, init_program, sizeof(init_program), NULL, 0,
				 false, &err),
		-1);
	assert_non_null(strstr(err.msg, "initrd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_what_the_kernel_and_init_look_for),
		cmocka_unit_test(without_modules_it_is_whole_too),
		cmocka_unit_test(the_same_input_gives_the_same_bytes),
		cmocka_unit_test(a_full_disk_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
