/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all package managers have in common: which database counts, and packages' names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "packages-root.h"

#define STANZA(name, arch)                                                     \
	"Package: " name "\nStatus: install ok installed\nArchitecture: " arch \
	"\nVersion: 1\nMulti-Arch: same\n\n"
#define STATUS "var/lib/dpkg/status"
#define LOCAL  "var/lib/pacman/local/"
#define DESC   "%NAME%\nfrom-pacman\n\n%VERSION%\n1-1\n\n"

static char *manager_of(const struct fixture_root *f)
{
	struct packages *p;
	struct error err;

	if (packages_open(f->path, &p, &err) < 0)
		return xstrdup(err.msg);
	char *text = xasprintf("%s %zu", packages_manager(p), packages_count(p));
	packages_close(p);
	return text;
}

static void assert_manager(const struct fixture_root *f, const char *expected)
{
	CLEANUP_FREE char *got = manager_of(f);
	assert_string_equal(got, expected);
}

static void the_database_with_most_packages_counts(void **state)
{
	fixture_root_write(*state, LOCAL "ALPM_DB_VERSION", "9\n");
	assert_manager(*state, "pacman 0");
	fixture_root_write(*state, STATUS, STANZA("a", "amd64") STANZA("b", "amd64"));
	assert_manager(*state, "dpkg 2");
	fixture_root_write(*state, LOCAL "from-pacman-1-1/desc", DESC);
	assert_manager(*state, "dpkg 2");
	fixture_root_write(*state, STATUS, "");
	assert_manager(*state, "pacman 1");
	assert_null(warnings.data);
}

static void a_damaged_one_is_left_aside_with_a_warning(void **state)
{
	fixture_root_write(*state, STATUS, "nonsense");
	CLEANUP_FREE char *alone = manager_of(*state);
	assert_contains(alone, STATUS "' line 1: the file ends");
	fixture_root_write(*state, LOCAL "from-pacman-1-1/desc", DESC);
	assert_manager(*state, "pacman 1");
	assert_contains(warnings.data, "taking packages from pacman alone: '");
	assert_contains(warnings.data, STATUS "' line 1: the file ends");
}

static void the_others_databases_are_watched_too(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_STRVEC struct strvec paths = {0};
	CLEANUP_FREE char *expected = xasprintf("%s/var/lib/pacman/local", f->path);
	struct packages *p;
	bool found = false;

	fixture_root_write(*state, STATUS, STANZA("a", "amd64"));
	assert_int_equal(packages_open(f->path, &p, NULL), 0);
	packages_watch_paths(p, &paths);
	vector_foreach (path, &paths)
		found |= strcmp(*path, expected) == 0;
	assert_true(found);
	packages_close(p);
}

static void assert_label(const struct packages *p, const char *name, const char *label)
{
	CLEANUP_FREE char *got = packages_label(p, packages_find(p, name));
	assert_string_equal(got, label);
}

static void a_label_has_an_architecture_where_it_must(void **state)
{
	const struct fixture_root *f = *state;
	struct packages *p;

	fixture_root_write(f, STATUS,
		STANZA("dpkg", "amd64") STANZA("lib", "amd64") STANZA("lib", "i386"));
	assert_int_equal(packages_open(f->path, &p, NULL), 0);
	assert_label(p, "lib", "lib");
	assert_label(p, "lib:amd64", "lib");
	assert_label(p, "lib:i386", "lib:i386");
	packages_close(p);
}

static void a_file_leads_to_its_package(void **state)
{
	fixture_root_write(*state, STATUS, STANZA("a", "amd64") STANZA("b", "amd64"));
	fixture_root_write(*state, "var/lib/dpkg/info/a:amd64.list", "/.\n/bin\n");
	fixture_root_write(
		*state, "var/lib/dpkg/info/b:amd64.list", "/.\n/bin\n/bin/b\n");
	fixture_root_write(*state, "usr/bin/b", "");
	fixture_root_link(*state, "bin", "usr/bin");
	assert_owner(*state, "/bin/b", "b");
	assert_owner(*state, "/usr/bin/b", "b");
	assert_owner(*state, "/bin", "none");
	assert_owner(*state, "/nowhere", "none");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_database_with_most_packages_counts),
		TEST(a_damaged_one_is_left_aside_with_a_warning),
		TEST(the_others_databases_are_watched_too),
		TEST(a_label_has_an_architecture_where_it_must),
		TEST(a_file_leads_to_its_package),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
