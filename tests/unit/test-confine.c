/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a confined process may open; where this host has Landlock. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/remove.h"
#include "base/strbuf.h"
#include "confine/confine.h"

static char dir[] = "/tmp/hypermin-confine-XXXXXX";

static char *in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static int make_files(void **state)
{
	CLEANUP_FREE char *file = NULL, *secret = NULL, *link = NULL;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	file = in_dir("file");
	secret = in_dir("secret");
	link = in_dir("link");
	close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	close(open(secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	return symlink("secret", link);
}

static int remove_files(void **state)
{
	(void)state;
	remove_all(AT_FDCWD, dir);
	return 0;
}

static void note_landlock(const char *layer, const char *missing, void *data)
{
	if (strcmp(layer, "Landlock") == 0)
		*(bool *)data = !missing;
}

static struct confine_needs needs_of(struct confine_file file)
{
	struct confine_needs needs = {.program = "a test"};

	for (enum confine_layer i = 0; i < CONFINE_LAYERS; i++)
		if (i != CONFINE_LANDLOCK && i != CONFINE_PRIVILEGES)
			needs.not_for_it |= 1u << i;
	vector_push(&needs.files, file);
	return needs;
}

/* Does a child that is confined to `file` open `opened`? */
static bool opens_of(struct confine_file file, const char *opened)
{
	CLEANUP_FREE char *other = in_dir(opened);
	int status;

	pid_t pid = fork();
	if (pid == 0) {
		struct confine_needs needs = needs_of(file);
		struct confine c;
		struct error err;
		confine_init(&c, &needs);
		if (confine_self(&c, &err) < 0)
			_exit(2);
		_exit(open(other, O_RDONLY | O_CLOEXEC) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 0;
}

static bool opens(const char *named, const char *opened)
{
	CLEANUP_FREE char *path = in_dir(named);

	return opens_of((struct confine_file){path, -1, CONFINE_READ, true}, opened);
}

static void skip_without_landlock(void)
{
	struct confine_needs needs =
		needs_of((struct confine_file){"/", -1, CONFINE_READ, true});
	CLEANUP_CONFINE struct confine c;
	bool has_landlock = false;
	struct error err;

	confine_init(&c, &needs);
	assert_int_equal(confine_try(&c, note_landlock, &has_landlock, &err), 0);
	if (!has_landlock)
		skip();
}

static void it_opens_what_was_named(void **state)
{
	(void)state;
	skip_without_landlock();
	assert_true(opens("file", "file"));
	assert_false(opens("file", "secret"));
	assert_true(opens("link", "link"));
}

static void an_open_file_is_opened_whatever_has_its_name(void **state)
{
	CLEANUP_FREE char *path = in_dir("file"), *moved = in_dir("moved"),
			  *link = in_dir("link");

	(void)state;
	skip_without_landlock();
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(rename(path, moved) | rename(link, path), 0);
	assert_true(
		opens_of((struct confine_file){path, fd, CONFINE_READ, true}, "moved"));
	assert_false(
		opens_of((struct confine_file){path, fd, CONFINE_READ, true}, "secret"));
	assert_int_equal(rename(path, link) | rename(moved, path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_opens_what_was_named),
		cmocka_unit_test(an_open_file_is_opened_whatever_has_its_name),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
