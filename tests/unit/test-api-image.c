/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a command runs in the VM of an image: what the caller says, else what the image says,
 * else the usual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "api/handle.h"
#include "appliance/image-config.h"

static char *entrypoint[] = {(char *)"entry", (char *)"-x"};
static char *words[] = {(char *)"word"};
static char *variables[] = {(char *)"A=image", (char *)"B=image"};
static const char *const none[] = {NULL};
static const char *const given[] = {"a", "b", NULL};

static char *join(const struct strvec *v)
{
	char *text = xstrdup("");

	vector_foreach (word, v) {
		CLEANUP_FREE char *before = text;
		text = xasprintf("%s%s%s", before, *before ? " " : "", *word);
	}
	return text;
}

/* NULL: an error that says that there is none. */
static char *command_line(
	struct image_config *image, const char *const *argv, const char *replacement)
{
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;
	struct hypermin h = {.appliance.image = image};
	CLEANUP(image_command_done) struct image_command c = {0};

	command.argv = argv;
	command.entrypoint = replacement;
	if (handle_image_command(&h, &command, &c) < 0) {
		assert_non_null(strstr(h.error.msg, "none is given"));
		return NULL;
	}
	return join(&c.argv);
}

static void the_words_follow_the_entrypoint(void **state)
{
	static const struct {
		bool has_entrypoint, has_words;
		const char *const *argv;
		const char *replacement, *expected;
	} cases[] = {
		{true, true, none, NULL, "entry -x word"},
		{true, true, NULL, NULL, "entry -x word"},
		{true, true, given, NULL, "entry -x a b"},
		{true, false, none, NULL, "entry -x"},
		{false, true, none, NULL, "word"},
		{false, true, given, NULL, "a b"},
		{false, false, given, NULL, "a b"},
		{false, false, none, NULL, NULL},
		{true, true, none, "other", "other"},
		{true, true, given, "other", "other a b"},
		{true, true, none, "", NULL},
		{true, true, given, "", "a b"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image_config image = {0};
		if (cases[i].has_entrypoint)
			image.entrypoint = (struct strvec){entrypoint, 2, 2};
		if (cases[i].has_words)
			image.words = (struct strvec){words, 1, 1};
		CLEANUP_FREE char *line =
			command_line(&image, cases[i].argv, cases[i].replacement);
		assert_string_equal(line ? line : "none",
			cases[i].expected ? cases[i].expected : "none");
	}
	CLEANUP_FREE char *line = command_line(NULL, given, NULL);
	assert_string_equal(line, "a b");
	assert_null(command_line(NULL, none, NULL));
}

static void the_caller_comes_first(void **state)
{
	static const char *const env[] = {"B=caller", NULL};
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;
	struct image_config image = {.env = {variables, 2, 2},
		.cwd = (char *)"/image",
		.user = (char *)"someone"};
	struct image_config silent = {0};
	struct hypermin h = {.appliance.image = &image};
	struct image_command c;

	(void)state;
	command.argv = given;
	assert_int_equal(handle_image_command(&h, &command, &c), 0);
	assert_string_equal(c.cwd, "/image");
	assert_string_equal(c.user, "someone");
	image_command_done(&c);

	command.env = env;
	command.cwd = "/caller";
	command.user = "0";
	assert_int_equal(handle_image_command(&h, &command, &c), 0);
	/* Of two with one name the later one counts. */
	CLEANUP_FREE char *all = join(&c.env);
	assert_string_equal(all, "A=image B=image B=caller");
	assert_string_equal(c.cwd, "/caller");
	assert_string_equal(c.user, "0");
	image_command_done(&c);

	command.cwd = command.user = NULL;
	h.appliance.image = &silent;
	assert_int_equal(handle_image_command(&h, &command, &c), 0);
	assert_string_equal(c.cwd, "/");
	assert_null(c.user);
	image_command_done(&c);

	/* Without an image the directory is the user's home. */
	h.appliance.image = NULL;
	assert_int_equal(handle_image_command(&h, &command, &c), 0);
	assert_null(c.cwd);
	image_command_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_words_follow_the_entrypoint),
		cmocka_unit_test(the_caller_comes_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
