/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A supervised child ends with its caller and with its supervisor, however those end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/child.h"
#include "base/monotonic.h"

#define LONG_MS 20000

static const char *const sleeper[] = {"/bin/sleep", "60", NULL};

static struct child start(const char *const *argv)
{
	struct child s = {.argv = (char *const *)argv, .output_fd = STDERR_FILENO};
	struct error err;

	if (child_start(&s, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(s.pid > 0);
	return s;
}

/* Children whose parent ended are given to this process. */
static bool ends(pid_t pid)
{
	int64_t deadline = monotonic_ms() + LONG_MS;

	while (monotonic_ms() < deadline) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		poll(NULL, 0, 10);
	}
	kill(pid, SIGKILL);
	return false;
}

static void its_end_is_told(void **state)
{
	static const char *const exits[] = {"/bin/sh", "-c", "exit 7", NULL};
	static const char *const killed[] = {"/bin/sh", "-c", "kill -9 $$", NULL};
	static const char *const missing[] = {"/nonexistent/program", NULL};

	(void)state;
	struct child s = start(exits);
	struct ended ended = child_wait(&s);
	assert_int_equal(ended.how, ENDED_EXITED);
	assert_int_equal(ended.value, 7);
	s = start(killed);
	ended = child_wait(&s);
	assert_int_equal(ended.how, ENDED_SIGNALED);
	assert_int_equal(ended.value, SIGKILL);
	s = start(missing);
	ended = child_wait(&s);
	assert_int_equal(ended.how, ENDED_NO_EXEC);
	assert_int_equal(ended.value, ENOENT);
}

static void it_is_killed_when_it_is_told(void **state)
{
	struct child s = start(sleeper);

	(void)state;
	/* It can't be kept waiting by a child that is stopped. */
	assert_int_equal(kill(s.pid, SIGSTOP), 0);
	pid_t child = s.pid;
	child_kill(&s);
	/* The supervisor has reaped it. */
	assert_int_equal(kill(child, 0), -1);
	assert_int_equal(errno, ESRCH);
}

/* The child is stopped, so that it could not notice anything by itself. */
static void it_ends_with_its_supervisor(void **state)
{
	struct child s = start(sleeper);
	pid_t child = s.pid;

	(void)state;
	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_int_equal(kill(s.supervisor, SIGKILL), 0);
	assert_true(ends(child));
	struct ended ended = child_wait(&s);
	assert_int_equal(ended.how, ENDED_UNKNOWN);
}

static void it_ends_with_its_caller(void **state)
{
	int pids[2];

	(void)state;
	assert_int_equal(pipe2(pids, O_CLOEXEC), 0);
	pid_t caller = fork();
	if (caller == 0) {
		struct child s = start(sleeper);
		kill(s.pid, SIGSTOP);
		if (write(pids[1], &s.pid, sizeof(s.pid)) != sizeof(s.pid) ||
			write(pids[1], &s.supervisor, sizeof(pid_t)) != sizeof(pid_t))
			_exit(1);
		for (;;)
			pause();
	}
	pid_t child, supervisor;
	assert_int_equal(read(pids[0], &child, sizeof(child)), sizeof(child));
	assert_int_equal(read(pids[0], &supervisor, sizeof(pid_t)), sizeof(pid_t));
	assert_int_equal(kill(caller, SIGKILL), 0);
	assert_int_equal(waitpid(caller, NULL, 0), caller);
	assert_true(ends(supervisor));
	/* It has reaped the child. */
	assert_int_equal(kill(child, 0), -1);
	assert_int_equal(errno, ESRCH);
	close(pids[0]);
	close(pids[1]);
}

/* Only what is passed is open in the child. */
static void it_has_no_other_descriptors(void **state)
{
	static char script[] = "test -e /proc/self/fd/$1 && ! test -e /proc/self/fd/$2";
	char passed[12], kept[12];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	snprintf(passed, sizeof(passed), "%d", fds[0]);
	snprintf(kept, sizeof(kept), "%d", fds[1]);
	char shell[] = "/bin/sh", c[] = "-c";
	char *const argv[] = {shell, c, script, shell, passed, kept, NULL};
	struct child s = {
		.argv = argv, .output_fd = STDERR_FILENO, .pass = &fds[0], .n_pass = 1};
	assert_int_equal(child_start(&s, NULL), 0);
	struct ended ended = child_wait(&s);
	assert_int_equal(ended.how, ENDED_EXITED);
	assert_int_equal(ended.value, 0);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_end_is_told),
		cmocka_unit_test(it_is_killed_when_it_is_told),
		cmocka_unit_test(it_ends_with_its_supervisor),
		cmocka_unit_test(it_ends_with_its_caller),
		cmocka_unit_test(it_has_no_other_descriptors),
	};

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return 1;
	return cmocka_run_group_tests_name("supervise", tests, NULL, NULL);
}
