/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MIN and MAX as functions would be: arguments that change something may stand in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"

/* A clock that moves on each time that it is read. */
static int64_t now;

static int64_t read_clock(void)
{
	return now++;
}

static void each_argument_is_evaluated_once(void **state)
{
	(void)state;
	/* poll() takes a negative time as for ever: one tick before the deadline must not give it. */
	now = 99;
	assert_int_equal(MAX(0, 100 - read_clock()), 1);
	assert_int_equal(now, 100);

	assert_int_equal(MIN(read_clock(), 1000), 100);
	assert_int_equal(MIN(1000, read_clock()), 101);
	assert_int_equal(MAX(read_clock(), 0), 102);
	assert_int_equal(now, 103);
}

static void one_may_stand_inside_the_other(void **state)
{
	int a_0 = 3, b_0 = 7;

	(void)state;
	assert_int_equal(MAX(1, MIN(b_0, a_0)), 3);
	assert_int_equal(MIN(MIN(9, MAX(a_0, b_0)), MAX(2, MIN(8, 6))), 6);
}

static void the_wider_type_holds_the_result(void **state)
{
	int64_t until = (int64_t)1 << 40;
	uint8_t byte = 200;

	(void)state;
	assert_true(MAX(0, until) == until);
	assert_true(MIN(byte + 100, 1000) == 300);
	assert_true(MAX(0.5, byte) == 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_argument_is_evaluated_once),
		cmocka_unit_test(one_may_stand_inside_the_other),
		cmocka_unit_test(the_wider_type_holds_the_result),
	};
	return cmocka_run_group_tests_name("macros", tests, NULL, NULL);
}
