/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Byte strings: growth, embedded NULs, consuming from the front, handing on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"

static void keeps_bytes_and_terminates(void **state)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		strbuf_add(&sb, "a\0b", 3);
	assert_int_equal(sb.len, 3000);
	assert_int_equal(sb.data[3000], '\0');
	assert_memory_equal(sb.data + 2997, "a\0b", 4);
	strbuf_consume(&sb, 2997);
	assert_int_equal(sb.len, 3);
	assert_memory_equal(sb.data, "a\0b", 4);
}

static void detach_of_an_empty_one_is_a_string(void **state)
{
	struct strbuf sb = {0};

	(void)state;
	CLEANUP_FREE char *s = strbuf_detach(&sb);
	assert_string_equal(s, "");
	assert_null(sb.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_bytes_and_terminates),
		cmocka_unit_test(detach_of_an_empty_one_is_a_string),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
