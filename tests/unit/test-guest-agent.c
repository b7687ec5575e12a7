/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands in the guest: their streams, terminals, signals, environment and ends. */
#include "fixture-agent.h"

static void the_exit_status_is_the_commands(void **state)
{
	struct fixture *f = *state;

	run_script(f, "exit 0", no_input);
	assert_int_equal(f->status, 0);
	run_script(f, "exit 255", no_input);
	assert_int_equal(f->status, 255);
	assert_int_equal(f->signal, 0);
	run_script(f, "kill -9 $$", no_input);
	assert_int_equal(f->status, 0);
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
	size_t n = MIN(agent_stdin_room(f->a, f->command), len);

	if (n > 0)
		agent_send_stdin(f->a, f->command, bytes, n);
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
			agent_send_stdin_eof(f->a, f->command);
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
	while (f->err.len == 0 || f->held < PROTOCOL_WINDOW)
		talk_once(f);
	assert_string_equal(text(&f->err), "other\n");
	agent_ping(f->a);
	talk(f, &f->pong);
	assert_false(f->over);
	assert_int_equal(f->held, PROTOCOL_WINDOW);
	f->hold = false;
	agent_output_taken(f->a, f->command, STREAM_STDOUT, f->held);
	talk(f, &f->over);
	assert_int_equal(f->status, 2);
	assert_int_equal(f->out.len, 5000000);
}

static void closing_its_input_is_told(void **state)
{
	struct fixture *f = *state;

	start_script(f, "exec <&-; sleep 5", (struct agent_command){0});
	talk(f, &f->stdin_closed);
	assert_int_equal(agent_stdin_room(f->a, f->command), 0);
	agent_send_signal(f->a, f->command, SIGKILL);
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
	assert_int_equal(f->failure, START_EXECUTE);
	assert_string_equal(f->step, "execute 'no-such-program'");
	assert_false(f->started);
	run_program(f, "/etc/passwd", c);
	assert_int_equal(f->errnum, EACCES);
	run_program(f, "", c);
	assert_int_equal(f->errnum, ENOENT);
	c.cwd = "/no/such/place";
	run_program(f, "true", c);
	assert_int_equal(f->errnum, ENOENT);
	assert_int_equal(f->failure, START_DIRECTORY);
	assert_string_equal(f->step, "change directory to '/no/such/place'");
	c.cwd = NULL;
	c.user = "no-such-user";
	run_program(f, "true", c);
	assert_int_equal(f->failure, START_USER);
	assert_string_equal(f->step, "find user 'no-such-user'");
	/* And the next one works. */
	run_program(f, "true", no_input);
	assert_int_equal(f->status, 0);
}

static void a_user_has_all_groups_and_a_home_that_is_there(void **state)
{
	struct fixture *f = *state;
	struct agent_command c = {.user = "u", .stdin_closed = true};

	if (!root_is_mount_point()) {
		print_message("skipped: the root directory is no mount point\n");
		skip();
	}
	run_script(f, "id -u; id -G; echo $HOME-$USER; pwd", c);
	assert_string_equal(text(&f->out), "1000\n1001 6 44\n/-u\n/\n");
	c.user = "u:disk";
	run_script(f, "id -G", c);
	assert_string_equal(text(&f->out), "6 44\n");
	c.user = "root";
	run_script(f, "id -G; echo $HOME", c);
	assert_string_equal(text(&f->out), "0 6\n/root\n");
}

static void a_lack_of_memory_is_told_of_a_command_that_fails(void **state)
{
	struct fixture *f = *state;

	run_script(f, "kill -9 $$", no_input);
	assert_string_equal(f->killed, "hog?[2J");
	assert_int_equal(f->signal, 9);
	run_script(f, "exit 0", no_input);
	assert_string_equal(f->killed, "");
	run_script(f, "exit 1", no_input);
	assert_string_equal(f->killed, "hog?[2J");
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
		agent_send_signal(f->a, f->command, SIGTERM);
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
	agent_send_signal(f->a, f->command, SIGINT);
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
		agent_send_stdin_eof(f->a, f->command);
		talk(f, &f->over);
		assert_string_equal(text(&f->out), "fresh");
	}
}

static void commands_run_beside_each_other(void **state)
{
	struct fixture *f = *state;

	start_script(f, "read x; echo first $x; exit 1", (struct agent_command){0});
	unsigned first = f->command;
	talk(f, &f->started);
	start_script(f, "sleep 100", no_input);
	unsigned second = f->command;
	talk(f, &f->started);
	start_script(f, "echo third; exit 3", no_input);
	talk(f, &f->over);
	assert_int_equal(f->status, 3);
	assert_string_equal(text(&f->out), "third\n");

	/* Each gets what is its own: input, signals, its end. */
	strbuf_clear(&f->out);
	f->over = false;
	agent_send_signal(f->a, second, SIGTERM);
	f->command = second;
	talk(f, &f->over);
	assert_int_equal(f->signal, SIGTERM);
	f->over = false;
	f->command = first;
	feed(f, "input\n", 6);
	talk(f, &f->over);
	assert_int_equal(f->status, 1);
	assert_string_equal(text(&f->out), "first input\n");
}

static void a_flood_of_one_command_does_not_stop_another(void **state)
{
	struct fixture *f = *state;

	start_script(f, "exec yes", no_input);
	unsigned flood = f->command;
	talk(f, &f->started);
	/* What nobody takes waits in the guest. */
	f->hold = true;
	for (int i = 0; i < 5; i++)
		talk_once(f);
	start_script(f, "echo here >&2; exit 4", no_input);
	talk(f, &f->over);
	assert_int_equal(f->status, 4);
	assert_string_equal(text(&f->err), "here\n");
	f->over = false;
	f->command = flood;
	agent_send_signal(f->a, flood, SIGKILL);
	f->hold = false;
	agent_output_taken(f->a, flood, STREAM_STDOUT, f->held);
	talk(f, &f->over);
	assert_int_equal(f->signal, SIGKILL);
}

static void as_many_commands_as_there_are_numbers_run_at_once(void **state)
{
	struct fixture *f = *state;
	struct error err;
	const char *const argv[] = {"cat", NULL};
	const struct agent_command c = {.argv = argv};

	talk(f, &f->ready);
	for (unsigned i = 1; i <= COMMANDS_MAX; i++) {
		f->started = false;
		assert_int_equal(agent_exec(f->a, &c, f, &err), i);
		talk(f, &f->started);
	}
	for (f->command = COMMANDS_MAX; f->command >= 1; f->command--) {
		f->over = false;
		agent_send_stdin_eof(f->a, f->command);
		talk(f, &f->over);
		assert_int_equal(f->status, 0);
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
	agent_send_stdin_eof(f->a, f->command);
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
	agent_send_window_size(f->a, f->command, 40, 120);
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
		"(sleep 0.1 & ); children=/proc/$PPID/task/$PPID/children; wc -w <$children; "
		"until [ $(wc -w <$children) = 1 ]; do sleep 0.05; done",
		no_input);
	assert_string_equal(text(&f->out), "2\n");
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

static void a_guest_that_writes_out_for_long_answers(void **state)
{
	struct fixture *f = *state;

	talk(f, &f->ready);
	agent_stop(f->a);
	agent_ping(f->a);
	talk(f, &f->pong);
	assert_false(f->stopped);
	talk(f, &f->stopped);
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

/* False: the guest is gone. */
static bool send_frame(struct fixture *f, uint8_t type, uint8_t stream, size_t len)
{
	static uint8_t frame[FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX];

	bool of_a_command =
		type == FRAME_EXEC_PART || type == FRAME_SIGNAL || type == FRAME_RESIZE;

	frame_put_command_header(frame, type, of_a_command ? 1 : 0, stream, len);
	return send(f->port, frame, FRAME_HEADER_SIZE + len, MSG_NOSIGNAL) >= 0;
}

static bool answers(struct fixture *f)
{
	uint8_t answer[FRAME_HEADER_SIZE];

	return send_frame(f, FRAME_PING, 0, 0) &&
		recv(f->port, answer, sizeof(answer), MSG_WAITALL) == sizeof(answer) &&
		answer[4] == FRAME_PONG;
}

static void assert_given_up(struct fixture *f, const char *what)
{
	int status;

	if (answers(f))
		fail_msg("after %s the guest goes on", what);
	assert_int_equal(waitpid(f->guest, &status, 0), f->guest);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void a_request_that_is_too_long_is_given_up(void **state)
{
	struct fixture *f = *state;

	talk(f, &f->ready);
	fcntl(f->port, F_SETFL, 0);
	for (size_t sent = 0; sent < EXEC_REQUEST_MAX; sent += FRAME_PAYLOAD_MAX)
		send_frame(f, FRAME_EXEC_PART, 0, FRAME_PAYLOAD_MAX);
	assert_true(answers(f));
	send_frame(f, FRAME_EXEC_PART, 0, 1);
	assert_given_up(f, "a byte too much");
}

static void a_frame_of_another_length_is_given_up(void **state)
{
	static const struct {
		const char *what;
		uint8_t type, stream;
		size_t len;
	} frames[] = {
		{"a signal without a number", FRAME_SIGNAL, 0, 0},
		{"a size cut in half", FRAME_RESIZE, 0, 2},
		{"a clock that is too long", FRAME_SET_CLOCK, 0, 9},
		{"a resume without its seed", FRAME_RESUME, 0, 12},
		{"an attach without its counts", FRAME_ATTACH, 0, 7},
		{"an attach with bytes behind it", FRAME_ATTACH, 0, 9},
		{"a ping with a payload", FRAME_PING, 0, 1},
		{"a ping of a stream", FRAME_PING, STREAM_STDOUT, 0},
		{"a frame for the host", FRAME_PONG, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		struct fixture *f = *state;

		talk(f, &f->ready);
		fcntl(f->port, F_SETFL, 0);
		send_frame(f, frames[i].type, frames[i].stream, frames[i].len);
		assert_given_up(f, frames[i].what);
		teardown(state);
		setup(state);
	}
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
		cmocka_unit_test_setup_teardown(
			commands_run_beside_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_flood_of_one_command_does_not_stop_another, setup, teardown),
		cmocka_unit_test_setup_teardown(
			as_many_commands_as_there_are_numbers_run_at_once, setup,
			teardown),
		with_fixture(long_arguments_come_whole),
		with_fixture(a_terminal_is_one),
		with_fixture(a_terminal_can_leave_out_stderr),
		with_fixture(the_end_of_input_ends_a_reader_on_a_terminal),
		with_fixture(the_terminals_size_can_change),
		with_fixture(large_output_passes_a_terminal),
		with_fixture(orphans_do_not_stay_as_zombies),
		with_fixture(stop_ends_the_conversation),
		with_fixture(a_guest_that_writes_out_for_long_answers),
		with_fixture(a_host_that_makes_no_sense_is_given_up),
		cmocka_unit_test_setup_teardown(
			a_request_that_is_too_long_is_given_up, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_frame_of_another_length_is_given_up, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_user_has_all_groups_and_a_home_that_is_there, setup_with_tables,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_lack_of_memory_is_told_of_a_command_that_fails,
			setup_out_of_memory, teardown),
	};

	return run_agent_tests(tests);
}
