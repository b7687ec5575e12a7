/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What root takes from an environment that may be another user's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/program.h"
#include "base/trust.h"
#include "fixture-root.h"

#define STRANGER 12345

static int setup(void **state)
{
	static struct fixture_root f;

	fixture_root_init(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	fixture_root_done(*state);
	return 0;
}

static char *place(const struct fixture_root *f, const char *path, const char *text)
{
	fixture_root_write(f, path, text);
	return fixture_root_place(f, path);
}

static void assert_refused(const char *path, const char *by)
{
	struct error err;

	assert_int_equal(trust_check_owners(path, &err), -1);
	if (!strstr(err.msg, by))
		fail_msg("%s", err.msg);
}

static void assert_taken(const char *path)
{
	struct error err;

	if (trust_check_owners(path, &err) < 0)
		fail_msg("%s", err.msg);
}

static void what_is_ours_or_roots_is_taken(void **state)
{
	CLEANUP_FREE char *program = place(*state, "bin/program", "");
	CLEANUP_FREE char *odd = fixture_root_place(*state, "bin/./../bin//program");

	assert_taken("/");
	assert_taken("/proc/self/../version");
	assert_taken(program);
	assert_taken(odd);
}

static void what_everybody_may_write_to_is_refused(void **state)
{
	CLEANUP_FREE char *program = place(*state, "open/bin/program", "");
	CLEANUP_FREE char *directory = fixture_root_place(*state, "open");

	assert_int_equal(chmod(directory, 0777), 0);
	assert_refused(program, "open' may be written to by everybody (mode 0777)");
	assert_int_equal(chmod(directory, 01777), 0);
	assert_taken(program);
	assert_int_equal(chmod(program, 0666), 0);
	assert_refused(program, "program' may be written to");
}

/* Also where only the way to it, or what a link on it leads to, is like that. */
static void links_are_followed(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_FREE char *program = place(f, "loose/bin/program", "");
	CLEANUP_FREE char *loose = fixture_root_place(f, "loose");
	CLEANUP_FREE char *link = fixture_root_place(f, "links/bin");
	CLEANUP_FREE char *through = xasprintf("%s/links/bin/program", f->path);
	CLEANUP_FREE char *circle = fixture_root_place(f, "links/circle");

	fixture_root_link(f, "links/bin", "../loose/./bin");
	assert_taken(through);
	assert_int_equal(chmod(loose, 0777), 0);
	assert_refused(through, "loose' may be written to");
	fixture_root_link(f, "links/circle", circle);
	assert_refused(circle, "follow the link");
}

static void what_belongs_to_others_is_refused(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_FREE char *program = place(f, "theirs/bin/program", "");
	CLEANUP_FREE char *directory = fixture_root_place(f, "theirs");
	CLEANUP_FREE char *link = fixture_root_place(f, "theirs-link");
	CLEANUP_FREE char *ours = place(f, "ours/program", "");
	CLEANUP_FREE char *path = NULL;
	struct error err;

	if (geteuid() != 0) {
		print_message("skipped: only root can make another user's file\n");
		skip();
	}
	assert_int_equal(chown(directory, STRANGER, 0), 0);
	assert_refused(program, "theirs' belongs to user 12345");
	fixture_root_link(f, "theirs-link", "ours");
	assert_int_equal(lchown(link, STRANGER, 0), 0);
	assert_refused(link, "theirs-link' belongs to user 12345");

	/* Of PATH that directory is passed over. */
	assert_int_equal(chmod(program, 0755) | chmod(ours, 0755), 0);
	path = xasprintf("relative::%s/bin:%s/ours", directory, f->path);
	CLEANUP_FREE char *before = xstrdup(getenv("PATH"));
	setenv("PATH", path, 1);
	CLEANUP_FREE char *found = program_find("program", "");
	setenv("PATH", before, 1);
	assert_string_equal(found, ours);

	setenv("TMPDIR", directory, 1);
	assert_null(trust_temporary("/tmp", &err));
	setenv("TMPDIR", f->path, 1);
	assert_string_equal(trust_temporary("/tmp", &err), f->path);
	unsetenv("TMPDIR");
	assert_string_equal(trust_temporary("/tmp", &err), "/tmp");
}

static void an_ordinary_user_trusts_the_own_environment(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_FREE char *program = place(f, "any/program", "");
	CLEANUP_FREE char *directory = fixture_root_place(f, "any");
	struct error err;

	assert_int_equal(chmod(directory, 0777), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(STRANGER), 0);
	int result = trust_path(program, &err);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(result, 0);
	assert_int_equal(trust_path(program, &err), geteuid() == 0 ? -1 : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_ours_or_roots_is_taken),
		cmocka_unit_test(what_everybody_may_write_to_is_refused),
		cmocka_unit_test(links_are_followed),
		cmocka_unit_test(what_belongs_to_others_is_refused),
		cmocka_unit_test(an_ordinary_user_trusts_the_own_environment),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
