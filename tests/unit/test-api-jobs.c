/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands under way on a handle, and who hears of their end. The handle stands for a session
 * whose keeper is a thread here, which answers a command by its words:
 *
 *	exit N		it has ended with this status
 *	miss TEXT	it could not be found, for this reason
 *	fail TEXT	it fails, for this reason
 *	hang-up		the connection is closed
 *	hold		it ends by a signal
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/remove.h"
#include "hypermin.h"
#include "session/session.h"

#define CLIENTS_MAX 64
#define FDS_MAX	    64

/* ---- The keeper ---- */

static struct {
	char dir[32];
	struct session_name name;
	int listen_fd, end_fds[2];
	pthread_t thread;
	struct session_link clients[CLIENTS_MAX];
	size_t n_clients;
} keeper;

static void answer(struct session_link *link, enum hypermin_outcome outcome, int status,
	const char *text)
{
	uint8_t fixed[SESSION_RESULT_FIXED];

	wire_put_u32(fixed, outcome);
	wire_put_u32(fixed + 4, status);
	session_link_add_text(link, SESSION_RESULT, fixed, sizeof(fixed), text);
}

static void answer_exec(struct session_link *link, const struct frame *f)
{
	const char *here = (const char *)f->payload + SESSION_EXEC_FIXED;
	size_t at = SESSION_EXEC_FIXED + strlen(here) + 1;
	uint8_t num[SESSION_FAILED_FIXED];
	struct exec_request exec;

	if (exec_request_parse(f->payload + at, f->len - at, &exec) < 0)
		abort();
	const char *what = exec.argv, *word = what + strlen(what) + 1;
	if (strcmp(what, "exit") == 0) {
		answer(link, HYPERMIN_EXITED, atoi(word), "");
	} else if (strcmp(what, "miss") == 0) {
		answer(link, HYPERMIN_NOT_FOUND, 127, word);
	} else if (strcmp(what, "fail") == 0) {
		wire_put_u32(num, EIO);
		session_link_add_text(link, SESSION_FAILED, num, sizeof(num), word);
	} else if (strcmp(what, "hang-up") == 0) {
		session_link_done(link);
	}
}

static void serve(struct session_link *link)
{
	struct frame f;

	if (session_link_receive(link) < 0) {
		session_link_done(link);
		return;
	}
	while (link->fd >= 0 && session_link_next(link, &f) > 0) {
		if (f.type == SESSION_EXEC)
			answer_exec(link, &f);
		else if (f.type == SESSION_SIGNAL)
			answer(link, HYPERMIN_KILLED, 128 + wire_get_u32(f.payload), "");
		if (link->fd < 0)
			return;
		session_link_drop(link);
		session_link_flush(link);
	}
}

static void *keep(void *unused)
{
	struct pollfd fds[2 + CLIENTS_MAX];

	for (;;) {
		size_t n = keeper.n_clients;
		fds[0] = (struct pollfd){keeper.end_fds[0], POLLIN, 0};
		fds[1] = (struct pollfd){keeper.listen_fd, POLLIN, 0};
		for (size_t i = 0; i < n; i++)
			fds[2 + i] = (struct pollfd){keeper.clients[i].fd, POLLIN, 0};
		poll(fds, 2 + n, -1);
		if (fds[0].revents)
			return unused;
		for (size_t i = 0; i < n; i++)
			if (fds[2 + i].revents)
				serve(&keeper.clients[i]);
		int fd = accept4(keeper.listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			session_link_init(&keeper.clients[keeper.n_clients++], fd);
	}
}

static int setup(void **state)
{
	struct error err;

	memset(&keeper, 0, sizeof(keeper));
	strcpy(keeper.dir, "/tmp/test-jobs.XXXXXX");
	assert_non_null(mkdtemp(keeper.dir));
	setenv("XDG_RUNTIME_DIR", keeper.dir, 1);
	assert_int_equal(pipe2(keeper.end_fds, O_CLOEXEC), 0);
	assert_int_equal(session_claim("web", &keeper.name, &err), 0);
	keeper.listen_fd = session_listen(&keeper.name, &err);
	assert_true(keeper.listen_fd >= 0);
	pthread_create(&keeper.thread, NULL, keep, NULL);
	struct hypermin *h = hypermin_new();
	assert_int_equal(hypermin_open_session(h, "web"), 0);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	hypermin_free(*state);
	close(keeper.end_fds[1]);
	pthread_join(keeper.thread, NULL);
	close(keeper.end_fds[0]);
	close(keeper.listen_fd);
	for (size_t i = 0; i < keeper.n_clients; i++)
		session_link_done(&keeper.clients[i]);
	session_release(&keeper.name, NULL);
	remove_all(AT_FDCWD, keeper.dir);
	return 0;
}

/* ---- Its clients ---- */

struct end {
	int calls;
	bool failed;
	struct hypermin_result result;
	char error[100];
	struct hypermin *h;
};

static void ended(
	struct hypermin_job *job, const struct hypermin_result *result, void *data)
{
	struct end *end = data;

	(void)job;
	end->calls++;
	end->failed = !result;
	if (result)
		end->result = *result;
	snprintf(end->error, sizeof(end->error), "%s", hypermin_error(end->h));
}

static struct hypermin_job *begin(
	struct hypermin *h, const char *what, const char *word, struct end *end)
{
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;

	command.argv = (const char *const[]){what, word, NULL};
	if (end)
		*end = (struct end){.h = h};
	struct hypermin_job *job = hypermin_begin(h, &command, end ? ended : NULL, end);
	assert_non_null(job);
	return job;
}

static void turn(struct hypermin *h)
{
	struct pollfd fds[FDS_MAX];
	int timeout_ms;
	size_t n = hypermin_descriptors(h, fds, FDS_MAX, &timeout_ms);

	assert_true(n <= FDS_MAX);
	poll(fds, n, timeout_ms);
	assert_int_equal(hypermin_dispatch(h), 0);
}

static void each_end_is_told_once_with_its_status(void **state)
{
	struct hypermin *h = *state;
	struct end ends[3];

	begin(h, "exit", "3", &ends[0]);
	begin(h, "miss", "no such thing", &ends[1]);
	begin(h, "fail", "of bad luck", &ends[2]);
	while (!ends[0].calls || !ends[1].calls || !ends[2].calls)
		turn(h);
	assert_int_equal(hypermin_dispatch(h), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ends[i].calls, 1);
	assert_int_equal(ends[0].result.outcome, HYPERMIN_EXITED);
	assert_int_equal(ends[0].result.status, 3);
	assert_string_equal(ends[0].error, "");
	assert_int_equal(ends[1].result.outcome, HYPERMIN_NOT_FOUND);
	assert_string_equal(ends[1].error, "no such thing");
	assert_true(ends[2].failed);
	assert_string_equal(ends[2].error, "of bad luck");
}

static void commands_can_be_waited_for_in_any_order(void **state)
{
	struct hypermin *h = *state;
	struct hypermin_result result;
	struct hypermin_job *first = begin(h, "exit", "1", NULL);
	struct hypermin_job *second = begin(h, "exit", "2", NULL);

	assert_int_equal(hypermin_wait(second, &result), 0);
	assert_int_equal(result.status, 2);
	assert_int_equal(hypermin_wait(first, &result), 0);
	assert_int_equal(result.status, 1);
}

static void who_waits_hears_of_it_and_nobody_else(void **state)
{
	struct hypermin *h = *state;
	struct hypermin_result result;
	struct end end;
	struct hypermin_job *job = begin(h, "exit", "4", &end);

	assert_int_equal(hypermin_wait(job, &result), 0);
	assert_int_equal(result.status, 4);
	assert_int_equal(hypermin_dispatch(h), 0);
	assert_int_equal(end.calls, 0);
}

static void an_end_that_came_during_another_wait_is_told_later(void **state)
{
	struct hypermin *h = *state;
	struct hypermin_result result;
	struct end end;
	int timeout_ms;

	begin(h, "exit", "5", &end);
	/* The keeper has answered the first before it has the second. */
	assert_int_equal(hypermin_wait(begin(h, "exit", "6", NULL), &result), 0);
	assert_int_equal(hypermin_wait(begin(h, "exit", "7", NULL), &result), 0);
	assert_int_equal(end.calls, 0);
	hypermin_descriptors(h, NULL, 0, &timeout_ms);
	assert_int_equal(timeout_ms, 0);
	assert_int_equal(hypermin_dispatch(h), 0);
	assert_int_equal(end.calls, 1);
	assert_int_equal(end.result.status, 5);
}

static void a_signal_reaches_one_command_alone(void **state)
{
	struct hypermin *h = *state;
	struct hypermin_result result;
	struct end other;
	struct hypermin_job *job = begin(h, "hold", NULL, NULL);

	begin(h, "hold", NULL, &other);
	hypermin_signal(job, 0);
	hypermin_signal(job, SIGUSR1);
	assert_int_equal(hypermin_wait(job, &result), 0);
	assert_int_equal(result.status, 128 + SIGUSR1);
	assert_int_equal(hypermin_dispatch(h), 0);
	assert_int_equal(other.calls, 0);
}

static void the_first_interrupt_is_a_signal_and_the_second_the_end(void **state)
{
	struct hypermin *h = *state;
	struct hypermin_result result;
	struct hypermin_job *job = begin(h, "hold", NULL, NULL);

	hypermin_interrupt(h, SIGINT);
	assert_int_equal(hypermin_wait(job, &result), 0);
	assert_int_equal(result.status, 128 + SIGINT);

	job = begin(h, "never", NULL, NULL);
	hypermin_interrupt(h, SIGINT);
	hypermin_interrupt(h, SIGINT);
	assert_int_equal(hypermin_wait(job, &result), -1);
	assert_int_equal(hypermin_error_number(h), EINTR);
}

static void nothing_is_told_of_a_command_that_was_given_up(void **state)
{
	struct hypermin *h = *state;
	struct end given_up, kept;
	struct hypermin_job *job = begin(h, "exit", "1", &given_up);

	begin(h, "exit", "2", &kept);
	hypermin_give_up(job);
	while (!kept.calls)
		turn(h);
	assert_int_equal(given_up.calls, 0);
}

static void a_keeper_that_hangs_up_is_a_failure_of_that_command(void **state)
{
	struct hypermin *h = *state;
	struct end lost, other;

	begin(h, "hang-up", NULL, &lost);
	begin(h, "exit", "2", &other);
	while (!lost.calls || !other.calls)
		turn(h);
	assert_true(lost.failed);
	assert_non_null(strstr(lost.error, "has closed the connection"));
	assert_int_equal(other.result.status, 2);
}

static void begin_next(
	struct hypermin_job *job, const struct hypermin_result *result, void *data)
{
	struct end *end = data;
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;

	(void)job;
	assert_non_null(result);
	assert_int_equal(result->status, 8);
	command.argv = (const char *const[]){"exit", "8", NULL};
	if (++end->calls < 5)
		assert_non_null(hypermin_begin(end->h, &command, begin_next, end));
}

static void an_end_may_begin_the_next_command(void **state)
{
	struct end end = {.h = *state, .calls = -1};

	begin_next(NULL, &(struct hypermin_result){HYPERMIN_EXITED, 8}, &end);
	while (end.calls < 5)
		turn(*state);
}

struct thread {
	struct hypermin *h;
	int number;
	const char *wrong; /* NULL: nothing */
};

static void *run_many(void *data)
{
	struct thread *t = data;
	struct hypermin_result result;
	char word[32];

	snprintf(word, sizeof(word), "%d", t->number);
	for (int i = 0; i < 3; i++) {
		if (hypermin_wait(begin(t->h, "exit", word, NULL), &result) < 0 ||
			result.status != t->number)
			t->wrong = "a status";
		if (hypermin_wait(begin(t->h, "fail", word, NULL), &result) == 0 ||
			strcmp(hypermin_error(t->h), word) != 0 ||
			hypermin_error_number(t->h) != EIO)
			t->wrong = "an error";
	}
	return NULL;
}

static void each_thread_has_its_own_ends_and_errors(void **state)
{
	struct thread t[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		t[i] = (struct thread){*state, 10 + i, NULL};
		pthread_create(&threads[i], NULL, run_many, &t[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_null(t[i].wrong);
	}
	assert_string_equal(hypermin_error(*state), "");
}

static void *wait_for(void *job)
{
	static struct hypermin_result result;

	return hypermin_wait(job, &result) == 0 ? &result : NULL;
}

static void a_command_that_is_begun_wakes_the_thread_that_polls(void **state)
{
	struct hypermin *h = *state;
	struct hypermin_job *job = begin(h, "hold", NULL, NULL);
	struct hypermin_result result;
	pthread_t thread;
	void *first;

	pthread_create(&thread, NULL, wait_for, job);
	/* That thread polls by now, and goes on when this one waits for its own. */
	while (hypermin_dispatch(h) == 0)
		usleep(1000);
	assert_int_equal(hypermin_error_number(h), EBUSY);
	assert_int_equal(hypermin_wait(begin(h, "exit", "9", NULL), &result), 0);
	assert_int_equal(result.status, 9);
	hypermin_signal(job, SIGTERM);
	pthread_join(thread, &first);
	assert_non_null(first);
	assert_int_equal(((struct hypermin_result *)first)->status, 128 + SIGTERM);
}

#define job_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		job_test(each_end_is_told_once_with_its_status),
		job_test(commands_can_be_waited_for_in_any_order),
		job_test(who_waits_hears_of_it_and_nobody_else),
		job_test(an_end_that_came_during_another_wait_is_told_later),
		job_test(a_signal_reaches_one_command_alone),
		job_test(the_first_interrupt_is_a_signal_and_the_second_the_end),
		job_test(nothing_is_told_of_a_command_that_was_given_up),
		job_test(a_keeper_that_hangs_up_is_a_failure_of_that_command),
		job_test(an_end_may_begin_the_next_command),
		job_test(each_thread_has_its_own_ends_and_errors),
		job_test(a_command_that_is_begun_wakes_the_thread_that_polls),
	};

	/* One that waits for ever is a failure. */
	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
