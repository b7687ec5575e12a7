/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Relations between pacman's packages, and the order of their versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "packages/pacman.h"

static int compare(const char *a, const char *b)
{
	int diff = pacman_version_compare(a, b);
	int back = pacman_version_compare(b, a);

	assert_true((diff > 0) == (back < 0) && (diff < 0) == (back > 0));
	return (diff > 0) - (diff < 0);
}

/* Each is later than the one before it: vercmp(8)'s own examples. */
static void orders_versions_as_vercmp_does(void **state)
{
	static const char *const rising[] = {"1.0a", "1.0b", "1.0beta", "1.0p", "1.0pre",
		"1.0rc", "1.0", "1.0.a", "1.0.1"};
	static const char *const numbers[] = {"1", "1.0", "1.1", "1.1.1", "1.2", "2.0",
		"3.0.0", "3.0.10", "1:0.1", "2:0"};

	(void)state;
	for (size_t i = 0; i + 1 < ARRAY_SIZE(rising); i++)
		assert_int_equal(compare(rising[i], rising[i + 1]), -1);
	for (size_t i = 0; i + 1 < ARRAY_SIZE(numbers); i++)
		assert_int_equal(compare(numbers[i], numbers[i + 1]), -1);
}

static void knows_zeros_separators_and_epochs(void **state)
{
	(void)state;
	assert_int_equal(compare("1.5", "1.5"), 0);
	assert_int_equal(compare("1.05", "1.5"), 0);
	assert_int_equal(compare("0:1", "1"), 0);
	assert_int_equal(compare(":1", "1"), 0);
	assert_int_equal(compare("1.1", "1_1"), 0);
	assert_int_equal(compare("1..1", "1.1"), 1);
	assert_int_equal(compare("1.a", "1.1"), -1);
	assert_int_equal(compare("", ""), 0);
	assert_int_equal(compare("", "1"), -1);
	assert_int_equal(compare("1.", "1"), 1);
}

static void a_release_counts_where_both_have_one(void **state)
{
	(void)state;
	assert_int_equal(compare("1.5-1", "1.5-2"), -1);
	assert_int_equal(compare("1.5-1", "1.5"), 0);
	assert_int_equal(compare("1.5-1", "1.6"), -1);
	assert_int_equal(compare("1.5-1.1", "1.5-1"), 1);
}

/* The real one, where it is installed. */
static void orders_versions_as_the_real_vercmp_does(void **state)
{
	static const char *const versions[] = {"1", "1.0", "1.0a", "1.0.a", "1.0rc1",
		"1.0-1", "1.0-1.1", "1:1.0", "1:1.0-1", "0:1", "1..0", "1_0", "1.0~rc",
		"a", "a1", "1a", "1.", "1.0.0", "01.0", "20230101", "1.0+git5.gabc-1",
		"-1", "1-"};

	(void)state;
	if (system("vercmp 1 1 >/dev/null 2>&1") != 0) {
		print_message("skipped: no vercmp here\n");
		skip();
	}
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		for (size_t j = 0; j < i; j++) {
			CLEANUP_FREE char *command =
				xasprintf("vercmp '%s' '%s'", versions[i], versions[j]);
			int theirs = 0;
			FILE *f = popen(command, "re");
			assert_non_null(f);
			assert_int_equal(fscanf(f, "%d", &theirs), 1);
			pclose(f);
			if (compare(versions[i], versions[j]) != theirs)
				fail_msg("%s: %d", command, theirs);
		}
}

static char *relation(const char *text)
{
	static const char *const operators[] = {"", "<", "<=", "=", ">=", ">"};
	CLEANUP(arena_done) struct arena arena = {0};
	struct relation rel;

	if (pacman_relation_parse(&arena, text, &rel) < 0)
		return xstrdup("error");
	return xasprintf(
		"%s %s %s", rel.name, operators[rel.op], rel.version ? rel.version : "");
}

static void reads_relations(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"bash", "bash  "},
		{"bash>=4", "bash >= 4"},
		{"libx.so=1-64", "libx.so = 1-64"},
		{"a<=1:2-3", "a <= 1:2-3"},
		{"a<1", "a < 1"},
		{"a>1", "a > 1"},
		{"cups: for printing >= 1", "cups  "},
		{"a>=1: more", "a >= 1"},
		{"a=", "a = "},
		{"=1", "error"},
		{"", "error"},
		{": x", "error"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FREE char *got = relation(cases[i].text);
		assert_string_equal(got, cases[i].expected);
	}
}

static void a_version_is_held_against_the_operator(void **state)
{
	const struct {
		enum relation_operator op;
		bool earlier, equal, later;
	} cases[] = {
		{RELATION_EARLIER, true, false, false},
		{RELATION_EARLIER_OR_EQUAL, true, true, false},
		{RELATION_EQUAL, false, true, false},
		{RELATION_LATER_OR_EQUAL, false, true, true},
		{RELATION_LATER, false, false, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct relation rel = {
			.name = "a", .op = cases[i].op, .version = "2"};
		assert_int_equal(relation_holds(&rel, "1", pacman_version_compare),
			cases[i].earlier);
		assert_int_equal(relation_holds(&rel, "2-5", pacman_version_compare),
			cases[i].equal);
		assert_int_equal(relation_holds(&rel, "3", pacman_version_compare),
			cases[i].later);
		assert_false(relation_holds(&rel, NULL, pacman_version_compare));
	}
	const struct relation any = {.name = "a"};
	assert_true(relation_holds(&any, NULL, pacman_version_compare));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders_versions_as_vercmp_does),
		cmocka_unit_test(orders_versions_as_the_real_vercmp_does),
		cmocka_unit_test(knows_zeros_separators_and_epochs),
		cmocka_unit_test(a_release_counts_where_both_have_one),
		cmocka_unit_test(reads_relations),
		cmocka_unit_test(a_version_is_held_against_the_operator),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
