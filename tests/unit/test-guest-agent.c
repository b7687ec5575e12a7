/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Both sides of the agent talk over a socket pair: the guest's in a process of its own,
 * with real commands, pipes and terminals, but without a machine to stop. It needs root,
 * as the guest's does to become a user.
 */
#include "guest/agent.c"
#include "guest/channel.c"
#include "guest/child.c"
#include "guest/command.c"
#include "guest/devices.c"
#include "guest/file.c"
#include "guest/frames.c"
#include "guest/plumbing.c"
#include "guest/standby.c"
#include "guest/streams.c"
#include "guest/user.c"

/* child.c's fail() is done with; cmocka has a macro of that name. */
#include <setjmp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "base/io.h"
#include "base/strbuf.h"

#define PATIENCE_MS 20000

struct fixture {
	struct agent *a;
	pid_t guest;
	int port;
	bool stands_by; /* there is a process for each command before it is asked for */
	bool hold;	/* do not take stdout */
	size_t held;
	struct strbuf out, err; /* what the command wrote */
	bool ready, resumed, started, stdin_closed, over, pong, stopped;
	char fatal[MESSAGE_MAX + 1];
	int status, signal, errnum;
	char step[MESSAGE_MAX + 1];
};

static void on_ready(const struct agent_boot_times *times, void *data)
{
	((struct fixture *)data)->ready = times->ready == 5;
}

static void on_resumed(void *data)
{
	((struct fixture *)data)->resumed = true;
}

static void on_fatal(const char *message, void *data)
{
	struct fixture *f = data;

	f->over = true;
	strcpy(f->fatal, message);
}

static void on_started(void *data)
{
	((struct fixture *)data)->started = true;
}

static void on_start_failed(int errnum, const char *step, void *data)
{
	struct fixture *f = data;

	f->over = true;
	f->errnum = errnum;
	strcpy(f->step, step);
}

static void on_output(enum agent_stream stream, const void *bytes, size_t len, void *data)
{
	struct fixture *f = data;

	strbuf_add(stream == AGENT_STDOUT ? &f->out : &f->err, bytes, len);
	if (f->hold && stream == AGENT_STDOUT)
		f->held += len;
	else
		agent_output_taken(f->a, stream, len);
}

static void on_stdin_closed(void *data)
{
	((struct fixture *)data)->stdin_closed = true;
}

static void on_exited(int status, int signal, void *data)
{
	struct fixture *f = data;

	f->over = true;
	f->status = status;
	f->signal = signal;
}

static void on_pong(void *data)
{
	((struct fixture *)data)->pong = true;
}

static void on_stopped(void *data)
{
	((struct fixture *)data)->stopped = true;
}

static void ignore_clock(uint64_t realtime_ns)
{
	(void)realtime_ns;
}

static bool a_disk_is_stuck;

static int stand_by_unless_stuck(uint32_t stand_ins, struct error *err)
{
	return a_disk_is_stuck && stand_ins == 3 ? error_set(err, 0, "a disk is stuck")
						 : 0;
}

static int resume_if_all_is_there(const struct resume *r, struct error *err)
{
	for (int i = 0; i < RESUME_SEED_SIZE; i++)
		if (r->seed[i] != i)
			return error_set(err, 0, "byte %d of the seed is wrong", i);
	if (r->realtime_ns != 1234567890123456789 || r->new_disks > 200)
		return error_set(err, 0, "there is no room for %u disks", r->new_disks);
	return 0;
}

static void stop_nothing(void)
{
}

static _Noreturn void be_the_guest(int port)
{
	static const uint64_t times[READY_TIMES] = {1, 2, 3, 4, 5};
	static const struct machine machine = {
		.sys = "/nonexistent",
		.set_clock = ignore_clock,
		.stand_by = stand_by_unless_stuck,
		.resume = resume_if_all_is_there,
		.stop = stop_nothing,
	};
	struct error err = {0};

	/* The first process inherits orphans; so that this one does too. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	agent_say_hello(port);
	agent_say_ready(port, times);
	_exit(agent_serve(port, &machine, &err) < 0 ? 1 : 0);
}

/* Send and receive once, waiting a little if there is nothing. */
static void talk_once(struct fixture *f)
{
	static char buffer[128 * 1024];
	size_t len;
	const void *out = agent_output(f->a, &len);
	struct pollfd p = {f->port, POLLIN | (len ? POLLOUT : 0), 0};
	struct error err;
	ssize_t n;

	poll(&p, 1, 20);
	if (p.revents & POLLOUT) {
		n = write(f->port, out, len);
		assert_true(n > 0);
		agent_output_sent(f->a, n);
	}
	if (p.revents & (POLLIN | POLLHUP)) {
		n = read(f->port, buffer, sizeof(buffer));
		assert_true(n > 0);
		if (agent_receive(f->a, buffer, n, &err) < 0)
			fail_msg("%s", err.msg);
	}
}

/* Talk until *until is set, or time is up. */
static void talk(struct fixture *f, const bool *until)
{
	int64_t deadline = io_now_ms() + PATIENCE_MS;

	while (!*until) {
		assert_true(io_now_ms() < deadline);
		talk_once(f);
	}
}

static int setup(void **state)
{
	static const struct agent_handler handler = {
		.ready = on_ready,
		.fatal = on_fatal,
		.started = on_started,
		.start_failed = on_start_failed,
		.output = on_output,
		.stdin_closed = on_stdin_closed,
		.exited = on_exited,
		.pong = on_pong,
		.stopped = on_stopped,
	};
	struct fixture *f = xcalloc(1, sizeof(*f));
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	f->guest = fork();
	if (f->guest == 0) {
		close(pair[0]);
		be_the_guest(pair[1]);
	}
	close(pair[1]);
	f->port = pair[0];
	fcntl(f->port, F_SETFL, O_NONBLOCK);
	f->a = agent_new(&handler, f);
	*state = f;
	return 0;
}

static int setup_standing_by(void **state)
{
	setup(state);
	((struct fixture *)*state)->stands_by = true;
	return 0;
}

static int setup_with_stuck_disk(void **state)
{
	a_disk_is_stuck = true;
	setup(state);
	a_disk_is_stuck = false;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->port);
	kill(f->guest, SIGKILL);
	waitpid(f->guest, NULL, 0);
	agent_free(f->a);
	strbuf_done(&f->out);
	strbuf_done(&f->err);
	free(f);
	return 0;
}

static void start(struct fixture *f, const struct agent_command *c)
{
	struct error err;

	talk(f, &f->ready);
	strbuf_clear(&f->out);
	strbuf_clear(&f->err);
	f->started = f->stdin_closed = f->over = false;
	f->status = f->signal = f->errnum = -1;
	if (f->stands_by)
		agent_stand_by(f->a, 0);
	if (agent_exec(f->a, c, &err) < 0)
		fail_msg("%s", err.msg);
}

/* A script, started with what else `c` says. */
static void start_script(struct fixture *f, const char *script, struct agent_command c)
{
	const char *const argv[] = {"sh", "-c", script, NULL};

	c.argv = argv;
	start(f, &c);
}

static void run_script(struct fixture *f, const char *script, struct agent_command c)
{
	start_script(f, script, c);
	talk(f, &f->over);
}

static void run_program(struct fixture *f, const char *program, struct agent_command c)
{
	const char *const argv[] = {program, NULL};

	c.argv = argv;
	start(f, &c);
	talk(f, &f->over);
}

static const char *text(const struct strbuf *sb)
{
	return sb->data ? sb->data : "";
}

static const struct agent_command no_input = {.stdin_closed = true};

static void the_exit_status_is_the_commands(void **state)
{
	struct fixture *f = *state;

	run_script(f, "exit 0", no_input);
	assert_int_equal(f->status, 0);
	run_script(f, "exit 255", no_input);
	assert_int_equal(f->status, 255);
	assert_int_equal(f->signal, 0);
	run_script(f, "kill -9 $$", no_input);
	assert_int_equal(f->status, 137);
	assert_int_equal(f->signal, 9);
}

static void streams_are_apart(void **state)
{
	struct fixture *f = *state;

	run_script(f, "echo out; echo err >&2; cat", no_input);
	assert_string_equal(text(&f->out), "out\n");
	assert_string_equal(text(&f->err), "err\n");
}

static void all_output_comes_before_the_end(void **state)
{
	struct fixture *f = *state;

	/* Larger than every buffer on the way, so most of it is drained after the end. */
	run_script(f, "head -c 3000000 /dev/zero; head -c 900000 /dev/zero >&2; exit 3",
		no_input);
	assert_int_equal(f->out.len, 3000000);
	assert_int_equal(f->err.len, 900000);
	assert_int_equal(f->status, 3);
}

/* Send as much as is taken now; the number of bytes. */
static size_t feed(struct fixture *f, const void *bytes, size_t len)
{
	size_t n = MIN(agent_stdin_room(f->a), len);

	if (n > 0)
		agent_send_stdin(f->a, bytes, n);
	return n;
}

static void bytes_pass_unchanged_both_ways(void **state)
{
	enum { SIZE = 9 * 1000 * 1000 + 7 };
	struct fixture *f = *state;
	CLEANUP_FREE uint8_t *bytes = xmalloc(SIZE);
	uint32_t x = 1;
	size_t sent = 0;

	for (size_t i = 0; i < SIZE; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = x >> 24;
	}
	start_script(f, "cat", (struct agent_command){0});
	while (!f->over) {
		sent += feed(f, bytes + sent, SIZE - sent);
		if (sent == SIZE)
			agent_send_stdin_eof(f->a);
		talk_once(f);
	}
	assert_int_equal(f->out.len, SIZE);
	assert_memory_equal(f->out.data, bytes, SIZE);
}

static void a_command_that_does_not_read_stops_nothing_else(void **state)
{
	static const uint8_t zeros[PROTOCOL_WINDOW];
	struct fixture *f = *state;

	start_script(
		f, "echo here; sleep 0.3; echo there >&2", (struct agent_command){0});
	while (!f->over) {
		feed(f, zeros, sizeof(zeros));
		agent_ping(f->a);
		talk_once(f);
	}
	assert_true(f->pong);
	assert_string_equal(text(&f->out), "here\n");
	assert_string_equal(text(&f->err), "there\n");
}

static void output_that_is_not_taken_stops_nothing_else(void **state)
{
	struct fixture *f = *state;

	f->hold = true;
	start_script(f,
		"head -c 5000000 /dev/zero & sleep 0.2; echo other >&2; wait; exit 2",
		no_input);
	while (f->err.len == 0)
		talk_once(f);
	assert_string_equal(text(&f->err), "other\n");
	agent_ping(f->a);
	talk(f, &f->pong);
	assert_false(f->over);
	assert_int_equal(f->held, PROTOCOL_WINDOW);
	f->hold = false;
	agent_output_taken(f->a, AGENT_STDOUT, f->held);
	talk(f, &f->over);
	assert_int_equal(f->status, 2);
	assert_int_equal(f->out.len, 5000000);
}

static void closing_its_input_is_told(void **state)
{
	struct fixture *f = *state;

	start_script(f, "exec <&-; sleep 5", (struct agent_command){0});
	talk(f, &f->stdin_closed);
	assert_int_equal(agent_stdin_room(f->a), 0);
	agent_send_signal(f->a, SIGKILL);
	talk(f, &f->over);
}

static void the_background_does_not_hold_up_the_end(void **state)
{
	struct fixture *f = *state;

	run_script(f, "sleep 5 & echo main; exit 4", no_input);
	assert_int_equal(f->status, 4);
	assert_string_equal(text(&f->out), "main\n");
	/* Not even if it writes without end. */
	run_script(f, "trap '' PIPE; yes & sleep 0.1; exit 5", no_input);
	assert_int_equal(f->status, 5);
}

static void a_failed_start_says_the_step(void **state)
{
	struct fixture *f = *state;
	struct agent_command c = no_input;

	run_program(f, "no-such-program", c);
	assert_int_equal(f->errnum, ENOENT);
	assert_string_equal(f->step, "execute 'no-such-program'");
	assert_false(f->started);
	run_program(f, "/etc/passwd", c);
	assert_int_equal(f->errnum, EACCES);
	run_program(f, "", c);
	assert_int_equal(f->errnum, ENOENT);
	c.cwd = "/no/such/place";
	run_program(f, "true", c);
	assert_int_equal(f->errnum, ENOENT);
	assert_string_equal(f->step, "change directory to '/no/such/place'");
	c.cwd = NULL;
	c.user = "no-such-user";
	run_program(f, "true", c);
	assert_string_equal(f->step, "find user 'no-such-user'");
	/* And the next one works. */
	run_program(f, "true", no_input);
	assert_int_equal(f->status, 0);
}

static void a_script_needs_no_first_line(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/test-guest-script.XXXXXX";
	static const char script[] = "echo \"$0 $1\"; exit 6\n";
	const char *const argv[] = {path, "arg", NULL};
	const struct agent_command c = {.argv = argv, .stdin_closed = true};
	int fd = mkstemp(path);

	assert_int_equal(write(fd, script, strlen(script)), strlen(script));
	fchmod(fd, 0755);
	close(fd);
	start(f, &c);
	talk(f, &f->over);
	unlink(path);
	assert_int_equal(f->status, 6);
	assert_memory_equal(text(&f->out), path, strlen(path));
	assert_non_null(strstr(text(&f->out), " arg\n"));
}

static void the_environment_is_the_default_and_then_the_requests(void **state)
{
	struct fixture *f = *state;
	const char *const env[] = {"A=b c", "LANG=C", "A=last", NULL};
	struct agent_command c = {.env = env, .stdin_closed = true, .user = "0:12"};

	setenv("LEAKED", "1", 1);
	run_script(f, "echo $A-$LANG-$LEAKED-$HOME-$USER-$PATH; pwd; id -u; id -g", c);
	assert_string_equal(
		text(&f->out), "last-C--/root-root-" DEFAULT_PATH "\n/root\n0\n12\n");
}

static void the_program_is_looked_for_in_the_requests_path(void **state)
{
	struct fixture *f = *state;
	const char *const env[] = {"PATH=/no/such:/etc", NULL};
	struct agent_command c = {.env = env, .stdin_closed = true};

	run_program(f, "true", c);
	assert_int_equal(f->errnum, ENOENT);
	/* That it is there and can't be executed says more than that it is not
	 * elsewhere. */
	run_program(f, "passwd", c);
	assert_int_equal(f->errnum, EACCES);
}

static void a_command_starts_with_a_clean_slate(void **state)
{
	struct fixture *f = *state;

	run_script(f, "grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/$$/fd; umask",
		no_input);
	assert_non_null(strstr(text(&f->out), "SigBlk:\t0000000000000000\n"));
	assert_non_null(strstr(text(&f->out), "SigIgn:\t0000000000000000\n"));
	assert_non_null(strstr(text(&f->out), "\n0\n1\n2\n00"));
}

static void a_signal_right_behind_the_start_is_not_lost(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 20; i++) {
		start_script(f, "sleep 100", no_input);
		agent_send_signal(f->a, SIGTERM);
		talk(f, &f->over);
		assert_int_equal(f->signal, SIGTERM);
	}
}

static void a_signal_reaches_the_whole_group(void **state)
{
	struct fixture *f = *state;

	start_script(f,
		"trap 'echo parent' INT; sh -c 'trap \"echo child; exit\" INT; echo up; "
		"while :; do sleep 0.01; done'; echo end",
		no_input);
	while (f->out.len == 0)
		talk_once(f);
	agent_send_signal(f->a, SIGINT);
	talk(f, &f->over);
	assert_string_equal(text(&f->out), "up\nchild\nparent\nend\n");
}

static void input_for_an_ended_command_is_not_the_next_ones(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 20; i++) {
		start_script(f, "exit 0", (struct agent_command){0});
		talk(f, &f->started);
		feed(f, "stale", 5);
		talk(f, &f->over);
		start_script(f, "cat", (struct agent_command){0});
		feed(f, "fresh", 5);
		agent_send_stdin_eof(f->a);
		talk(f, &f->over);
		assert_string_equal(text(&f->out), "fresh");
	}
}

static void long_arguments_come_whole(void **state)
{
	enum { N = 7000 };
	struct fixture *f = *state;
	const char *argv[N + 5] = {"sh", "-c", "echo $# ${#1}", "x"};
	CLEANUP_FREE char *big = xcalloc(1, 100001);
	const struct agent_command c = {.argv = argv, .stdin_closed = true};

	memset(big, 'b', 100000);
	for (int i = 0; i < N; i++)
		argv[4 + i] = i ? "seventy bytes: "
				  "1234567890123456789012345678901234567890123456789"
				: big;
	start(f, &c);
	talk(f, &f->over);
	assert_string_equal(text(&f->out), "7000 100000\n");
}

static void a_terminal_is_one(void **state)
{
	struct fixture *f = *state;
	const struct agent_command c = {.terminal = true, .rows = 33, .columns = 99};

	run_script(f,
		"test -t 0 && test -t 1 && test -t 2 && stty size </dev/tty; echo x >&2",
		c);
	assert_string_equal(text(&f->out), "33 99\r\nx\r\n");
}

static void a_terminal_can_leave_out_stderr(void **state)
{
	struct fixture *f = *state;
	const struct agent_command c = {.terminal = true, .stderr_apart = true};

	run_script(f, "test -t 1 && ! test -t 2 && echo x >&2", c);
	assert_string_equal(text(&f->out), "");
	assert_string_equal(text(&f->err), "x\n");
}

static void the_end_of_input_ends_a_reader_on_a_terminal(void **state)
{
	struct fixture *f = *state;

	start_script(f, "stty -echo; echo ready; cat; exit 7",
		(struct agent_command){.terminal = true});
	while (f->out.len == 0)
		talk_once(f);
	/* In the middle of a line. */
	feed(f, "line\npart", 9);
	agent_send_stdin_eof(f->a);
	talk(f, &f->over);
	assert_string_equal(text(&f->out), "ready\r\nline\r\npart");
	assert_int_equal(f->status, 7);
}

static void the_terminals_size_can_change(void **state)
{
	struct fixture *f = *state;

	start_script(f,
		"trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done",
		(struct agent_command){.terminal = true, .rows = 10, .columns = 20});
	while (f->out.len == 0)
		talk_once(f);
	agent_send_window_size(f->a, 40, 120);
	talk(f, &f->over);
	assert_string_equal(text(&f->out), "ready\r\n40 120\r\n");
}

static void large_output_passes_a_terminal(void **state)
{
	struct fixture *f = *state;

	run_script(f, "stty raw; seq 100000", (struct agent_command){.terminal = true});
	assert_int_equal(f->out.len, 588895);
}

static void orphans_do_not_stay_as_zombies(void **state)
{
	struct fixture *f = *state;

	run_script(f,
		"(sleep 0.1 & ); sleep 0.3; wc -w < /proc/$PPID/task/$PPID/children",
		no_input);
	assert_string_equal(text(&f->out), "1\n");
}

static void stop_ends_the_conversation(void **state)
{
	struct fixture *f = *state;
	int status;

	start_script(f, "sleep 5", no_input);
	agent_stop(f->a);
	talk(f, &f->stopped);
	assert_int_equal(waitpid(f->guest, &status, 0), f->guest);
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* As if another had heard the guest's hello, and this host went on from there. */
static void resume_with(struct fixture *f, unsigned disks)
{
	static const struct agent_handler second_host = {
		.resumed = on_resumed,
		.fatal = on_fatal,
		.started = on_started,
		.output = on_output,
		.exited = on_exited,
	};
	uint8_t seed[RESUME_SEED_SIZE];

	for (int i = 0; i < RESUME_SEED_SIZE; i++)
		seed[i] = i;
	talk(f, &f->ready);
	agent_free(f->a);
	f->a = agent_new(&second_host, f);
	agent_resume(f->a, 1234567890123456789, disks, seed);
}

/* The only child that the guest has after standing by, or 0. */
static long waiting_child(struct fixture *f)
{
	CLEANUP_FREE char *path =
		xasprintf("/proc/%d/task/%d/children", (int)f->guest, (int)f->guest);
	char children[64];

	talk(f, &f->ready);
	f->pong = false;
	agent_ping(f->a);
	talk(f, &f->pong);
	assert_true(file_read_line(AT_FDCWD, path, children, sizeof(children)) >= 0);
	return strtol(children, NULL, 10);
}

static void who_stands_by_becomes_the_command(void **state)
{
	struct fixture *f = *state;

	talk(f, &f->ready);
	agent_stand_by(f->a, 0);
	long waiting = waiting_child(f);
	assert_true(waiting > 0);
	run_script(f, "echo $$", no_input);
	assert_int_equal(strtol(text(&f->out), NULL, 10), waiting);
}

static void who_can_not_be_the_command_is_sent_away(void **state)
{
	struct fixture *f = *state;

	talk(f, &f->ready);
	agent_stand_by(f->a, 0);
	long waiting = waiting_child(f);
	run_script(f, "echo $$", (struct agent_command){.terminal = true});
	assert_true(strtol(text(&f->out), NULL, 10) != waiting);
	while (waiting_child(f) == waiting)
		;
}

static void a_guest_goes_on_from_a_snapshot(void **state)
{
	struct fixture *f = *state;

	resume_with(f, 7);
	talk(f, &f->resumed);
	run_script(f, "echo here", no_input);
	assert_string_equal(text(&f->out), "here\n");
}

static void a_guest_that_can_not_go_on_says_why(void **state)
{
	struct fixture *f = *state;

	resume_with(f, 201);
	talk(f, &f->over);
	assert_string_equal(f->fatal, "there is no room for 201 disks");
	assert_false(f->resumed);
}

static void disks_that_are_not_released_are_the_end(void **state)
{
	struct fixture *f = *state;

	talk(f, &f->ready);
	agent_stand_by(f->a, 3);
	talk(f, &f->over);
	assert_string_equal(f->fatal, "a disk is stuck");
}

static void a_host_that_makes_no_sense_is_given_up(void **state)
{
	struct fixture *f = *state;
	int status;

	talk(f, &f->ready);
	assert_int_equal(write(f->port, "GET / HTTP/1.0\r\n\r\n", 18), 18);
	assert_int_equal(waitpid(f->guest, &status, 0), f->guest);
	assert_int_equal(WEXITSTATUS(status), 1);
}

#define with_fixture(test)                                                      \
	cmocka_unit_test_setup_teardown(test, setup, teardown),                 \
	{                                                                       \
#test " (standing by)", test, setup_standing_by, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_fixture(the_exit_status_is_the_commands),
		with_fixture(streams_are_apart),
		with_fixture(all_output_comes_before_the_end),
		with_fixture(bytes_pass_unchanged_both_ways),
		with_fixture(a_command_that_does_not_read_stops_nothing_else),
		with_fixture(output_that_is_not_taken_stops_nothing_else),
		with_fixture(closing_its_input_is_told),
		with_fixture(the_background_does_not_hold_up_the_end),
		with_fixture(a_failed_start_says_the_step),
		with_fixture(a_script_needs_no_first_line),
		with_fixture(the_environment_is_the_default_and_then_the_requests),
		with_fixture(the_program_is_looked_for_in_the_requests_path),
		with_fixture(a_command_starts_with_a_clean_slate),
		with_fixture(a_signal_right_behind_the_start_is_not_lost),
		with_fixture(a_signal_reaches_the_whole_group),
		with_fixture(input_for_an_ended_command_is_not_the_next_ones),
		with_fixture(long_arguments_come_whole),
		with_fixture(a_terminal_is_one),
		with_fixture(a_terminal_can_leave_out_stderr),
		with_fixture(the_end_of_input_ends_a_reader_on_a_terminal),
		with_fixture(the_terminals_size_can_change),
		with_fixture(large_output_passes_a_terminal),
		with_fixture(orphans_do_not_stay_as_zombies),
		with_fixture(stop_ends_the_conversation),
		cmocka_unit_test_setup_teardown(
			who_stands_by_becomes_the_command, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_can_not_be_the_command_is_sent_away, setup, teardown),
		with_fixture(a_guest_goes_on_from_a_snapshot),
		with_fixture(a_guest_that_can_not_go_on_says_why),
		cmocka_unit_test_setup_teardown(disks_that_are_not_released_are_the_end,
			setup_with_stuck_disk, teardown),
		with_fixture(a_host_that_makes_no_sense_is_given_up),
	};

	if (geteuid() != 0) {
		puts("the guest's agent becomes other users, which only root can");
		return 77; /* skipped */
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
