/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of depmod's index files is given to libkmod, which believes all that is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "kernel/module-index.h"

#define CHILDREN 0x20000000
#define VALUES	 0x40000000
#define PREFIX	 0x80000000

static void add_number(struct strbuf *sb, uint32_t n)
{
	const char bytes[] = {n >> 24, n >> 16, n >> 8, n};

	strbuf_add(sb, bytes, sizeof(bytes));
}

static void begin(struct strbuf *sb, uint32_t root)
{
	strbuf_clear(sb);
	add_number(sb, 0xb007f457);
	add_number(sb, 0x00020001);
	add_number(sb, root);
}

static void add_children(struct strbuf *sb, char first, char last, uint32_t offset)
{
	strbuf_addc(sb, first);
	strbuf_addc(sb, last);
	for (char c = first; c <= last; c++)
		add_number(sb, offset);
}

static const char *fault(const struct strbuf *sb)
{
	return module_index_fault((const uint8_t *)sb->data, sb->len);
}

/* A root with two children of its own: "pre" + "a" ──► "x", and a value. */
static void make_whole(struct strbuf *sb)
{
	begin(sb, (12 + 6) | PREFIX | CHILDREN | VALUES);
	add_number(sb, 0);
	strbuf_add(sb, "x", 2);
	strbuf_add(sb, "pre", 4);
	add_children(sb, 'a', 'b', 0);
	sb->data[sb->len - 5] = 16;
	sb->data[sb->len - 8] = (char)(PREFIX >> 24);
	add_number(sb, 1);
	add_number(sb, 7);
	strbuf_add(sb, "value", 6);
}

static void a_whole_one_is_taken(void **state)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	(void)state;
	make_whole(&sb);
	assert_null(fault(&sb));
	/* Of a kernel without modules. */
	begin(&sb, 12);
	assert_null(fault(&sb));
}

static void one_that_is_cut_off_anywhere_is_refused(void **state)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	(void)state;
	make_whole(&sb);
	for (size_t len = sb.len; len--;) {
		/* Of its own size, so that a sanitizer sees each byte too far. */
		CLEANUP_FREE uint8_t *part = xmemdup(sb.data, len);
		assert_non_null(module_index_fault(part, len));
	}
}

static void another_file_is_refused(void **state)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	(void)state;
	begin(&sb, 12);
	sb.data[0]++;
	assert_string_equal(fault(&sb), "it is no index");
	begin(&sb, 12);
	sb.data[5]++;
	assert_string_equal(fault(&sb), "it has an unknown version");
}

/* Each would have libkmod allocate without end, or call itself until its stack is used up. */
static void what_has_no_end_is_refused(void **state)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	(void)state;
	begin(&sb, 12 | VALUES);
	add_number(&sb, UINT32_MAX);
	strbuf_add(&sb, "\0\0\0\0", 5);
	assert_string_equal(fault(&sb), "it is cut off");

	/* A node that is its own child. */
	begin(&sb, 12 | CHILDREN);
	add_children(&sb, 'a', 'a', 12 | CHILDREN);
	assert_string_equal(fault(&sb), "it leads in a circle");

	/* Thirty levels, each with two ways to the next: a thousand million ways. */
	begin(&sb, 12 | CHILDREN);
	for (uint32_t at = 22; at <= 12 + 30 * 10; at += 10)
		add_children(&sb, 'a', 'b', at | CHILDREN);
	add_children(&sb, 'a', 'b', 0);
	assert_string_equal(fault(&sb), "it leads in a circle");

	begin(&sb, 12 | CHILDREN);
	for (uint32_t at = 18; at <= 12 + 100000 * 6; at += 6)
		add_children(&sb, 'a', 'a', at | CHILDREN);
	add_children(&sb, 'a', 'a', 0);
	assert_string_equal(fault(&sb), "it leads in a circle");
}

static void characters_that_are_none_are_refused(void **state)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	(void)state;
	begin(&sb, 12 | CHILDREN);
	strbuf_add(&sb, "b\x61\0\0\0\0\0\0\0", 10);
	assert_string_equal(fault(&sb), "characters of it are none");
	sb.data[12] = 'a';
	sb.data[13] = (char)0x80;
	assert_string_equal(fault(&sb), "characters of it are none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_one_is_taken),
		cmocka_unit_test(one_that_is_cut_off_anywhere_is_refused),
		cmocka_unit_test(another_file_is_refused),
		cmocka_unit_test(what_has_no_end_is_refused),
		cmocka_unit_test(characters_that_are_none_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
