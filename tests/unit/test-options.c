/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options as typed rows: what each kind takes, how words and options mix, and what is meant
 * by a misspelt one. */
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
#include "options/options.h"

struct target {
	bool flag;
	const char *marked;
	int count;
	const char *text;
	struct option_list list;
	unsigned number;
	uint64_t size;
	unsigned ms;
	enum { RED, GREEN } choice;
	const char *taken;
};

static int take_odd(const struct option_row *row, void *member, const char *value)
{
	if (value && strcmp(value, "bad") == 0)
		return -7;
	assert_true(strcmp(row->name, "call") == 0 || strcmp(row->name, "port") == 0);
	*(const char **)member = value;
	return 0;
}

#define AT(member) offsetof(struct target, member)

static const struct option_row rows[] = {
	{OPTION_FLAG, "flag", 'f', NULL, "a flag", AT(flag)},
	{OPTION_COUNT, "verbose", 'v', NULL, "a count", AT(count)},
	{OPTION_TEXT, "text", 't', "TEXT", "a text", AT(text)},
	{OPTION_LIST, "list", 0, "WORD", "a list", AT(list)},
	{OPTION_NUMBER, "number", 'n', "N", "a number", AT(number), .min = 3, .max = 12},
	{0},
};

/* Of another struct, which is a part of the command's. */
static const struct option_row more_rows[] = {
	{OPTION_SIZE, "size", 0, "SIZE", "a size", 0},
	{OPTION_SECONDS, "text-time", 0, "SECONDS", "a time", AT(ms) - AT(size)},
	{OPTION_CHOICE, "color", 0, "red|green", "a choice", AT(choice) - AT(size)},
	{OPTION_CALL, "call", 0, "X", "a call", AT(taken) - AT(size), .take = take_odd},
	{OPTION_CALL, "port", 0, "[=PORT]", "may be left out", AT(taken) - AT(size),
		.take = take_odd},
	{OPTION_TEXT, "label", 0, "X", "may be empty", AT(text) - AT(size),
		.may_be_empty = true},
	{0},
};

static const struct option_group groups[] = {
	{NULL, rows, 0, 0},
	{"More", more_rows, AT(size), AT(marked)},
	{0},
};

static struct options options = {
	.command = "test", .usage = "Usage: test", .groups = groups};

#define PARSE(t, ...)                                                                \
	({                                                                           \
		const char *argv_[] = {"test", __VA_ARGS__, NULL};                   \
		options_parse(&options, ARRAY_SIZE(argv_) - 1, (char **)argv_, (t)); \
	})

static void every_kind_takes_its_value(void **state)
{
	struct target t = {0};

	(void)state;
	options.words = WORDS_NONE;
	int first = PARSE(&t, "--flag", "-vvv", "-tshort", "--list", "a", "--list=b",
		"-n", "12", "--size", "3M", "--text-time", "0.25", "--color=green",
		"--call=x");
	assert_int_equal(first, 15);
	assert_true(t.flag);
	assert_int_equal(t.count, 3);
	assert_string_equal(t.text, "short");
	assert_int_equal(t.list.len, 2);
	assert_string_equal(t.list.items[1], "b");
	assert_null(t.list.items[2]);
	assert_int_equal(t.number, 12);
	assert_int_equal(t.size, 3 << 20);
	assert_int_equal(t.ms, 250);
	assert_int_equal(t.choice, GREEN);
	assert_string_equal(t.taken, "x");
	assert_string_equal(t.marked, "call");
	free(t.list.items);
}

static void a_group_marks_only_its_own_options(void **state)
{
	struct target t = {0};

	(void)state;
	options.words = WORDS_NONE;
	assert_true(PARSE(&t, "--flag") > 0);
	assert_null(t.marked);
}

static void a_value_that_may_be_left_out_is_never_the_next_word(void **state)
{
	struct target t = {.taken = "before"};

	(void)state;
	options.words = WORDS_LAST;
	assert_int_equal(PARSE(&t, "--port", "1234"), 2);
	assert_null(t.taken);
	assert_int_equal(PARSE(&t, "--port=1234", "command"), 2);
	assert_string_equal(t.taken, "1234");
	assert_int_equal(PARSE(&t, "--port="), OPTIONS_MISUSED);
}

static void what_does_not_fit_is_refused(void **state)
{
	struct target t = {0};

	(void)state;
	options.words = WORDS_NONE;
	assert_int_equal(PARSE(&t, "--number", "2"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--number", "13"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--number", " 5"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--size", "3X"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--color", "gree"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--color", "greener"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--text-time", "0"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--text-time", " 5"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--text-time", "+5"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--text-time", "0x5"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--text-time", "5."), 3);
	assert_int_equal(PARSE(&t, "--text-time", ".5"), 3);
	assert_int_equal(t.ms, 500);
	assert_int_equal(PARSE(&t, "--flag=yes"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--text"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "-ft"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "-x"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--nothing-like-it"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "word"), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--call", "bad"), -7);
}

/* An empty value is most often a variable that is not set: `--user "$user"`. */
static void an_empty_value_is_refused_unless_its_row_allows_it(void **state)
{
	struct target t = {0};

	(void)state;
	options.words = WORDS_NONE;
	assert_int_equal(PARSE(&t, "--text", ""), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--text="), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "-t", ""), OPTIONS_MISUSED);
	assert_int_equal(PARSE(&t, "--list", ""), OPTIONS_MISUSED);
	assert_null(t.text);
	assert_true(PARSE(&t, "--label", "") > 0);
	assert_string_equal(t.text, "");
}

static void a_name_may_be_cut_where_it_is_clear(void **state)
{
	struct target t = {0};

	(void)state;
	options.words = WORDS_NONE;
	assert_true(PARSE(&t, "--num", "4") > 0);
	assert_int_equal(t.number, 4);
	/* A whole name is one even where another begins with it. */
	assert_true(PARSE(&t, "--text", "x") > 0);
	assert_string_equal(t.text, "x");
	assert_int_equal(PARSE(&t, "--tex", "x"), OPTIONS_MISUSED);
}

static void a_command_s_words_are_left_alone(void **state)
{
	struct target t = {0};
	const char *argv[] = {"test", "-f", "ls", "-v", NULL};

	(void)state;
	options.words = WORDS_LAST;
	assert_int_equal(options_parse(&options, 4, (char **)argv, &t), 2);
	assert_int_equal(t.count, 0);
	assert_int_equal(PARSE(&t, "--", "--flag"), 2);
	assert_int_equal(PARSE(&t, "-"), 1);
}

static void words_and_options_mix(void **state)
{
	struct target t = {0};
	const char *argv[] = {"test", "a", "-v", "b", "-t", "x", "--", "-c", NULL};

	(void)state;
	options.words = WORDS_MIXED;
	int first = options_parse(&options, 8, (char **)argv, &t);
	assert_int_equal(first, 5);
	assert_string_equal(argv[5], "a");
	assert_string_equal(argv[6], "b");
	assert_string_equal(argv[7], "-c");
	assert_null(argv[8]);
	assert_int_equal(t.count, 1);
	assert_string_equal(t.text, "x");
	assert_int_equal(PARSE(&t, "-v"), 2);
}

static const char *guess(const char *word)
{
	static const char *const known[] = {"run", "shell", "warm", "doctor", "cache"};
	struct options_guess g = {.word = word};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		options_guess_offer(&g, known[i]);
	return g.best ? g.best : "";
}

static void a_slip_of_the_fingers_is_understood(void **state)
{
	(void)state;
	assert_string_equal(guess("rnu"), "run");
	assert_string_equal(guess("cahce"), "cache");
	assert_string_equal(guess("shel"), "shell");
	assert_string_equal(guess("docktor"), "doctor");
	assert_string_equal(guess("elephant"), "");
	assert_string_equal(guess("x"), "");
	assert_string_equal(guess(""), "");
	assert_string_equal(guess("a-word-that-is-far-too-long-to-be-any-of-them"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_takes_its_value),
		cmocka_unit_test(a_group_marks_only_its_own_options),
		cmocka_unit_test(a_value_that_may_be_left_out_is_never_the_next_word),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(an_empty_value_is_refused_unless_its_row_allows_it),
		cmocka_unit_test(a_name_may_be_cut_where_it_is_clear),
		cmocka_unit_test(a_command_s_words_are_left_alone),
		cmocka_unit_test(words_and_options_mix),
		cmocka_unit_test(a_slip_of_the_fingers_is_understood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
