/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest writes to its console, as it is shown to people: its end, and nothing that
 * a terminal would obey. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "vm/console.h"

static void add(struct console *c, const char *s)
{
	console_add(c, s, strlen(s));
}

static void assert_tail(const struct console *c, unsigned n, const char *expected)
{
	CLEANUP_FREE char *tail = console_tail(c, n, "| ");
	assert_string_equal(tail, expected);
}

static void the_tail_is_the_last_lines(void **state)
{
	CLEANUP(console_done) struct console c = {0};

	(void)state;
	assert_tail(&c, 3, "");
	add(&c, "one\r\ntwo\r\n");
	add(&c, "three\r\nunfin");
	add(&c, "ished");
	assert_tail(&c, 2, "| three\n| unfinished\n");
	assert_tail(&c, 9, "| one\n| two\n| three\n| unfinished\n");
	add(&c, "\n\n\n");
	assert_tail(&c, 1, "| unfinished\n");
	assert_tail(&c, 0, "");
}

static void what_a_terminal_would_obey_is_not_shown(void **state)
{
	CLEANUP(console_done) struct console c = {0};

	(void)state;
	add(&c,
		"\x1b[2J\x07 tab\there \x7f \xc2\x9b"
		"31m caf\xc3\xa9 \x9b"
		"0m\n");
	assert_tail(&c, 1, "| ?[2J? tab\there ? ??31m caf\xc3\xa9 ?0m\n");
}

static void old_text_gives_way(void **state)
{
	CLEANUP(console_done) struct console c = {0};
	CLEANUP_FREE char *found = NULL;

	(void)state;
	add(&c, "the first line\n");
	for (size_t i = 0; i < CONSOLE_RING_SIZE / 8; i++) {
		char line[16];
		snprintf(line, sizeof(line), "%07zu\n", i);
		add(&c, line);
	}
	found = console_find(&c, "the first line");
	assert_null(found);
	assert_tail(&c, 2, "| 0004094\n| 0004095\n");
	/* All of the ring, and not a byte more. */
	CLEANUP_FREE char *all = console_tail(&c, 100000, "");
	assert_int_equal(strlen(all), CONSOLE_RING_SIZE);
	assert_memory_equal(all, "0000000\n", 8);
	add(&c, "x");
	CLEANUP_FREE char *shifted = console_tail(&c, 100000, "");
	assert_memory_equal(shifted, "000000\n", 7);
}

static void many_bytes_at_once_leave_their_end(void **state)
{
	CLEANUP(console_done) struct console c = {0};
	CLEANUP_STRBUF struct strbuf sb = {0};

	(void)state;
	while (sb.len < 3 * CONSOLE_RING_SIZE)
		strbuf_addf(&sb, "line %zu\n", sb.len);
	strbuf_adds(&sb, "the end\n");
	console_add(&c, sb.data, sb.len);
	assert_tail(&c, 1, "| the end\n");
}

static void the_last_line_that_says_so_is_found(void **state)
{
	CLEANUP(console_done) struct console c = {0};

	(void)state;
	add(&c, "[ 1.0] Kernel panic - not: first\r\n[ 2.0] Kernel panic - not: \x1bsecond\r\nend\n");
	CLEANUP_FREE char *found = console_find(&c, "Kernel panic");
	assert_string_equal(found, "Kernel panic - not: ?second");
	assert_null(console_find(&c, "Oops"));
}

static struct strbuf heard;

static void hear(const char *line, const char *name)
{
	strbuf_addf(&heard, "%s<%s>", name, line);
}

static void whole_lines_are_told_as_they_come(void **state)
{
	CLEANUP(console_done) struct console c = {.on_line = hear, .name = "guest"};

	(void)state;
	add(&c, "one\r\n\ntw");
	assert_string_equal(heard.data, "guest<one>");
	add(&c, "o\x1b\n");
	assert_string_equal(heard.data, "guest<one>guest<two?>");
	/* A line without an end is told in pieces. */
	strbuf_clear(&heard);
	for (int i = 0; i < 2500; i++)
		add(&c, "x");
	assert_true(heard.len >= 2000 && heard.len < 2500 + 100);
	strbuf_done(&heard);
}

static void an_end_is_told_apart_from_an_earlier_one(void **state)
{
	CLEANUP(console_done) struct console c = {0};
	char filler[CONSOLE_RING_SIZE - 4];

	(void)state;
	assert_int_equal(console_end_of(&c, "word"), 0);
	add(&c, "a wo");
	assert_int_equal(console_end_of(&c, "word"), 0);
	add(&c, "rd");
	assert_int_equal(console_end_of(&c, "word"), 6);
	add(&c, ", word\n");
	assert_int_equal(console_end_of(&c, "word"), 12);
	/* Around the ring's end, and then out of it. */
	memset(filler, '-', sizeof(filler));
	console_add(&c, filler, sizeof(filler) - 1);
	assert_int_equal(console_end_of(&c, "word"), 12);
	add(&c, "-");
	assert_int_equal(console_end_of(&c, "word"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tail_is_the_last_lines),
		cmocka_unit_test(what_a_terminal_would_obey_is_not_shown),
		cmocka_unit_test(old_text_gives_way),
		cmocka_unit_test(many_bytes_at_once_leave_their_end),
		cmocka_unit_test(the_last_line_that_says_so_is_found),
		cmocka_unit_test(whole_lines_are_told_as_they_come),
		cmocka_unit_test(an_end_is_told_apart_from_an_earlier_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
