/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client finds the keeper of a session, and notices one that it would not understand. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/remove.h"
#include "session/session.h"

struct kept {
	char dir[32];
	struct session_name name;
	int listen_fd;
};

static int keep(void **state)
{
	struct kept *k = xcalloc(1, sizeof(*k));
	struct error err;

	strcpy(k->dir, "/tmp/test-session.XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	setenv("XDG_RUNTIME_DIR", k->dir, 1);
	assert_int_equal(session_claim("web", &k->name, &err), 0);
	k->listen_fd = session_listen(&k->name, &err);
	assert_true(k->listen_fd >= 0);
	*state = k;
	return 0;
}

static int end(void **state)
{
	struct kept *k = *state;

	close(k->listen_fd);
	session_release(&k->name, NULL);
	remove_all(AT_FDCWD, k->dir);
	free(k);
	return 0;
}

static void say(const struct kept *k, const char *versions)
{
	CLEANUP_FREE char *path = xasprintf("%s/hypermin/web.lock", k->dir);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(versions, f);
	assert_int_equal(fclose(f), 0);
}

static void a_keeper_of_this_version_is_connected_to(void **state)
{
	struct error err;

	(void)state;
	CLEANUP_CLOSE int fd = session_connect("web", &err);
	assert_true(fd >= 0);
}

static void one_of_another_version_is_named_and_how_to_end_it(void **state)
{
	CLEANUP_FREE char *how = xasprintf("`kill %d`", (int)getpid());
	struct error err;

	say(*state, "4000000000 99.1\n");
	assert_int_equal(session_connect("web", &err), -1);
	assert_int_equal(err.num, EPROTO);
	assert_non_null(strstr(err.msg, "the session 'web'"));
	assert_non_null(strstr(err.msg, "another version of hypermin (99.1)"));
	assert_non_null(strstr(err.msg, how));
}

static void one_that_says_no_version_is_an_older_one(void **state)
{
	struct error err;

	say(*state, "");
	assert_int_equal(session_connect("web", &err), -1);
	assert_int_equal(err.num, EPROTO);
	assert_non_null(strstr(err.msg, "an older one"));
}

static void the_name_of_a_keeper_that_has_ended_says_nothing_old(void **state)
{
	struct kept *k = *state;
	struct error err;

	/* As one that was killed leaves it. */
	close(k->name.lock_fd);
	say(k, "4000000000 99.1 and more\n");
	close(k->listen_fd);
	close(k->name.dir_fd);
	free(k->name.name);
	assert_int_equal(session_claim("web", &k->name, &err), 0);
	k->listen_fd = session_listen(&k->name, &err);
	CLEANUP_CLOSE int fd = session_connect("web", &err);
	assert_true(fd >= 0);
}

static void a_session_is_listed_whatever_word_its_name_has(void **state)
{
	static const char *const names[] = {"a.lock", "b.lockstep", "c.socket"};
	struct session_name claimed[ARRAY_SIZE(names)];
	CLEANUP_STRVEC struct strvec listed = {0};
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(session_claim(names[i], &claimed[i], &err), 0);
	assert_int_equal(session_list(&listed, &err), 0);
	assert_int_equal(listed.len, ARRAY_SIZE(names) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_string_equal(listed.items[i], names[i]);
		session_release(&claimed[i], NULL);
	}
	assert_string_equal(listed.items[listed.len - 1], "web");
}

/* A lost VM's message ends with the last lines of its console. */
static void why_a_session_has_ended_keeps_its_lines(void **state)
{
	struct kept *k = *state;
	struct error err;

	session_release(&k->name, "it was lost; its last lines:\n  one\n  two");
	assert_int_equal(session_connect("web", &err), -1);
	assert_int_equal(err.num, ENOENT);
	assert_string_equal(err.msg,
		"the session 'web' has ended: it was lost; its last lines:\n  one\n  two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_keeper_of_this_version_is_connected_to, keep, end),
		cmocka_unit_test_setup_teardown(
			one_of_another_version_is_named_and_how_to_end_it, keep, end),
		cmocka_unit_test_setup_teardown(
			one_that_says_no_version_is_an_older_one, keep, end),
		cmocka_unit_test_setup_teardown(
			the_name_of_a_keeper_that_has_ended_says_nothing_old, keep, end),
		cmocka_unit_test_setup_teardown(
			a_session_is_listed_whatever_word_its_name_has, keep, end),
		cmocka_unit_test_setup_teardown(
			why_a_session_has_ended_keeps_its_lines, keep, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
