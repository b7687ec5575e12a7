/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inputs: what kind of file it is, and what its lines mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "assemble/spec.h"

static enum spec_kind kind_of(const char *head, size_t len)
{
	return spec_recognise((const uint8_t *)head, len);
}

static void test_kinds(void **state)
{
	char tar[SPEC_HEAD] = "name";

	(void)state;
	assert_int_equal(kind_of("", 0), SPEC_EMPTY);
	assert_int_equal(kind_of("/", 1), SPEC_HOSTFILES);
	assert_int_equal(kind_of("/etc/hosts\n", 11), SPEC_HOSTFILES);
	assert_int_equal(kind_of("-/usr/share/*\n", 14), SPEC_EXCLUDEFILES);
	assert_int_equal(kind_of("bash\n", 5), SPEC_PACKAGES);
	assert_int_equal(kind_of("7zip", 4), SPEC_PACKAGES);
	assert_int_equal(kind_of("Z", 1), SPEC_PACKAGES);
	assert_int_equal(kind_of("\xc3\xa9", 2), SPEC_UNKNOWN);
	assert_int_equal(kind_of("\n", 1), SPEC_UNKNOWN);
	assert_int_equal(kind_of(" bash", 5), SPEC_UNKNOWN);
	assert_int_equal(kind_of("070701abc", 9), SPEC_ARCHIVE);
	assert_int_equal(kind_of("070702", 6), SPEC_ARCHIVE);
	assert_int_equal(kind_of("070707", 6), SPEC_ARCHIVE);
	assert_int_equal(kind_of("\xc7\x71", 2), SPEC_ARCHIVE);
	/* A list of packages whose first one is called like it. */
	assert_int_equal(kind_of("07070\n", 6), SPEC_PACKAGES);
	memcpy(tar + 257, "ustar", 5);
	assert_int_equal(kind_of(tar, sizeof(tar)), SPEC_ARCHIVE);
	assert_int_equal(kind_of(tar, 262), SPEC_ARCHIVE);
	assert_int_equal(kind_of(tar, 261), SPEC_PACKAGES);
	/* The names of tar's first file do not matter. */
	tar[0] = '/';
	assert_int_equal(kind_of(tar, sizeof(tar)), SPEC_ARCHIVE);
}

static void parse(struct spec *spec, enum spec_kind kind, const char *text)
{
	struct error err;

	if (spec_parse(spec, kind, text, strlen(text), "list", &err) < 0)
		fail_msg("%s", err.msg);
}

static void test_lists(void **state)
{
	struct spec spec = {0};

	(void)state;
	parse(&spec, SPEC_PACKAGES, "bash\n\ncoreutils  \nlibc6:i386\r\nlast");
	assert_int_equal(spec.packages.len, 4);
	assert_string_equal(spec.packages.items[0], "bash");
	assert_string_equal(spec.packages.items[1], "coreutils");
	assert_string_equal(spec.packages.items[2], "libc6:i386");
	assert_string_equal(spec.packages.items[3], "last");
	/* Blanks may belong to a path. */
	parse(&spec, SPEC_HOSTFILES, "/a b \n\n/c*\n");
	assert_int_equal(spec.hostfiles.len, 2);
	assert_string_equal(spec.hostfiles.items[0], "/a b ");
	parse(&spec, SPEC_EXCLUDEFILES, "-/boot/*\n-\n");
	parse(&spec, SPEC_EXCLUDEFILES, "-/usr/share/doc*\n");
	assert_int_equal(spec.excludefiles.len, 3);
	assert_string_equal(spec.excludefiles.items[0], "/boot/*");
	spec_done(&spec);
}

static void test_bad_lines(void **state)
{
	struct spec spec = {0};
	struct error err;

	(void)state;
	assert_int_equal(
		spec_parse(&spec, SPEC_HOSTFILES, "/a\nb\n", 5, "hosts", &err), -1);
	assert_string_equal(err.msg,
		"'hosts', line 2 ('b') of a list of hostfiles: does not start with '/'");
	assert_int_equal(
		spec_parse(&spec, SPEC_EXCLUDEFILES, "/a\n", 3, "out", &err), -1);
	assert_non_null(strstr(err.msg, "does not start with '-'"));
	assert_int_equal(
		spec_parse(&spec, SPEC_PACKAGES, "a\nb\0c\n", 6, "list", &err), -1);
	assert_string_equal(err.msg, "'list', line 2: has a NUL in it");
	spec_done(&spec);
}

static void test_patterns(void **state)
{
	struct spec spec = {0};

	(void)state;
	assert_false(spec_excludes(&spec, "/anything"));
	parse(&spec, SPEC_EXCLUDEFILES,
		"-/usr/share/doc/*\n-/var/log/?tmp\n-/odd\\[x]\n");
	assert_true(spec_excludes(&spec, "/usr/share/doc/a"));
	assert_true(spec_excludes(&spec, "/usr/share/doc/a/b/.c"));
	assert_false(spec_excludes(&spec, "/usr/share/doc"));
	assert_true(spec_excludes(&spec, "/var/log/wtmp"));
	assert_false(spec_excludes(&spec, "/var/log/xxtmp"));
	/* A backslash is a character like any other. */
	assert_true(spec_excludes(&spec, "/odd\\x"));
	assert_false(spec_excludes(&spec, "/odd[x]"));
	spec_done(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_patterns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
