/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pacman handler on small databases: which packages are needed, which files they have, and
 * what a damaged database is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "packages-root.h"

#define LOCAL "var/lib/pacman/local/"

/* A package in version 1-1, with further sections in its description. */
static void add_package(const struct fixture_root *f, const char *name, const char *more)
{
	CLEANUP_FREE char *path = xasprintf(LOCAL "%s-1-1/desc", name);
	CLEANUP_FREE char *text = xasprintf(
		"%%NAME%%\n%s\n\n%%VERSION%%\n1-1\n\n%%ARCH%%\nx86_64\n\n%s", name, more);

	fixture_root_write(f, path, text);
}

static void takes_what_is_needed_and_no_more(void **state)
{
	add_package(*state, "a",
		"%DEPENDS%\nb>=1\nc\n\n%OPTDEPENDS%\nunrelated: for more\n\n");
	add_package(*state, "b", "%DEPENDS%\na\nd=1\n\n");
	add_package(*state, "c", "");
	add_package(*state, "d", "");
	add_package(*state, "unrelated", "");
	assert_resolves(*state, "a", "a:x86_64 b:x86_64 c:x86_64 d:x86_64");
	assert_resolves(*state, "c", "c:x86_64");
	assert_null(warnings.data);
}

static void what_is_provided_satisfies_by_its_own_version(void **state)
{
	add_package(*state, "a", "%DEPENDS%\nsh\nlibx.so=2-64\nawk>=3\n\n");
	add_package(*state, "bash", "%PROVIDES%\nsh\n\n");
	add_package(*state, "gawk", "%PROVIDES%\nawk\n\n");
	add_package(*state, "nawk", "%PROVIDES%\nawk=3.1\n\n");
	add_package(*state, "oldx", "%PROVIDES%\nlibx.so=1-64\n\n");
	add_package(*state, "x", "%PROVIDES%\nlibx.so=2-64\n\n");
	assert_resolves(*state, "a", "a:x86_64 bash:x86_64 nawk:x86_64 x:x86_64");
	assert_resolves(*state, "sh", "bash:x86_64");
	assert_null(warnings.data);
}

static void what_nothing_satisfies_is_told_and_left_out(void **state)
{
	add_package(*state, "a", "%DEPENDS%\nb>1\ngone\n\n");
	add_package(*state, "b", "");
	assert_resolves(*state, "a", "a:x86_64");
	assert_string_equal(warnings.data,
		"package 'a' depends on 'b>1', which is not installed: left out\n"
		"package 'a' depends on 'gone', which is not installed: left out\n");
}

static void lists_files_with_configuration_marked(void **state)
{
	add_package(*state, "a", "");
	fixture_root_write(*state, LOCAL "a-1-1/files",
		"%FILES%\netc/\netc/a b.conf\nusr/\nusr/bin/\nusr/bin/a\n\n"
		"%BACKUP%\netc/a b.conf\t0123456789abcdef0123456789abcdef\netc/other\t0\n\n");
	assert_files(*state, "a", "/etc\n/etc/a b.conf*\n/usr\n/usr/bin\n/usr/bin/a\n");
}

static void a_package_of_no_files_has_none(void **state)
{
	add_package(*state, "a", "");
	fixture_root_write(*state, LOCAL "a-1-1/files", "");
	assert_files(*state, "a", "");
}

static void a_file_leads_to_its_package(void **state)
{
	add_package(*state, "a", "");
	add_package(*state, "b", "");
	fixture_root_write(*state, LOCAL "a-1-1/files", "%FILES%\nusr/\nusr/bin/\n\n");
	fixture_root_write(
		*state, LOCAL "b-1-1/files", "%FILES%\nusr/\nusr/bin/\nusr/bin/b\n\n");
	fixture_root_write(*state, "usr/bin/b", "");
	fixture_root_link(*state, "bin", "usr/bin");
	fixture_root_link(*state, "usr/bin/link", "b");
	assert_owner(*state, "/usr/bin/b", "b");
	assert_owner(*state, "/bin/b", "b");
	assert_owner(*state, "/usr/bin/link", "b");
	assert_owner(*state, "/usr/bin", "none");
	assert_owner(*state, "/usr/bin/missing", "none");
}

static void damage_is_told_by_file_and_line(void **state)
{
	static const struct {
		const char *desc, *says;
	} cases[] = {
		{"", "there is no %NAME% in it"},
		{"%NAME%\na\n\n", "there is no %VERSION% in it"},
		{"%NAME%\na\nb\n\n", "line 3: a second line in %NAME%"},
		{"%NAME%\na\n\n%VERSION%\n1\n\n%NAME%\nb\n", "line 8: a second line in"},
		{"name\n", "line 1: expected a %SECTION%"},
		{"%\n", "line 1: expected a %SECTION%"},
		{"%NAME%\na\n\n%VERSION%\n1-", "line 5: the file ends in the middle"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture_root_write(*state, LOCAL "a-1-1/desc", cases[i].desc);
		CLEANUP_FREE char *got = resolve(*state, "a");
		assert_contains(got, LOCAL "a-1-1/desc'");
		assert_contains(got, cases[i].says);
	}
	fixture_root_write_bytes(*state, LOCAL "a-1-1/desc", "%NAME%\n\0\n", 9);
	CLEANUP_FREE char *nul = resolve(*state, "a");
	assert_contains(nul, "this is not text");
}

static void files_that_are_missing_or_damaged_are_told(void **state)
{
	add_package(*state, "a", "");
	CLEANUP_FREE char *missing = files_of(*state, "a");
	assert_contains(missing, "a-1-1/files': No such file");
	fixture_root_write(*state, LOCAL "a-1-1/files", "%FILES%\netc");
	CLEANUP_FREE char *cut = files_of(*state, "a");
	assert_contains(cut, "line 2: the file ends in the middle of a line");
}

static void another_format_is_refused(void **state)
{
	add_package(*state, "a", "");
	fixture_root_write(*state, LOCAL "ALPM_DB_VERSION", "9\n");
	assert_resolves(*state, "a", "a:x86_64");
	fixture_root_write(*state, LOCAL "ALPM_DB_VERSION", "10\n");
	CLEANUP_FREE char *got = resolve(*state, "a");
	assert_contains(got, "the database has format '10'");
}

static void all_that_answers_depend_on_is_watched(void **state)
{
	assert_watched(*state, "%NAME%\na\n\n%VERSION%\n1-1\n\n%ARCH%\nany\n\n",
		LOCAL "a-1-1/desc", "/var/lib/pacman/local\n");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_what_is_needed_and_no_more),
		TEST(what_is_provided_satisfies_by_its_own_version),
		TEST(what_nothing_satisfies_is_told_and_left_out),
		TEST(lists_files_with_configuration_marked),
		TEST(a_package_of_no_files_has_none),
		TEST(a_file_leads_to_its_package),
		TEST(damage_is_told_by_file_and_line),
		TEST(files_that_are_missing_or_damaged_are_told),
		TEST(another_format_is_refused),
		TEST(all_that_answers_depend_on_is_watched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
