/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernel file formats: versions, payloads, the PVH note; and files that lie about
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture-kernel.h"
#include "kernel/image.h"
#include "kernel/kernel.h"

/* A copy that ends where the data ends, so that a sanitizer sees any read behind it. */
static uint8_t *exactly(const struct strbuf *sb, size_t len)
{
	return xmemdup(sb->data, len);
}

static void assert_version(const struct strbuf *sb, const char *expected)
{
	CLEANUP_FREE uint8_t *data = exactly(sb, sb->len);
	CLEANUP_FREE char *version = kernel_version_parse(data, sb->len);

	if (expected)
		assert_string_equal(version, expected);
	else
		assert_null(version);
}

static void reads_the_version_of_each_format(void **state)
{
	CLEANUP_STRBUF struct strbuf bz = fixture_bzimage("6.1.0-56-cloud-amd64", "", 0);
	CLEANUP_STRBUF struct strbuf elf = fixture_vmlinux(18);
	CLEANUP_STRBUF struct strbuf arm = fixture_arm64("6.12.1-arm64");
	CLEANUP_STRBUF struct strbuf text = {0};

	(void)state;
	strbuf_adds(&text,
		"Linux version 6.1.0 is only spoken of in this file, at some length: it "
		"is no kernel for that. Nor would it be if it were longer.");
	assert_version(&bz, "6.1.0-56-cloud-amd64");
	assert_version(&elf, "9.8.7-elf");
	assert_version(&arm, "6.12.1-arm64");
	assert_version(&text, NULL);
}

static void a_header_that_lies_has_no_version(void **state)
{
	CLEANUP_STRBUF struct strbuf bz = fixture_bzimage("6.1.0", "", 0);

	(void)state;
	fixture_put16(&bz, 0x20e, 0);
	assert_version(&bz, NULL);
	fixture_put16(&bz, 0x20e, 0xffff);
	assert_version(&bz, NULL);
	/* Not terminated before the end of the file. */
	fixture_put16(&bz, 0x20e, bz.len - 3 - 0x200);
	memcpy(bz.data + bz.len - 3, "6.1", 3);
	assert_version(&bz, NULL);
	fixture_put16(&bz, 0x20e, 0x310 - 0x200);
	memcpy(bz.data + 0x310, "../../x ", 8);
	assert_version(&bz, NULL);
}

static void finds_the_payload_without_its_size_word(void **state)
{
	CLEANUP_STRBUF struct strbuf bz = fixture_bzimage("6.1.0", "payload", 7);
	size_t offset, len;
	const char *why;

	(void)state;
	assert_true(
		kernel_image_payload((uint8_t *)bz.data, bz.len, &offset, &len, &why));
	assert_int_equal(offset, FIXTURE_PAYLOAD);
	assert_int_equal(len, 7);
}

static void a_payload_outside_of_the_file_is_refused(void **state)
{
	CLEANUP_STRBUF struct strbuf bz = fixture_bzimage("6.1.0", "payload", 7);
	const uint8_t *data = (const uint8_t *)bz.data;
	size_t offset, len;
	const char *why;

	(void)state;
	assert_false(kernel_image_payload(data, bz.len - 1, &offset, &len, &why));
	assert_non_null(strstr(why, "outside of the file"));
	fixture_put32(&bz, 0x24c, 4);
	assert_false(kernel_image_payload(data, bz.len, &offset, &len, &why));
	fixture_put32(&bz, 0x24c, 0xffffffff);
	assert_false(kernel_image_payload(data, bz.len, &offset, &len, &why));
	fixture_put32(&bz, 0x248, 0xffffffff);
	assert_false(kernel_image_payload(data, bz.len, &offset, &len, &why));
	fixture_put16(&bz, 0x206, 0x0207);
	assert_false(kernel_image_payload(data, bz.len, &offset, &len, &why));
	assert_non_null(strstr(why, "2.08"));
}

static void assert_architecture(const struct strbuf *sb, size_t len, const char *expected)
{
	CLEANUP_FREE uint8_t *data = exactly(sb, len);
	const struct architecture *a = kernel_image_architecture(data, len);

	assert_string_equal(a ? a->name : "none", expected);
}

static void knows_what_a_kernel_runs_on(void **state)
{
	CLEANUP_STRBUF struct strbuf bz = fixture_bzimage("6.1.0", "", 0);
	CLEANUP_STRBUF struct strbuf elf = fixture_vmlinux(18);
	CLEANUP_STRBUF struct strbuf arm = fixture_arm64("6.12.1");
	CLEANUP_STRBUF struct strbuf zboot = fixture_zboot("payload", 7);

	(void)state;
	assert_architecture(&bz, bz.len, "x86_64");
	assert_architecture(&elf, elf.len, "x86_64");
	assert_architecture(&arm, arm.len, "aarch64");
	assert_architecture(&arm, 0x3c, "aarch64");
	assert_architecture(&arm, 0x3b, "none");
	assert_architecture(&elf, sizeof(Elf64_Ehdr) - 1, "none");
	assert_architecture(&zboot, zboot.len, "none"); /* its payload's */
	((Elf64_Ehdr *)elf.data)->e_machine = EM_AARCH64;
	assert_architecture(&elf, elf.len, "aarch64");
	((Elf64_Ehdr *)elf.data)->e_machine = EM_RISCV;
	assert_architecture(&elf, elf.len, "none");
}

static bool zboot_payload(
	const struct strbuf *sb, size_t len, size_t *ret_offset, size_t *ret_len)
{
	CLEANUP_FREE uint8_t *data = exactly(sb, len);
	const char *why;

	if (kernel_image_payload(data, len, ret_offset, ret_len, &why))
		return true;
	assert_non_null(strstr(why,
		kernel_image_is_zboot(data, len) ? "outside of the file"
						 : "nor a zboot image"));
	return false;
}

static void finds_the_payload_of_a_zboot_image(void **state)
{
	CLEANUP_STRBUF struct strbuf z = fixture_zboot("payload", 7);
	size_t whole = FIXTURE_ZBOOT_PAYLOAD + 7;
	size_t offset, len;

	(void)state;
	assert_true(zboot_payload(&z, z.len, &offset, &len));
	assert_int_equal(offset, FIXTURE_ZBOOT_PAYLOAD);
	assert_int_equal(len, 7);
	assert_true(zboot_payload(&z, whole, &offset, &len));
	/* Cut anywhere, it has none. */
	for (size_t cut = 0; cut < whole; cut++)
		assert_false(zboot_payload(&z, cut, &offset, &len));
}

static void a_zboot_header_that_lies_is_refused(void **state)
{
	static const struct {
		uint32_t offset, len;
	} lies[] = {
		{FIXTURE_ZBOOT_PAYLOAD, 0},
		{FIXTURE_ZBOOT_PAYLOAD, 16},
		{FIXTURE_ZBOOT_PAYLOAD, UINT32_MAX},
		{FIXTURE_ZBOOT_PAYLOAD + 16, 1},
		{UINT32_MAX, 1},
		{UINT32_MAX, UINT32_MAX},
		{0, 7},
		{0x3f, 7},
	};
	CLEANUP_STRBUF struct strbuf z = fixture_zboot("payload", 7);
	size_t offset, len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		fixture_put32(&z, 8, lies[i].offset);
		fixture_put32(&z, 12, lies[i].len);
		assert_false(zboot_payload(&z, z.len, &offset, &len));
	}
	/* Up to the last byte of the file is all right. */
	fixture_put32(&z, 8, FIXTURE_ZBOOT_PAYLOAD);
	fixture_put32(&z, 12, 15);
	assert_true(zboot_payload(&z, z.len, &offset, &len));
}

static void knows_the_pvh_note(void **state)
{
	CLEANUP_STRBUF struct strbuf pvh = fixture_vmlinux(18);
	CLEANUP_STRBUF struct strbuf other = fixture_vmlinux(17);

	(void)state;
	assert_true(kernel_image_has_pvh((uint8_t *)pvh.data, pvh.len));
	assert_false(kernel_image_has_pvh((uint8_t *)other.data, other.len));
}

static void a_cut_elf_has_no_note(void **state)
{
	CLEANUP_STRBUF struct strbuf pvh = fixture_vmlinux(18);
	size_t end_of_note =
		sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + sizeof(Elf64_Nhdr) + 8;

	(void)state;
	for (size_t len = 0; len < end_of_note; len++) {
		CLEANUP_FREE uint8_t *data = exactly(&pvh, len);
		assert_false(kernel_image_has_pvh(data, len));
	}
	CLEANUP_FREE uint8_t *whole = exactly(&pvh, end_of_note);
	assert_true(kernel_image_has_pvh(whole, end_of_note));
}

static void offsets_that_wrap_have_no_note(void **state)
{
	CLEANUP_STRBUF struct strbuf sb = fixture_vmlinux(18);
	Elf64_Ehdr *elf = (Elf64_Ehdr *)sb.data;
	Elf64_Phdr *segment = (Elf64_Phdr *)(elf + 1);
	Elf64_Nhdr *note = (Elf64_Nhdr *)(segment + 1);

	(void)state;
	note->n_namesz = UINT32_MAX;
	assert_false(kernel_image_has_pvh((uint8_t *)sb.data, sb.len));
	note->n_namesz = 4;
	note->n_descsz = UINT32_MAX;
	assert_false(kernel_image_has_pvh((uint8_t *)sb.data, sb.len));
	note->n_descsz = 4;
	segment->p_offset = UINT64_MAX - 7;
	assert_false(kernel_image_has_pvh((uint8_t *)sb.data, sb.len));
	segment->p_offset = sizeof(*elf) + sizeof(*segment);
	segment->p_filesz = UINT64_MAX - 7;
	assert_false(kernel_image_has_pvh((uint8_t *)sb.data, sb.len));
	segment->p_filesz = sizeof(*note) + 8;
	elf->e_phoff = UINT64_MAX - 7;
	assert_false(kernel_image_has_pvh((uint8_t *)sb.data, sb.len));
	elf->e_phoff = sizeof(*elf);
	elf->e_phnum = UINT16_MAX;
	assert_false(kernel_image_has_pvh((uint8_t *)sb.data, sb.len));
}

/* A file of one segment, which is these bytes. */
static struct strbuf with_segment(const void *bytes, size_t len, uint64_t memory)
{
	struct strbuf sb = fixture_elf(
		(Elf64_Phdr){.p_type = PT_LOAD, .p_filesz = len, .p_memsz = memory});

	strbuf_add(&sb, bytes, len);
	return sb;
}

static void assert_trimmed(const char *bytes, size_t len, uint64_t memory, uint64_t left)
{
	CLEANUP_STRBUF struct strbuf before = with_segment(bytes, len, memory);
	CLEANUP_STRBUF struct strbuf after = with_segment(bytes, len, memory);
	Elf64_Phdr segment;

	kernel_image_trim((uint8_t *)after.data, after.len);
	memcpy(&segment, after.data + sizeof(Elf64_Ehdr), sizeof(segment));
	assert_int_equal(segment.p_filesz, left);
	/* And nothing else. */
	segment.p_filesz = len;
	memcpy(after.data + sizeof(Elf64_Ehdr), &segment, sizeof(segment));
	assert_memory_equal(after.data, before.data, before.len);
}

static void zeros_at_the_end_are_not_read(void **state)
{
	(void)state;
	assert_trimmed("a\0b\0\0", 5, 5, 3);
	assert_trimmed("a\0b\0\0", 5, 99, 3);
	assert_trimmed("\0\0", 2, 2, 0);
	assert_trimmed("ab", 2, 2, 2);
	/* What the file has beyond the segment's memory is none of it. */
	assert_trimmed("a\0\0", 3, 2, 3);
}

static void a_segment_outside_of_the_file_stays(void **state)
{
	CLEANUP_STRBUF struct strbuf sb = with_segment("a\0\0", 3, 3);
	CLEANUP_STRBUF struct strbuf cut = {0};
	size_t whole = sb.len;

	(void)state;
	for (size_t len = 0; len < whole; len++) {
		strbuf_clear(&cut);
		strbuf_add(&cut, sb.data, len);
		kernel_image_trim((uint8_t *)cut.data, len);
		assert_memory_equal(cut.data, sb.data, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_version_of_each_format),
		cmocka_unit_test(a_header_that_lies_has_no_version),
		cmocka_unit_test(finds_the_payload_without_its_size_word),
		cmocka_unit_test(a_payload_outside_of_the_file_is_refused),
		cmocka_unit_test(knows_what_a_kernel_runs_on),
		cmocka_unit_test(finds_the_payload_of_a_zboot_image),
		cmocka_unit_test(a_zboot_header_that_lies_is_refused),
		cmocka_unit_test(knows_the_pvh_note),
		cmocka_unit_test(a_cut_elf_has_no_note),
		cmocka_unit_test(offsets_that_wrap_have_no_note),
		cmocka_unit_test(zeros_at_the_end_are_not_read),
		cmocka_unit_test(a_segment_outside_of_the_file_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
