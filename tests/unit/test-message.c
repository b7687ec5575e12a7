/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/message.h"
#include "base/printable.h"

static const char *formatted(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static const char *formatted(const char *fmt, ...)
{
	static char text[256];
	va_list ap;

	va_start(ap, fmt);
	message_format(text, sizeof(text), fmt, ap);
	va_end(ap);
	return text;
}

/* Each as printf() has it. */
static void it_formats_as_printf(void **state)
{
	char expected[256];

	(void)state;
#define SAME(...)                                                      \
	do {                                                           \
		snprintf(expected, sizeof(expected), __VA_ARGS__);     \
		assert_string_equal(formatted(__VA_ARGS__), expected); \
	} while (0)
	SAME("nothing");
	SAME("%d %i %u %x %X %o %c 100%%", -5, INT32_MIN, UINT32_MAX, 0xabcu, 0xabcu, 8u,
		'x');
	SAME("%ld %lu %lld %llu %zu %zd", -5L, 5UL, INT64_MIN + 0LL, UINT64_MAX + 0ULL,
		(size_t)7, (ssize_t)-7);
	SAME("%" PRIu64 " %" PRId64 " %jx %hhu", UINT64_MAX, INT64_MIN, (uintmax_t)255,
		200);
	SAME("%5d|%-5d|%05d|%+d|%.3d|%*d|%#x", 42, 42, 42, 42, 42, 6, 42, 42u);
	SAME("%s|%8s|%-8s|%.2s|%.*s|%8.2s", "text", "text", "text", "text", 3, "text",
		"text");
	SAME("%p", (void *)expected);
#undef SAME
}

static void what_a_name_says_stays_a_name(void **state)
{
	(void)state;
	assert_string_equal(
		formatted("open '%s':\nsecond line", "a\nhypermin: all is well\x1b[2J"),
		"open 'a?hypermin: all is well?[2J':\nsecond line");
	assert_string_equal(formatted("%c%.3s%6s", '\n', "\r\n\tx", "\b"), "???\t     ?");
}

/* An error that is told by another one keeps its line breaks, and nothing else of that kind. */
static void texts_of_ours_keep_their_lines(void **state)
{
	(void)state;
	assert_string_equal(formatted("it failed: %-s.", "one\n  two\x1b\n"),
		"it failed: one\n  two?\n.");
	assert_string_equal(formatted("%-6s|", "a\nb"), "a?b   |");
}

static void a_long_text_is_cut(void **state)
{
	char long_text[1000], small[8];
	struct error err;

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	long_text[999] = '\0';
	assert_int_equal(strlen(formatted("%s%s and %d", long_text, long_text, 5)), 255);
	error_set(&err, 2, "%s%s%s", long_text, long_text, long_text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	error_prefix(&err, "%s%s%s", long_text, long_text, long_text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	printable_copy(small, sizeof(small), "1234567890", 10);
	assert_string_equal(small, "1234567");
}

/* As terminals of any encoding take them. */
static void what_is_not_seen_is_shown(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{"plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", NULL},
		{"\x80\x9b"
		 "31m",
			"??31m"},
		{"\xc2\x9b"
		 "31m",
			"??31m"},
		{"a\xe2\x80\xae"
		 "b",
			"a???b"},
		{"a\xe2\x81\xa6"
		 "b",
			"a???b"},
		{"a\xe2\x80\x8b"
		 "b",
			"a???b"},
		{"a\xd8\x9c"
		 "b",
			"a??b"},
		{"a\xef\xbb\xbf"
		 "b",
			"a???b"},
		{"a\xf3\xa0\x81\x81"
		 "b",
			"a????b"},
		{"a\xc2\xad"
		 "b",
			"a??b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(formatted("%s", rows[i].text),
			rows[i].shown ? rows[i].shown : rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_formats_as_printf),
		cmocka_unit_test(what_a_name_says_stays_a_name),
		cmocka_unit_test(texts_of_ours_keep_their_lines),
		cmocka_unit_test(a_long_text_is_cut),
		cmocka_unit_test(what_is_not_seen_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
