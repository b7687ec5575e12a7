/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The builder's messages arrive, in whatever pieces they come, and however it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "appliance/builder.h"
#include "base/control.h"
#include "base/log.h"
#include "base/strbuf.h"

static struct strbuf heard;

static void hear(enum log_level level, const char *line, void *data)
{
	(void)data;
	strbuf_addf(&heard, "%d:%s\n", level, line);
}

/* A shell script in the builder's place. */
static int run(const char *script, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};
	int control[2];

	strvec_add(&argv, "/bin/sh");
	strvec_add(&argv, "-c");
	strvec_add(&argv, script);
	strbuf_clear(&heard);
	strbuf_adds(&heard, "");
	log_set_handler(hear, NULL, LOG_LEVEL_DEBUG);
	assert_int_equal(control_open(control, err), 0);
	int result = builder_run(&argv, control[0], NULL, err);
	close(control[0]);
	close(control[1]);
	return result;
}

static void a_message_may_come_in_pieces(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(
		run("printf '{\"log\": 1, '; sleep 0.1; printf '\"text\": \"a\"}\\n'",
			&err),
		0);
	assert_string_equal(heard.data, "1:a\n");
}

static void its_error_is_the_error(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(
		run("echo '{\"error\": 28, \"text\": \"it is full\"}'; exit 1", &err),
		-1);
	assert_string_equal(err.msg, "it is full");
	assert_int_equal(err.num, ENOSPC);
}

/* A library that gives up says so on the standard error, and need not end the line. */
static void the_last_words_of_a_library_are_told(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(
		run("printf 'first\\nheap is corrupt' >&2; kill -ABRT $$", &err), -1);
	assert_string_equal(heard.data, "0:builder: first\n0:builder: heap is corrupt\n");
	assert_non_null(strstr(err.msg, "killed by signal 6"));
}

static void one_that_ends_without_a_word_has_failed(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(run("exit 3", &err), -1);
	assert_non_null(strstr(err.msg, "exit status 3"));
	assert_string_equal(heard.data, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_may_come_in_pieces),
		cmocka_unit_test(its_error_is_the_error),
		cmocka_unit_test(the_last_words_of_a_library_are_told),
		cmocka_unit_test(one_that_ends_without_a_word_has_failed),
	};
	int result = cmocka_run_group_tests(tests, NULL, NULL);
	strbuf_done(&heard);
	return result;
}
