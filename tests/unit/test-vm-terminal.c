/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The key that ends a command at a terminal: three times within a second, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vm/terminal.h"

#define KEY "\x1d"

static bool type(struct terminal *s, const char *text, int64_t now_ms)
{
	return terminal_saw_escape(s, text, strlen(text), now_ms);
}

static void three_in_a_row_are_the_escape(void **state)
{
	struct terminal s = {0};

	(void)state;
	assert_true(type(&s, KEY KEY KEY, 0));
	s = (struct terminal){0};
	assert_false(type(&s, "abc" KEY, 5000));
	assert_false(type(&s, KEY, 5500));
	assert_true(type(&s, KEY "def", 6000));
}

static void another_key_or_a_pause_begins_anew(void **state)
{
	struct terminal s = {0};

	(void)state;
	assert_false(type(&s, KEY KEY "x" KEY KEY, 0));
	s = (struct terminal){0};
	assert_false(type(&s, KEY KEY, 0));
	assert_false(type(&s, KEY, 1001));
	assert_false(type(&s, KEY, 1500));
	assert_true(type(&s, KEY, 2000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_in_a_row_are_the_escape),
		cmocka_unit_test(another_key_or_a_pause_begins_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
