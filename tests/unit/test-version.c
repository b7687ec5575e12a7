/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order of versions, as dpkg, rpm and the kernel's packages agree on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/version.h"

static int compare(const char *a, const char *b)
{
	int diff = version_compare(a, strlen(a), b, strlen(b));
	return (diff > 0) - (diff < 0);
}

static void orders_as_the_distributions_do(void **state)
{
	/* Each smaller than the next. */
	static const char *const ascending[] = {
		"~~",
		"~",
		"",
		"1~rc1",
		"1",
		"1a",
		"1+b",
		"1.2",
		"1.10",
		"1.99999999999999999999999",
		"1.100000000000000000000000",
		"2",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ascending); i++) {
		assert_int_equal(compare(ascending[i], ascending[i]), 0);
		for (size_t j = i + 1; j < ARRAY_SIZE(ascending); j++) {
			assert_int_equal(compare(ascending[i], ascending[j]), -1);
			assert_int_equal(compare(ascending[j], ascending[i]), 1);
		}
	}
}

static void leading_zeros_do_not_count(void **state)
{
	(void)state;
	assert_int_equal(compare("1.01", "1.1"), 0);
	assert_int_equal(compare("1.0", "1."), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders_as_the_distributions_do),
		cmocka_unit_test(leading_zeros_do_not_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
