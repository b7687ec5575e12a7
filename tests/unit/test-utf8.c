/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UTF-8 as RFC 3629 has it, and text that is safe for a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "base/printable.h"
#include "base/utf8.h"

static void what_is_well_formed(void **state)
{
	static const char *const good[] = {"", "plain", "caf\xc3\xa9", "\xe2\x82\xac",
		"\xf0\x9f\x90\xa7", "\xed\x9f\xbf\xee\x80\x80", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {
		"\x80", "\xc3", "\xc3(", "\xe2\x82", "\xf0\x9f\x90", "\xff", "\xc0\xaf",
		"\xe0\x80\xaf", "\xf0\x80\x80\xaf",	/* overlong */
		"\xed\xa0\x80", "\xed\xbf\xbf",		/* surrogates */
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", /* above U+10FFFF */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(utf8_is_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(utf8_is_valid(bad[i]));
}

/* It is asked for the sake of JSON: the JSON library has to agree about every text. */
static void json_agrees(void **state)
{
	uint32_t x = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		/* Bytes near the borders, so that not all is nonsense. */
		static const char bytes[] =
			"a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0"
			"\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5\xff";
		char text[5] = "";
		for (int k = 0; k < 4; k++) {
			x = x * 1664525 + 1013904223;
			text[k] = bytes[(x >> 16) % (sizeof(bytes) - 1)];
		}
		json_t *json = json_string(text);
		assert_int_equal(utf8_is_valid(text), json != NULL);
		json_decref(json);
	}
}

static void what_a_terminal_would_obey_is_replaced(void **state)
{
	CLEANUP_FREE char *text = printable_dup("a\x1b[2J\tb\x7f\xc2\x9b"
						"c\xff caf\xc3\xa9 \xe2\x80\xae.");
	char small[6];

	(void)state;
	assert_string_equal(text, "a?[2J\tb???c? caf\xc3\xa9 ???.");
	/* Cut between characters. */
	printable_copy(small, sizeof(small), "abcd\xc3\xa9", 6);
	assert_string_equal(small, "abcd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_well_formed),
		cmocka_unit_test(json_agrees),
		cmocka_unit_test(what_a_terminal_would_obey_is_replaced),
	};
	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
