/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Relations between Debian packages, and the order of their versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "packages/dpkg.h"

/* All relations of a text, in one spelling, or the error. */
static char *relations(const char *text)
{
	static const char *const operators[] = {"", "<<", "<=", "=", ">=", ">>"};
	CLEANUP(arena_done) struct arena arena = {0};
	struct strbuf sb = {0};
	struct relation rel;
	struct error err;
	int r;

	while ((r = dpkg_relation_next(&arena, &text, &rel, &err)) > 0)
		strbuf_addf(&sb, "%s%s%s%s%s%s", rel.name, rel.arch ? ":" : "",
			rel.arch ? rel.arch : "", operators[rel.op],
			rel.version ? rel.version : "", rel.or_next ? "|" : ",");
	if (r < 0)
		strbuf_adds(&sb, err.msg);
	return strbuf_detach(&sb);
}

static void assert_relations(const char *text, const char *expected)
{
	CLEANUP_FREE char *got = relations(text);
	assert_string_equal(got, expected);
}

static void reads_what_packages_write(void **state)
{
	(void)state;
	assert_relations("", "");
	assert_relations("libc6 (>= 2.34), zlib1g", "libc6>=2.34,zlib1g,");
	assert_relations("a|b (<<1:2-3) | c:any,\n d (=1)", "a|b<<1:2-3|c:any,d=1,");
	assert_relations("a:i386 ( >> 1~rc1 ) ", "a:i386>>1~rc1,");
	assert_relations("a, , b,", "a,b,");
	assert_relations("a (> 1), b (< 2)", "a>=1,b<=2,");
}

static void refuses_what_is_no_relation(void **state)
{
	static const char *const bad[] = {
		"(>= 1)",
		"a (>= 1",
		"a (1)",
		"a (>=)",
		"a b",
		"a:",
		"a [amd64]",
		"a (>= 1) x",
		"a | ",
		"a |, b",
		"| a",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP_FREE char *got = relations(bad[i]);
		assert_non_null(strstr(got, "can't read the relation"));
	}
}

static int compare(const char *a, const char *b)
{
	int diff = dpkg_version_compare(a, b);
	return (diff > 0) - (diff < 0);
}

static void orders_versions_by_epoch_upstream_revision(void **state)
{
	(void)state;
	assert_int_equal(compare("1:1", "2"), 1);
	assert_int_equal(compare("0:1", "1"), 0);
	assert_int_equal(compare("1-1", "1-2"), -1);
	assert_int_equal(compare("1-0", "1"), 0);
	assert_int_equal(compare("1-1-1", "1-1-2"), -1);
	assert_int_equal(compare("1.2-1", "1.10-1"), -1);
	assert_int_equal(compare("2.36-9+deb12u1", "2.36-9"), 1);
	assert_int_equal(compare("2.36~rc1-1", "2.36-1"), -1);
	assert_int_equal(compare("1.0-1", "1.0+b-1"), -1);
}

static void a_version_is_held_against_the_operator(void **state)
{
	const struct relation any = {.name = "a"};
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
		assert_int_equal(relation_holds(&rel, "1", dpkg_version_compare),
			cases[i].earlier);
		assert_int_equal(
			relation_holds(&rel, "2", dpkg_version_compare), cases[i].equal);
		assert_int_equal(
			relation_holds(&rel, "3", dpkg_version_compare), cases[i].later);
		assert_false(relation_holds(&rel, NULL, dpkg_version_compare));
	}
	assert_true(relation_holds(&any, NULL, dpkg_version_compare));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_packages_write),
		cmocka_unit_test(refuses_what_is_no_relation),
		cmocka_unit_test(orders_versions_by_epoch_upstream_revision),
		cmocka_unit_test(a_version_is_held_against_the_operator),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
