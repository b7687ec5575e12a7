/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a child writes arrives line by line, and child_run() leaves none behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/strbuf.h"

#define PATIENCE_MS 10000

struct heard {
	struct strbuf lines;
	size_t n_lines;
	pid_t pid; /* the first line, if it is a number */
	int stop_after;
};

static void hear(char *line, void *data)
{
	struct heard *h = data;

	if (h->n_lines++ == 0)
		h->pid = atoi(line);
	if (h->lines.len < 1000)
		strbuf_addf(&h->lines, "%.100s|", line);
}

static int stop(void *data, struct error *err)
{
	const struct heard *h = data;

	if (h->stop_after && h->n_lines >= (size_t)h->stop_after)
		return error_set(err, EINTR, "go on");
	return 0;
}

/* A shell script, run to its end; 0 or -1 as child_run() says. */
static int run(const char *script, struct heard *h, int grace_ms, const char *directory,
	struct ended *ret, struct error *err)
{
	char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)script, NULL};
	const struct child_listener listener = {.on_line = hear,
		.stop = stop,
		.stop_fd = -1,
		.grace_ms = grace_ms,
		.data = h};
	struct child child = {.argv = argv, .directory = directory};

	int result = child_run(&child, &listener, ret, err);
	assert_int_equal(child.supervisor, 0);
	/* Nothing is left to be awaited. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	return result;
}

/* A zombie is gone, too: where init reaps nothing, an orphan stays one. */
static bool has_ended(pid_t pid)
{
	CLEANUP_FREE char *path = xasprintf("/proc/%d/stat", (int)pid);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[200] = "";

	if (fd < 0)
		return true;
	if (read(fd, text, sizeof(text) - 1) < 0)
		return errno == ESRCH;
	const char *end = strrchr(text, ')');
	return end && strncmp(end, ") Z", 3) == 0;
}

static bool is_gone(pid_t pid)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		if (has_ended(pid))
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

static void lines_arrive_whole_and_empty_ones_do_not(void **state)
{
	struct heard h = {0};
	struct ended ended;
	struct error err;

	(void)state;
	assert_int_equal(run("printf 'on'; sleep 0.1; printf 'e\\n\\ntwo\\nlast' >&2", &h,
				 0, NULL, &ended, &err),
		0);
	assert_string_equal(h.lines.data, "one|two|last|");
	assert_int_equal(ended.how, ENDED_EXITED);
	assert_int_equal(ended.value, 0);
	strbuf_done(&h.lines);
}

/* More than a pipe holds, and more than anyone keeps. */
static void a_child_that_never_stops_talking_is_read_to_its_end(void **state)
{
	struct heard h = {0};
	struct ended ended;
	struct error err;

	(void)state;
	assert_int_equal(
		run("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end; exit 4", &h,
			0, NULL, &ended, &err),
		0);
	assert_int_equal(h.n_lines, 2);
	assert_int_equal(ended.value, 4);
	strbuf_done(&h.lines);
}

static void one_that_is_stopped_is_gone(void **state)
{
	struct heard h = {.stop_after = 1};
	struct ended ended;
	struct error err;

	(void)state;
	assert_int_equal(run("echo $$; trap '' TERM; while :; do sleep 1; done", &h, 100,
				 NULL, &ended, &err),
		-1);
	assert_int_equal(err.num, EINTR);
	assert_true(is_gone(h.pid));
	strbuf_done(&h.lines);
}

static void one_that_is_stopped_may_tidy_up(void **state)
{
	char directory[] = "/tmp/hypermin-test-XXXXXX";
	struct heard h = {.stop_after = 1};
	struct ended ended;
	struct error err;

	(void)state;
	assert_non_null(mkdtemp(directory));
	CLEANUP_FREE char *file = xasprintf("%s/tidied", directory);
	assert_int_equal(
		run("trap 'sleep 0.2; >tidied; exit' TERM; echo $$; while :; do sleep 0.05; done",
			&h, PATIENCE_MS, directory, &ended, &err),
		-1);
	assert_true(is_gone(h.pid));
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(directory), 0);
	strbuf_done(&h.lines);
}

static void what_can_not_run_says_why(void **state)
{
	struct heard h = {0};
	struct ended ended;
	struct error err;

	(void)state;
	assert_int_equal(run("true", &h, 0, "/does/not/exist", &ended, &err), 0);
	assert_int_equal(ended.how, ENDED_NO_EXEC);
	assert_int_equal(ended.value, ENOENT);
	strbuf_done(&h.lines);
}

static void how_it_ended_is_said_in_words(void **state)
{
	static const struct {
		struct ended ended;
		const char *text;
	} cases[] = {
		{{ENDED_EXITED, 3}, "ended with exit status 3"},
		{{ENDED_SIGNALED, 9}, "was killed by signal 9 (Killed)"},
		{{ENDED_NO_EXEC, ENOENT}, "can't be run: No such file or directory"},
		{{ENDED_UNKNOWN, 0}, "was lost: the process that watches it was killed"},
	};

	(void)state;
	assert_null(child_describe((struct ended){ENDED_EXITED, 0}));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FREE char *text = child_describe(cases[i].ended);
		assert_string_equal(text, cases[i].text);
	}
}

/* It ends by itself, or is killed. */
static void what_it_took_is_known_afterwards(void **state)
{
	char *busy[] = {(char *)"/bin/sh", (char *)"-c",
		(char *)"i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done", NULL};
	char *endless[] = {
		(char *)"/bin/sh", (char *)"-c", (char *)"while :; do :; done", NULL};
	struct child child = {.argv = busy, .output_fd = 1};

	(void)state;
	assert_int_equal(child_start(&child, NULL), 0);
	child_wait(&child);
	assert_in_range(child.cpu_us, 1000, INT64_C(600000000));
	assert_in_range(child.peak_memory, 100 * 1024, INT64_C(1) << 40);
	child = (struct child){.argv = endless, .output_fd = 1};
	assert_int_equal(child_start(&child, NULL), 0);
	usleep(200000);
	child_kill(&child);
	assert_in_range(child.cpu_us, 1000, INT64_C(600000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_arrive_whole_and_empty_ones_do_not),
		cmocka_unit_test(a_child_that_never_stops_talking_is_read_to_its_end),
		cmocka_unit_test(one_that_is_stopped_is_gone),
		cmocka_unit_test(one_that_is_stopped_may_tidy_up),
		cmocka_unit_test(what_can_not_run_says_why),
		cmocka_unit_test(how_it_ended_is_said_in_words),
		cmocka_unit_test(what_it_took_is_known_afterwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
