/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's side of a command's request, input and output: windows that neither side can
 * stretch. */
#include "fixture-host.h"

static void the_guest_can_not_send_more_than_its_window(void **state)
{
	static const uint8_t zeros[FRAME_PAYLOAD_MAX];
	struct fixture *f = *state;

	bring_up(f);
	run_command(f, "x");
	for (unsigned sent = 0; sent < PROTOCOL_WINDOW; sent += sizeof(zeros))
		say(f, FRAME_DATA, STREAM_STDOUT, zeros, sizeof(zeros));
	/* The other stream has its own window. */
	say(f, FRAME_DATA, STREAM_STDERR, zeros, 1);
	assert_int_equal(hear(f), 0);
	say(f, FRAME_DATA, STREAM_STDOUT, zeros, 1);
	assert_int_equal(hear(f), -1);
}

static void taking_output_opens_the_window(void **state)
{
	static const uint8_t zeros[FRAME_PAYLOAD_MAX];
	struct fixture *f = *state;

	bring_up(f);
	run_command(f, "x");
	for (int i = 0; i < 64; i++) {
		say(f, FRAME_DATA, STREAM_STDOUT, zeros, sizeof(zeros));
		assert_int_equal(hear(f), 0);
		agent_output_taken(f->a, f->command, STREAM_STDOUT, sizeof(zeros));
	}
	assert_true(host_says(f) > 0);
}

static void each_command_has_windows_of_its_own(void **state)
{
	static const uint8_t zeros[FRAME_PAYLOAD_MAX];
	struct fixture *f = *state;
	struct frame frame;
	size_t len;

	bring_up(f);
	run_command(f, "x");
	unsigned first = f->command;
	run_command(f, "y");
	for (unsigned sent = 0; sent < PROTOCOL_WINDOW; sent += sizeof(zeros))
		say(f, FRAME_DATA, STREAM_STDOUT, zeros, sizeof(zeros));
	assert_int_equal(hear(f), 0);
	agent_send_stdin(f->a, f->command, "input", 5);
	host_says(f);
	assert_int_equal(agent_stdin_room(f->a, first), PROTOCOL_WINDOW);
	/* What is taken of one command's output opens its window, and no other. */
	agent_output_taken(f->a, f->command, STREAM_STDOUT, PROTOCOL_WINDOW);
	const void *says = agent_output(f->a, &len);
	assert_true(frame_parse(says, len, &frame) > 0);
	assert_int_equal(frame.type, FRAME_WINDOW);
	assert_int_equal(frame.command, f->command);
	f->command = first;
	for (unsigned sent = 0; sent < PROTOCOL_WINDOW; sent += sizeof(zeros))
		say(f, FRAME_DATA, STREAM_STDOUT, zeros, sizeof(zeros));
	assert_int_equal(hear(f), 0);
	say(f, FRAME_DATA, STREAM_STDOUT, zeros, 1);
	assert_int_equal(hear(f), -1);
}

static void a_command_that_was_released_ends_unheard(void **state)
{
	static const uint8_t zeros[FRAME_PAYLOAD_MAX];
	struct fixture *f = *state;

	bring_up(f);
	run_command(f, "x");
	unsigned number = f->command;
	agent_release(f->a, number);
	assert_int_equal(host_says(f), 3 * FRAME_HEADER_SIZE);
	strbuf_clear(&f->told);
	/* It is not held up by what nobody takes. */
	for (int i = 0; i < 20; i++) {
		say(f, FRAME_DATA, STREAM_STDOUT, zeros, sizeof(zeros));
		assert_int_equal(hear(f), 0);
	}
	assert_int_not_equal(ask_for_command(f, "y"), number);
	f->command = number;
	say(f, FRAME_EXITED, 0, "\0\0", 2);
	assert_int_equal(hear(f), 0);
	assert_told(f, "");
	assert_int_equal(ask_for_command(f, "z"), number);
}

static void more_commands_than_there_are_numbers_are_refused(void **state)
{
	struct fixture *f = *state;

	bring_up(f);
	for (unsigned i = 1; i <= COMMANDS_MAX; i++)
		assert_int_equal(ask_for_command(f, "x"), i);
	host_says(f);
	assert_int_equal(ask_for_command(f, "x"), 0);
	assert_int_equal(host_says(f), 0);
	f->command = 7;
	say(f, FRAME_STARTED, 0, NULL, 0);
	say(f, FRAME_EXITED, 0, "\0\0", 2);
	assert_int_equal(hear(f), 0);
	assert_int_equal(ask_for_command(f, "x"), 7);
}

static void input_stops_at_the_window_and_goes_on(void **state)
{
	static const uint8_t zeros[PROTOCOL_WINDOW];
	struct fixture *f = *state;

	bring_up(f);
	run_command(f, "x");
	assert_int_equal(agent_stdin_room(f->a, f->command), PROTOCOL_WINDOW);
	agent_send_stdin(f->a, f->command, zeros, sizeof(zeros));
	assert_int_equal(agent_stdin_room(f->a, f->command), 0);
	say_u32(f, FRAME_WINDOW, STREAM_STDIN, 1000);
	assert_int_equal(hear(f), 0);
	assert_int_equal(agent_stdin_room(f->a, f->command), 1000);
	agent_send_stdin_eof(f->a, f->command);
	assert_int_equal(agent_stdin_room(f->a, f->command), 0);
	/* More than was ever sent. */
	say_u32(f, FRAME_WINDOW, STREAM_STDIN, PROTOCOL_WINDOW);
	assert_int_equal(hear(f), -1);
}

static void input_that_the_guest_does_not_fetch_does_not_pile_up(void **state)
{
	static const uint8_t zeros[PROTOCOL_WINDOW];
	struct fixture *f = *state;
	size_t waits = 0;

	bring_up(f);
	run_command(f, "x");
	for (int i = 0; i < 20; i++) {
		size_t room = agent_stdin_room(f->a, f->command);

		agent_send_stdin(f->a, f->command, zeros, room);
		say_u32(f, FRAME_WINDOW, STREAM_STDIN, room);
		assert_int_equal(hear(f), 0);
	}
	agent_output(f->a, &waits);
	assert_true(waits < 3 * PROTOCOL_WINDOW);
	/* It goes on when it does. */
	host_says(f);
	assert_int_equal(agent_stdin_room(f->a, f->command), PROTOCOL_WINDOW);
}

static void a_long_request_goes_in_pieces_and_a_longer_one_not_at_all(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FREE char *big = xmalloc(EXEC_REQUEST_MAX + 1);
	const char *const argv[] = {"x", big, NULL};
	const struct agent_command c = {.argv = argv};
	struct error err;

	bring_up(f);
	memset(big, 'a', EXEC_REQUEST_MAX);
	big[EXEC_REQUEST_MAX] = '\0';
	assert_int_equal(agent_exec(f->a, &c, f, &err), 0);
	assert_int_equal(host_says(f), 0);
	big[EXEC_REQUEST_MAX - 100] = '\0';
	assert_int_equal(agent_exec(f->a, &c, f, &err), 1);
	assert_true(host_says(f) > EXEC_REQUEST_MAX - 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_fixture(the_guest_can_not_send_more_than_its_window),
		with_fixture(taking_output_opens_the_window),
		with_fixture(each_command_has_windows_of_its_own),
		with_fixture(a_command_that_was_released_ends_unheard),
		with_fixture(more_commands_than_there_are_numbers_are_refused),
		with_fixture(input_stops_at_the_window_and_goes_on),
		with_fixture(input_that_the_guest_does_not_fetch_does_not_pile_up),
		with_fixture(a_long_request_goes_in_pieces_and_a_longer_one_not_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
