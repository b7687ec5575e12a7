/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vmlinux is unpacked from a bzImage, and modules from their files, with each kind of
 * compression. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "base/io.h"
#include "fixture-kernel.h"
#include "kernel/kernel.h"

#define ZEROS (100 * 1024 * 1024)

static struct strbuf compress(
	const struct strbuf *plain, int (*add_filter)(struct archive *))
{
	const size_t room = plain->len + 64 * 1024;
	struct strbuf out = {0};
	struct archive_entry *entry = archive_entry_new();
	struct archive *a = archive_write_new();
	size_t used = 0;

	assert_int_equal(add_filter(a), ARCHIVE_OK);
	archive_write_set_format_raw(a);
	archive_write_set_bytes_in_last_block(a, 1);
	archive_write_open_memory(a, strbuf_grow(&out, room), room, &used);
	archive_entry_set_filetype(entry, AE_IFREG);
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, plain->data, plain->len), plain->len);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	archive_entry_free(entry);
	out.len = used;
	return out;
}

/* LZ4's legacy format, as the kernel's build writes it: one block, all of it literals. */
static struct strbuf lz4_legacy(const struct strbuf *plain)
{
	struct strbuf out = {0};
	struct strbuf block = {0};
	size_t left = plain->len - 15;

	assert_true(plain->len > 15);
	strbuf_addc(&block, (char)0xf0);
	for (; left >= 255; left -= 255)
		strbuf_addc(&block, (char)0xff);
	strbuf_addc(&block, (char)left);
	strbuf_add(&block, plain->data, plain->len);

	uint32_t len = htole32(block.len);
	strbuf_add(&out, "\x02\x21\x4c\x18", 4);
	strbuf_add(&out, &len, 4);
	strbuf_add(&out, block.data, block.len);
	strbuf_done(&block);
	return out;
}

static int (*const filters[])(struct archive *) = {
	archive_write_add_filter_gzip,
	archive_write_add_filter_bzip2,
	archive_write_add_filter_xz,
	archive_write_add_filter_lzma,
	archive_write_add_filter_lz4,
	archive_write_add_filter_zstd,
};

/* Extract from this file; NULL if what is expected comes out, else the reason. */
static char *extract(const struct fixture_root *f, const struct strbuf *image,
	const struct strbuf *expected)
{
	CLEANUP_FREE char *path = xasprintf("%s/vmlinuz", f->path);
	CLEANUP_FREE uint8_t *data = NULL;
	char *why = NULL;
	struct error err;
	size_t len;

	fixture_root_write_bytes(f, "vmlinuz", image->data, image->len);
	if (kernel_extract(path, &data, &len, &why, &err) != 0)
		return why;
	assert_int_equal(len, expected->len);
	assert_memory_equal(data, expected->data, len);
	return NULL;
}

/* The same from a bzImage with this payload. */
static char *extract_payload(const struct fixture_root *f, const struct strbuf *payload,
	const struct strbuf *expected)
{
	CLEANUP_STRBUF struct strbuf image =
		fixture_bzimage("6.1.0", payload->data, payload->len);

	return extract(f, &image, expected);
}

static void unpacks_what_kernels_are_packed_by(void **state)
{
	CLEANUP_STRBUF struct strbuf vmlinux = fixture_vmlinux(18);
	CLEANUP_STRBUF struct strbuf legacy = {0};

	/* Longer than a buffer, and not all the same. */
	for (unsigned int i = 0; i < 50000; i++)
		strbuf_addf(&vmlinux, "%x", i * 7919);
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		CLEANUP_STRBUF struct strbuf packed = compress(&vmlinux, filters[i]);
		assert_null(extract_payload(*state, &packed, &vmlinux));
	}
	legacy = lz4_legacy(&vmlinux);
	assert_null(extract_payload(*state, &legacy, &vmlinux));
}

static void assert_why(
	const struct fixture_root *f, const struct strbuf *payload, const char *expected)
{
	CLEANUP_FREE char *why = extract_payload(f, payload, NULL);

	assert_non_null(why);
	if (!strstr(why, expected))
		fail_msg("'%s' does not hold '%s'", why, expected);
}

static void says_why_there_is_nothing_to_extract(void **state)
{
	CLEANUP_STRBUF struct strbuf other = fixture_vmlinux(17);
	CLEANUP_STRBUF struct strbuf packed =
		compress(&other, archive_write_add_filter_gzip);
	CLEANUP_STRBUF struct strbuf unknown = {0};

	assert_why(*state, &packed, "built without CONFIG_PVH");
	packed.len /= 2;
	assert_why(*state, &packed, "unpack gzip");
	/* Zeros shrink to a thousandth. */
	CLEANUP_STRBUF struct strbuf zeros = {0};
	memset(strbuf_grow(&zeros, ZEROS), 0, ZEROS);
	zeros.len = ZEROS;
	CLEANUP_STRBUF struct strbuf bomb =
		compress(&zeros, archive_write_add_filter_gzip);
	assert_why(*state, &bomb, "it unpacks to more than 3");
	strbuf_adds(&unknown, "what is this?");
	assert_why(*state, &unknown, "not compressed in a way that is known");
	strbuf_clear(&unknown);
	strbuf_add(&unknown, "\x89LZO\0\r\n\x1a\n …", 13);
	assert_why(*state, &unknown, "compressed by lzop, which");
}

static void an_arm64_kernel_comes_out_of_what_it_is_in(void **state)
{
	CLEANUP_STRBUF struct strbuf image = fixture_arm64("6.12.0");

	for (unsigned int i = 0; i < 50000; i++)
		strbuf_addf(&image, "%x", i * 7919);
	assert_null(extract(*state, &image, &image));
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		CLEANUP_STRBUF struct strbuf packed = compress(&image, filters[i]);
		CLEANUP_STRBUF struct strbuf zboot =
			fixture_zboot(packed.data, packed.len);
		assert_null(extract(*state, &packed, &image));
		assert_null(extract(*state, &zboot, &image));
	}
}

static void says_why_a_zboot_image_is_booted_as_it_is(void **state)
{
	CLEANUP_STRBUF struct strbuf text = {0};
	CLEANUP_STRBUF struct strbuf unknown = fixture_zboot("payload", 7);

	strbuf_adds(&text, "this is no kernel");
	CLEANUP_STRBUF struct strbuf packed =
		compress(&text, archive_write_add_filter_gzip);
	CLEANUP_STRBUF struct strbuf other = fixture_zboot(packed.data, packed.len);
	CLEANUP_FREE char *why_unknown = extract(*state, &unknown, NULL);
	CLEANUP_FREE char *why_other = extract(*state, &other, NULL);
	CLEANUP_FREE char *why_packed = extract(*state, &packed, NULL);
	assert_string_equal(why_unknown, "not compressed in a way that is known");
	assert_string_equal(why_other, "what is packed in it is no known kind of kernel");
	assert_string_equal(why_packed, why_other);
}

static void an_elf_kernel_is_taken_as_it_is(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_STRBUF struct strbuf vmlinux = fixture_vmlinux(18);
	CLEANUP_FREE char *path = xasprintf("%s/vmlinux", f->path);
	CLEANUP_FREE uint8_t *data = NULL;
	size_t len;

	fixture_root_write_bytes(f, "vmlinux", vmlinux.data, vmlinux.len);
	assert_int_equal(kernel_extract(path, &data, &len, NULL, NULL), 0);
	assert_int_equal(len, vmlinux.len);
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
	struct error err;
	uint8_t *data;
	size_t len;

	(void)state;
	assert_int_equal(
		kernel_extract("/nonexistent/vmlinuz", &data, &len, NULL, &err), -1);
	assert_non_null(strstr(err.msg, "/nonexistent/vmlinuz"));
}

static void modules_come_out_unpacked_and_unsigned(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_FREE char *path = xasprintf("%s/a.ko", f->path);
	CLEANUP_STRBUF struct strbuf module = fixture_vmlinux(0);
	size_t plain_len = module.len;
	static const uint8_t info[12] = {[11] = 9};

	strbuf_adds(&module, "signature");
	strbuf_add(&module, info, sizeof(info));
	strbuf_adds(&module, "~Module signature appended~\n");
	for (size_t i = 0; i <= ARRAY_SIZE(filters); i++) {
		CLEANUP_STRBUF struct strbuf packed = {0};
		CLEANUP_FREE uint8_t *cut = NULL;
		CLEANUP_FREE uint8_t *kept = NULL;
		struct error err;
		size_t cut_len, kept_len;

		if (i < ARRAY_SIZE(filters))
			packed = compress(&module, filters[i]);
		else
			strbuf_add(&packed, module.data, module.len);
		fixture_root_write_bytes(f, "a.ko", packed.data, packed.len);
		assert_int_equal(
			kernel_module_read(path, false, &cut, &cut_len, &err), 0);
		assert_int_equal(cut_len, plain_len);
		assert_memory_equal(cut, module.data, plain_len);
		assert_int_equal(
			kernel_module_read(path, true, &kept, &kept_len, &err), 0);
		assert_int_equal(kept_len, module.len);
	}
}

static void a_module_that_is_none_is_an_error(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_FREE char *path = xasprintf("%s/a.ko", f->path);
	static const char *const contents[] = {"", "text", "\x1f\x8b not gzip"};
	struct error err;
	uint8_t *data;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
		fixture_root_write(f, "a.ko", contents[i]);
		assert_int_equal(kernel_module_read(path, false, &data, &len, &err), -1);
		assert_non_null(strstr(err.msg, path));
	}
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, fixture_root_setup, fixture_root_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unpacks_what_kernels_are_packed_by),
		TEST(says_why_there_is_nothing_to_extract),
		TEST(an_arm64_kernel_comes_out_of_what_it_is_in),
		TEST(says_why_a_zboot_image_is_booted_as_it_is),
		TEST(an_elf_kernel_is_taken_as_it_is),
		TEST(a_file_that_is_not_there_is_an_error),
		TEST(modules_come_out_unpacked_and_unsigned),
		TEST(a_module_that_is_none_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
