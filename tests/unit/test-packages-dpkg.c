/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dpkg handler on small databases: which packages are needed, which files they have, and
 * what a damaged database is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "packages-root.h"

#define STATUS	"var/lib/dpkg/status"
#define INFO	"var/lib/dpkg/info/"
#define UPDATES "var/lib/dpkg/updates/"

/* A stanza: name, architecture, version and further fields. */
#define PACKAGE(name, arch, version, more)                                     \
	"Package: " name "\nStatus: install ok installed\nArchitecture: " arch \
	"\nVersion: " version "\n" more "\n"

static void takes_what_is_needed_and_no_more(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("a", "amd64", "1",
			"Depends: b (>= 1), c\nRecommends: unrelated\n") PACKAGE("b",
			"amd64", "1", "Pre-Depends: d\nDepends: a\n")
			PACKAGE("c", "all", "1", "") PACKAGE("d", "amd64", "1", "")
				PACKAGE("unrelated", "amd64", "1", ""));
	assert_resolves(*state, "a", "a:amd64 b:amd64 c:all d:amd64");
	assert_resolves(*state, "d c d", "c:all d:amd64");
	assert_resolves(*state, "", "");
}

static void alternatives_take_the_first_that_is_installed(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("a", "amd64", "1", "Depends: gone | b (>= 2) | b (<< 2) | c\n")
			PACKAGE("b", "amd64", "1", "") PACKAGE("c", "amd64", "1", ""));
	assert_resolves(*state, "a", "a:amd64 b:amd64");
	assert_null(warnings.data);
}

static void virtual_packages_mean_their_provider(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("awk-user", "amd64", "1", "Depends: awk, mta (>= 2)\n") PACKAGE(
			"exim", "amd64", "9", "Provides: mta\n")
			PACKAGE("mawk", "amd64", "1", "Provides: awk\n") PACKAGE(
				"postfix", "amd64", "1", "Provides: smtp, mta (= 3)\n"));
	assert_resolves(*state, "awk-user", "awk-user:amd64 mawk:amd64 postfix:amd64");
	assert_resolves(*state, "awk", "mawk:amd64");
}

static void only_what_has_its_files_on_disk_counts(void **state)
{
	fixture_root_write(*state, STATUS,
		"Package: held\nStatus: hold ok installed\nArchitecture: all\nVersion: "
		"1\n\n"
		"Package: waits\nStatus: install ok triggers-pending\nArchitecture: "
		"all\nVersion: 1\n\n"
		"Package: raw\nStatus: install ok unpacked\nArchitecture: all\nVersion: "
		"1\n\n"
		"Package: removed\nStatus: deinstall ok config-files\nArchitecture: "
		"all\nVersion: 1\n\n"
		"Package: wished\nStatus: install ok not-installed\n\n");
	assert_resolves(*state, "held waits raw", "held:all raw:all waits:all");

	CLEANUP_FREE char *removed = resolve(*state, "removed");
	assert_contains(removed, "package 'removed' is not installed");
	CLEANUP_FREE char *wished = resolve(*state, "wished");
	assert_contains(wished, "package 'wished' is not installed");
}

static void a_package_is_found_in_its_own_architecture(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("dpkg", "amd64", "1", "") PACKAGE(
			"lib", "i386", "1", "Multi-Arch: same\n") PACKAGE("lib", "amd64",
			"1", "Multi-Arch: same\n") PACKAGE("tool", "amd64", "1",
			"Multi-Arch: foreign\n") PACKAGE("python", "amd64", "1",
			"Multi-Arch: allowed\n")
			PACKAGE("app", "amd64", "1", "Depends: lib, tool\n") PACKAGE(
				"app32", "i386", "1", "Depends: lib, tool, python:any\n")
				PACKAGE("needs32", "all", "1", "Depends: lib:i386\n"));
	assert_resolves(*state, "lib", "lib:amd64");
	assert_resolves(*state, "lib:i386", "lib:i386");
	assert_resolves(*state, "app32", "app32:i386 lib:i386 python:amd64 tool:amd64");
	assert_resolves(*state, "app", "app:amd64 lib:amd64 tool:amd64");
	assert_resolves(*state, "needs32", "lib:i386 needs32:all");
	CLEANUP_FREE char *foreign = resolve(*state, "app:i386");
	assert_contains(foreign, "'app:i386' is not installed");
}

static void a_name_that_is_not_there_is_told_with_advice(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("coreutils", "amd64", "1", "") PACKAGE("zsh", "amd64", "1", ""));
	assert_resolves(*state, "coreutil",
		"package 'coreutil' is not installed; 'coreutils' is. Did you mean that, "
		"or else install it first: apt-get install coreutil");
	assert_resolves(*state, "nothing-like-it",
		"package 'nothing-like-it' is not installed. Install it first: apt-get "
		"install nothing-like-it");
}

static void what_nothing_satisfies_is_told_and_left_out(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("a", "amd64", "1", "Depends: b, gone (>= 1) | lost, c\n")
			PACKAGE("b", "amd64", "1", "") PACKAGE("c", "amd64", "1", ""));
	assert_resolves(*state, "a", "a:amd64 b:amd64 c:amd64");
	assert_string_equal(warnings.data,
		"package 'a' depends on 'gone (>= 1) | lost', which is "
		"not installed: left out\n");
}

static void the_journal_of_an_interrupted_dpkg_counts(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("a", "amd64", "1", "Depends: old\n")
			PACKAGE("old", "amd64", "1", ""));
	fixture_root_write(
		*state, "var/lib/dpkg/updates/0000", PACKAGE("new", "amd64", "1", ""));
	fixture_root_write(*state, "var/lib/dpkg/updates/0001",
		PACKAGE("a", "amd64", "2", "Depends: new\n"));
	fixture_root_write(*state, "var/lib/dpkg/updates/tmp.i", "half a stan");
	assert_resolves(*state, "a", "a:amd64 new:amd64");
}

/* A stanza goes to the journal, then all of them into a new status, then the journal goes. */
static _Noreturn void work_as_dpkg(const struct fixture_root *root)
{
	CLEANUP_FREE char *status = fixture_root_place(root, STATUS);
	CLEANUP_FREE char *new_status = fixture_root_place(root, STATUS "-new");
	CLEANUP_FREE char *journal = fixture_root_place(root, UPDATES "0000");
	CLEANUP_FREE char *new_journal = fixture_root_place(root, UPDATES "tmp.i");

	for (int i = 0; i < 3000; i++) {
		fixture_root_write(root, UPDATES "tmp.i",
			PACKAGE("a", "amd64", "1", "Depends: b\n"));
		rename(new_journal, journal);
		fixture_root_write(root, STATUS "-new",
			PACKAGE("a", "amd64", "1", "Depends: b\n")
				PACKAGE("b", "amd64", "1", ""));
		rename(new_status, status);
		unlink(journal);
	}
	_exit(0);
}

static void a_dpkg_that_works_meanwhile_does_no_harm(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("a", "amd64", "1", "Depends: b\n")
			PACKAGE("b", "amd64", "1", ""));
	pid_t pid = fork();
	if (pid == 0)
		work_as_dpkg(*state);
	while (waitpid(pid, NULL, WNOHANG) == 0)
		assert_resolves(*state, "a", "a:amd64 b:amd64");
}

static void lists_files_with_configuration_marked(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("a", "amd64", "1",
			"Conffiles:\n /etc/a.conf 123\n /etc/with space 123 obsolete\n"
			" /etc/taken 123 obsolete\n")
			PACKAGE("b", "amd64", "1", "Multi-Arch: same\nDepends: a\n"));
	fixture_root_write(*state, INFO "a.list",
		"/.\n/etc\n/etc/a.conf\n/etc/with space\n/etc/taken\n/usr\n");
	fixture_root_write(*state, INFO "b:amd64.list", "/.\n/usr\n/usr/b\n/etc/taken\n");
	assert_files(*state, "a",
		"/\n/etc\n/etc/a.conf*\n/etc/taken*\n/etc/with space*\n/usr\n");
	assert_files(*state, "b",
		"/\n/etc\n/etc/a.conf*\n/etc/taken\n/etc/with space*\n/usr\n/usr/b\n");
}

static void diverted_files_are_where_they_were_put(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("a", "amd64", "1", "") PACKAGE("b", "amd64", "1", ""));
	fixture_root_write(*state, INFO "a.list", "/bin/sh\n/bin/local\n");
	fixture_root_write(*state, INFO "b.list", "/bin/sh\n");
	fixture_root_write(*state, "var/lib/dpkg/diversions",
		"/bin/sh\n/bin/sh.distrib\nb\n/bin/local\n/bin/local.real\n:\n");
	assert_files(*state, "b", "/bin/sh\n");
	/* Without its diverter a file has its own name. The administrator's diversion stays,
	 * with what was put in the file's place. */
	fixture_root_write(*state, "bin/sh.distrib", "a's\n");
	assert_files(
		*state, "a", "/bin/local\n/bin/local.real\n/bin/sh</bin/sh.distrib\n");
	fixture_root_write(*state, STATUS,
		PACKAGE("a", "amd64", "1", "Depends: b\n")
			PACKAGE("b", "amd64", "1", ""));
	assert_files(
		*state, "a", "/bin/local\n/bin/local.real\n/bin/sh\n/bin/sh.distrib\n");
}

/* After "dpkg-divert --no-rename" the file is still at its place. */
static void a_file_that_was_not_renamed_is_where_it_was(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("a", "amd64", "1", "") PACKAGE("b", "amd64", "1", ""));
	fixture_root_write(*state, INFO "a.list", "/bin/tool\n");
	fixture_root_write(*state, "bin/tool", "a's\n");
	fixture_root_write(
		*state, "var/lib/dpkg/diversions", "/bin/tool\n/bin/tool.distrib\nb\n");
	assert_files(*state, "a", "/bin/tool\n");
}

static void alternatives_that_lead_into_the_set_belong_to_it(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("mawk", "amd64", "1", "") PACKAGE("vim", "amd64", "1", ""));
	fixture_root_write(*state, INFO "mawk.list", "/usr/bin/mawk\n");
	fixture_root_write(*state, INFO "vim.list", "/bin/vim\n");
	fixture_root_write(*state, "var/lib/dpkg/alternatives/awk",
		"auto\n/usr/bin/awk\nawk.1\n/usr/man/awk.1\nnawk\n/usr/bin/nawk\n\n"
		"/usr/bin/gawk\n10\n\n\n/usr/bin/mawk\n5\n\n\n\n");
	fixture_root_write(*state, "var/lib/dpkg/alternatives/vi",
		"manual\n/usr/bin/vi\n\n/usr/bin/vim\n1\n\n");
	fixture_root_link(*state, "etc/alternatives/awk", "/usr/bin/mawk");
	fixture_root_link(*state, "etc/alternatives/nawk", "/usr/bin/mawk");
	fixture_root_link(*state, "etc/alternatives/vi", "/usr/bin/vim");
	assert_files(*state, "mawk",
		"/etc/alternatives/awk\n/etc/alternatives/nawk\n"
		"/usr/bin/awk\n/usr/bin/mawk\n/usr/bin/nawk\n");
	/* Listed as /bin/vim, registered as /usr/bin/vim: the same file where /bin is a
	 * link. */
	assert_files(*state, "vim", "/bin/vim\n/etc/alternatives/vi\n/usr/bin/vi\n");
}

/* The choice in force is not in the set: the links lead to the best that is. */
static void alternatives_lead_to_what_the_set_has(void **state)
{
	fixture_root_write(*state, STATUS,
		PACKAGE("gawk", "amd64", "1", "") PACKAGE("original-awk", "amd64", "1",
			"") PACKAGE("both", "all", "1", "Depends: gawk, original-awk\n"));
	fixture_root_write(*state, INFO "gawk.list", "/usr/bin/gawk\n");
	fixture_root_write(*state, INFO "original-awk.list", "/usr/bin/original-awk\n");
	fixture_root_write(*state, INFO "both.list", "");
	fixture_root_write(*state, "var/lib/dpkg/alternatives/awk",
		"manual\n/usr/bin/awk\nawk.1\n/usr/man/awk.1\nnawk\n/usr/bin/nawk\n\n"
		"/usr/bin/original-awk\n0\n/usr/man/original-awk.1\n\n"
		"/usr/bin/gawk\n10\n\n/usr/bin/gawk\n"
		"/usr/bin/mawk\n5\n\n/usr/bin/mawk\n\n");
	fixture_root_link(*state, "etc/alternatives/awk", "/usr/bin/mawk");
	assert_files(*state, "gawk",
		"/etc/alternatives/awk>/usr/bin/gawk\n"
		"/etc/alternatives/nawk>/usr/bin/gawk\n"
		"/usr/bin/awk>/etc/alternatives/awk\n/usr/bin/gawk\n"
		"/usr/bin/nawk>/etc/alternatives/nawk\n");
	assert_files(*state, "original-awk",
		"/etc/alternatives/awk>/usr/bin/original-awk\n"
		"/etc/alternatives/awk.1>/usr/man/original-awk.1\n"
		"/usr/bin/awk>/etc/alternatives/awk\n/usr/bin/original-awk\n"
		"/usr/man/awk.1>/etc/alternatives/awk.1\n");
	CLEANUP_FREE char *both = files_of(*state, "both");
	assert_contains(both, "/etc/alternatives/awk>/usr/bin/gawk\n");
}

static void damage_is_told_by_file_and_line(void **state)
{
	static const struct {
		const char *path, *content, *message;
	} cases[] = {
		{STATUS, "Package: a\nStatus: install ok inst",
			"status' line 2: the file ends in"},
		{STATUS, "\x1f\x8b\x08 binary\n",
			"status' line 1: expected 'Field: value'"},
		{STATUS, "Package: a\nStatus: install ok installed\nVersion: 1\n\n",
			"status' line 1: the stanza of 'a' has no 'Architecture'"},
		{STATUS, "Package: a\n\n", "has no 'Status'"},
		{STATUS, "Package: a\nStatus: install ok broken\n\n", "unknown status"},
		{STATUS, "Package: a\nPackage: b\n\n", "line 2: a second 'Package'"},
		{STATUS,
			"Package: ../../etc/x\nStatus: install ok installed\nVersion: 1\n"
			"Architecture: all\n\n",
			"can't be a package's name"},
		{STATUS, PACKAGE("a", "all", "1", "Depends: b (>= \n"),
			"package 'a', field Depends: can't read the relation 'b (>='"},
		{STATUS, PACKAGE("a", "all", "1", ""),
			"the file list of an installed package, is "
			"missing. Reinstall it: apt-get install --reinstall a"},
		{INFO "a.list", "/usr\nusr/bin\n",
			"a.list' line 2: 'usr/bin' is not an absolute"},
		{INFO "a.list", "/usr\n/usr/b", "a.list' ends in the middle of a line"},
		{INFO "a.list", "/usr\n", "/usr\n"},
		{"var/lib/dpkg/diversions", "/a\n/b\n",
			"diversions' line 1: expected two paths"},
		{"var/lib/dpkg/diversions", "", "/usr\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture_root_write(*state, cases[i].path, cases[i].content);
		CLEANUP_FREE char *got = files_of(*state, "a");
		assert_contains(got, cases[i].message);
	}
}

/* Nobody writes to a FIFO: a reader that opens it waits for ever. */
static void a_database_that_is_no_file_is_refused(void **state)
{
	static const char *const names[] = {STATUS, INFO "a.list"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		fixture_root_write(*state, STATUS, PACKAGE("a", "all", "1", ""));
		fixture_root_write(*state, names[i], "");
		CLEANUP_FREE char *path = fixture_root_place(*state, names[i]);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkfifo(path, 0600), 0);
		alarm(20);
		CLEANUP_FREE char *got = files_of(*state, "a");
		alarm(0);
		assert_contains(got, "it is not a regular file");
		assert_int_equal(unlink(path), 0);
	}
}

static void without_a_database_it_says_where_it_looked(void **state)
{
	CLEANUP_FREE char *got = resolve(*state, "a");
	assert_contains(got, "no package database that can be read: there is no ");
	assert_contains(got, "/" STATUS);
}

static void all_that_answers_depend_on_is_watched(void **state)
{
	assert_watched(*state, PACKAGE("a", "all", "1", ""), STATUS,
		"/etc/alternatives\n/var/lib/dpkg/alternatives\n"
		"/var/lib/dpkg/diversions\n/var/lib/dpkg/info\n/var/lib/dpkg/status\n"
		"/var/lib/dpkg/updates\n");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_what_is_needed_and_no_more),
		TEST(alternatives_take_the_first_that_is_installed),
		TEST(virtual_packages_mean_their_provider),
		TEST(only_what_has_its_files_on_disk_counts),
		TEST(a_package_is_found_in_its_own_architecture),
		TEST(a_name_that_is_not_there_is_told_with_advice),
		TEST(what_nothing_satisfies_is_told_and_left_out),
		TEST(the_journal_of_an_interrupted_dpkg_counts),
		TEST(a_dpkg_that_works_meanwhile_does_no_harm),
		TEST(lists_files_with_configuration_marked),
		TEST(diverted_files_are_where_they_were_put),
		TEST(a_file_that_was_not_renamed_is_where_it_was),
		TEST(alternatives_that_lead_into_the_set_belong_to_it),
		TEST(alternatives_lead_to_what_the_set_has),
		TEST(damage_is_told_by_file_and_line),
		TEST(a_database_that_is_no_file_is_refused),
		TEST(without_a_database_it_says_where_it_looked),
		TEST(all_that_answers_depend_on_is_watched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
