/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's side against guests that keep to the protocol and guests that do not. What
 * is told is kept as text, one word an event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "base/strbuf.h"

struct fixture {
	struct agent *a;
	struct strbuf told;
	struct strbuf guest; /* what the guest says next */
};

static void on_ready(const struct agent_boot_times *times, void *data)
{
	strbuf_addf(&((struct fixture *)data)->told, "ready:%d ", (int)times->ready);
}

static void on_fatal(const char *message, void *data)
{
	strbuf_addf(&((struct fixture *)data)->told, "fatal:%s ", message);
}

static void on_started(void *data)
{
	strbuf_adds(&((struct fixture *)data)->told, "started ");
}

static void on_start_failed(int errnum, const char *step, void *data)
{
	strbuf_addf(&((struct fixture *)data)->told, "failed:%d:%s ", errnum, step);
}

static void on_output(enum agent_stream stream, const void *bytes, size_t len, void *data)
{
	(void)bytes;
	strbuf_addf(&((struct fixture *)data)->told, "out%d:%zu ", stream, len);
}

static void on_stdin_room(void *data)
{
	strbuf_adds(&((struct fixture *)data)->told, "room ");
}

static void on_stdin_closed(void *data)
{
	strbuf_adds(&((struct fixture *)data)->told, "closed ");
}

static void on_exited(int status, int signal, void *data)
{
	strbuf_addf(&((struct fixture *)data)->told, "exited:%d:%d ", status, signal);
}

static void on_block_devices(
	const struct agent_block_device *devices, size_t n, void *data)
{
	struct fixture *f = data;

	strbuf_addf(&f->told, "devices:%zu", n);
	for (size_t i = 0; i < n && i < 3; i++)
		strbuf_addf(&f->told, ":%s/%s", devices[i].name, devices[i].serial);
	strbuf_adds(&f->told, " ");
}

static void on_boot_event(const struct agent_boot_event *event, void *data)
{
	strbuf_addf(&((struct fixture *)data)->told, "event:%d:%d:%d:%s ", event->kind,
		(int)event->begin, (int)event->end, event->name);
}

static void on_pong(void *data)
{
	strbuf_adds(&((struct fixture *)data)->told, "pong ");
}

static void on_resumed(void *data)
{
	strbuf_adds(&((struct fixture *)data)->told, "resumed ");
}

static void on_stopped(void *data)
{
	strbuf_adds(&((struct fixture *)data)->told, "stopped ");
}

static const struct agent_handler handler = {
	.boot_event = on_boot_event,
	.ready = on_ready,
	.fatal = on_fatal,
	.started = on_started,
	.start_failed = on_start_failed,
	.output = on_output,
	.stdin_room = on_stdin_room,
	.stdin_closed = on_stdin_closed,
	.exited = on_exited,
	.block_devices = on_block_devices,
	.pong = on_pong,
	.stopped = on_stopped,
	.resumed = on_resumed,
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->a = agent_new(&handler, f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	agent_free(f->a);
	strbuf_done(&f->told);
	strbuf_done(&f->guest);
	free(f);
	return 0;
}

static void say(struct fixture *f, int type, int stream, const void *payload, size_t len)
{
	uint8_t header[FRAME_HEADER_SIZE];

	frame_put_header(header, type, stream, len);
	strbuf_add(&f->guest, header, sizeof(header));
	strbuf_add(&f->guest, payload, len);
}

static void say_u32(struct fixture *f, int type, int stream, uint32_t v)
{
	uint8_t bytes[4];

	wire_put_u32(bytes, v);
	say(f, type, stream, bytes, 4);
}

static void say_hello(struct fixture *f, uint32_t magic, uint32_t version)
{
	uint8_t bytes[8];

	wire_put_u32(bytes, magic);
	wire_put_u32(bytes + 4, version);
	say(f, FRAME_HELLO, 0, bytes, 8);
}

static void say_ready(struct fixture *f)
{
	uint8_t times[READY_TIMES * 8] = {0};

	times[32] = 77;
	say_hello(f, PROTOCOL_MAGIC, PROTOCOL_VERSION);
	say(f, FRAME_READY, 0, times, sizeof(times));
}

/* The host hears all that was said, in one piece. */
static int hear(struct fixture *f)
{
	struct error err;
	int result = agent_receive(f->a, f->guest.data, f->guest.len, &err);

	strbuf_clear(&f->guest);
	return result;
}

static void assert_told(struct fixture *f, const char *what)
{
	assert_string_equal(f->told.data ? f->told.data : "", what);
	strbuf_clear(&f->told);
}

/* What the host has to say, taken away. */
static size_t host_says(struct fixture *f)
{
	size_t len;

	agent_output(f->a, &len);
	agent_output_sent(f->a, len);
	return len;
}

static void run_command(struct fixture *f, const char *name)
{
	const char *const argv[] = {name, NULL};
	const struct agent_command c = {.argv = argv};

	assert_int_equal(agent_exec(f->a, &c, NULL), 0);
	host_says(f);
	say(f, FRAME_STARTED, 0, NULL, 0);
	assert_int_equal(hear(f), 0);
}

static void bring_up(struct fixture *f)
{
	say_ready(f);
	assert_int_equal(hear(f), 0);
	assert_told(f, "ready:77 ");
}

static void a_conversation_can_come_byte_by_byte(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = {"true", NULL};
	const struct agent_command c = {.argv = argv};

	bring_up(f);
	assert_int_equal(agent_exec(f->a, &c, NULL), 0);
	say(f, FRAME_STARTED, 0, NULL, 0);
	say(f, FRAME_DATA, AGENT_STDOUT, "hello", 5);
	say(f, FRAME_DATA, AGENT_STDERR, "x", 1);
	say(f, FRAME_DATA_CLOSED, 0, NULL, 0);
	say(f, FRAME_EXITED, 0, "\x89\x09", 2);
	for (size_t i = 0; i < f->guest.len; i++)
		assert_int_equal(agent_receive(f->a, f->guest.data + i, 1, NULL), 0);
	assert_told(f, "started out1:5 out2:1 closed exited:137:9 ");
}

static void another_version_is_an_error_that_says_what_to_do(void **state)
{
	struct fixture *f = *state;
	struct error err;

	say_hello(f, PROTOCOL_MAGIC, PROTOCOL_VERSION + 1);
	assert_int_equal(agent_receive(f->a, f->guest.data, f->guest.len, &err), -1);
	assert_non_null(strstr(err.msg, "built again"));
	/* And nothing that follows counts. */
	strbuf_clear(&f->guest);
	say_ready(f);
	assert_int_equal(hear(f), -1);
	assert_told(f, "");
}

static void a_stranger_on_the_port_is_an_error(void **state)
{
	struct fixture *f = *state;

	say_hello(f, 0x12345678, PROTOCOL_VERSION);
	assert_int_equal(hear(f), -1);
}

static void nothing_may_come_before_hello(void **state)
{
	struct fixture *f = *state;

	say(f, FRAME_FATAL, 0, "x", 1);
	assert_int_equal(hear(f), -1);
	assert_told(f, "");
}

static void frames_out_of_order_are_errors(void **state)
{
	static const struct {
		int type;
		size_t len;
	} frames[] = {
		{FRAME_HELLO, 8},
		{FRAME_READY, 40},
		{FRAME_STARTED, 0},
		{FRAME_START_FAILED, 5},
		{FRAME_DATA_CLOSED, 0},
		{FRAME_EXITED, 2},
		{FRAME_BLOCK_DEVICES_END, 0},
		{FRAME_BLOCK_DEVICE, WIRE_BLOCK_DEVICE_SIZE},
		{FRAME_PONG, 0},
		{FRAME_STOPPED, 0},
		{FRAME_EXEC, 1},
		{FRAME_STOP, 0},
		{0, 0},
		{255, 0},
	};
	static const uint8_t zeros[128];

	/* Idle, each of these is one too many. */
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		struct fixture *f = *state;

		bring_up(f);
		say(f, frames[i].type, 0, zeros, frames[i].len);
		assert_int_equal(hear(f), -1);
		assert_told(f, "");
		agent_free(f->a);
		f->a = agent_new(&handler, f);
	}
}

static void say_boot_event(
	struct fixture *f, uint64_t begin, uint64_t end, uint32_t kind, const char *name)
{
	uint8_t bytes[BOOT_EVENT_FIXED + BOOT_EVENT_NAME_MAX + 1];

	wire_put_u64(bytes, begin);
	wire_put_u64(bytes + 8, end);
	wire_put_u32(bytes + 16, kind);
	memcpy(bytes + BOOT_EVENT_FIXED, name, strlen(name));
	say(f, FRAME_BOOT_EVENT, 0, bytes, BOOT_EVENT_FIXED + strlen(name));
}

static void events_of_the_boot_come_before_the_guest_is_ready(void **state)
{
	struct fixture *f = *state;

	say_hello(f, PROTOCOL_MAGIC, PROTOCOL_VERSION);
	say_boot_event(f, 5, 7, BOOT_EVENT_MODULE, "000-x\n.ko");
	assert_int_equal(hear(f), 0);
	assert_told(f, "event:2:5:7:000-x?.ko ");
	agent_free(f->a);
	f->a = agent_new(&handler, f);
	bring_up(f);
	say_boot_event(f, 5, 7, BOOT_EVENT_MODULE, "late");
	assert_int_equal(hear(f), -1);
}

static void impossible_events_of_the_boot_are_errors(void **state)
{
	static const struct {
		uint64_t begin, end;
		uint32_t kind;
		const char *name;
	} rows[] = {
		{7, 5, BOOT_EVENT_STEP, "ends before it begins"},
		{0, UINT64_MAX, BOOT_EVENT_STEP, "never ends"},
		{0, 0, BOOT_EVENT_KINDS, "of no kind"},
		{0, 0, BOOT_EVENT_STEP, ""},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		say_hello(f, PROTOCOL_MAGIC, PROTOCOL_VERSION);
		say_boot_event(f, rows[i].begin, rows[i].end, rows[i].kind, rows[i].name);
		assert_int_equal(hear(f), -1);
		agent_free(f->a);
		f->a = agent_new(&handler, f);
	}
	say_hello(f, PROTOCOL_MAGIC, PROTOCOL_VERSION);
	for (unsigned i = 0; i < BOOT_EVENTS_MAX; i++)
		say_boot_event(f, 0, 0, BOOT_EVENT_STEP, "x");
	assert_int_equal(hear(f), 0);
	say_boot_event(f, 0, 0, BOOT_EVENT_STEP, "one too many");
	assert_int_equal(hear(f), -1);
}

static void wrong_lengths_are_errors(void **state)
{
	static const uint8_t zeros[4 + MESSAGE_MAX + 1];
	struct fixture *f = *state;

	bring_up(f);
	say(f, FRAME_FATAL, 0, zeros, MESSAGE_MAX + 1);
	assert_int_equal(hear(f), -1);
	agent_free(f->a);
	f->a = agent_new(&handler, f);
	bring_up(f);
	run_command(f, "x");
	say(f, FRAME_EXITED, 0, zeros, 3);
	assert_int_equal(hear(f), -1);
}

static void the_guest_can_not_send_more_than_its_window(void **state)
{
	static const uint8_t zeros[FRAME_PAYLOAD_MAX];
	struct fixture *f = *state;

	bring_up(f);
	run_command(f, "x");
	for (unsigned sent = 0; sent < PROTOCOL_WINDOW; sent += sizeof(zeros))
		say(f, FRAME_DATA, AGENT_STDOUT, zeros, sizeof(zeros));
	/* The other stream has its own window. */
	say(f, FRAME_DATA, AGENT_STDERR, zeros, 1);
	assert_int_equal(hear(f), 0);
	say(f, FRAME_DATA, AGENT_STDOUT, zeros, 1);
	assert_int_equal(hear(f), -1);
}

static void taking_output_opens_the_window(void **state)
{
	static const uint8_t zeros[FRAME_PAYLOAD_MAX];
	struct fixture *f = *state;

	bring_up(f);
	run_command(f, "x");
	for (int i = 0; i < 64; i++) {
		say(f, FRAME_DATA, AGENT_STDOUT, zeros, sizeof(zeros));
		assert_int_equal(hear(f), 0);
		agent_output_taken(f->a, AGENT_STDOUT, sizeof(zeros));
	}
	assert_true(host_says(f) > 0);
}

static void output_of_the_last_command_does_not_open_the_next_ones_window(void **state)
{
	static const uint8_t zeros[FRAME_PAYLOAD_MAX];
	struct fixture *f = *state;

	bring_up(f);
	run_command(f, "x");
	for (unsigned sent = 0; sent < PROTOCOL_WINDOW; sent += sizeof(zeros))
		say(f, FRAME_DATA, AGENT_STDOUT, zeros, sizeof(zeros));
	say(f, FRAME_EXITED, 0, "\0\0", 2);
	assert_int_equal(hear(f), 0);
	run_command(f, "y");
	agent_output_taken(f->a, AGENT_STDOUT, PROTOCOL_WINDOW);
	assert_int_equal(host_says(f), 0);
}

static void input_stops_at_the_window_and_goes_on(void **state)
{
	static const uint8_t zeros[PROTOCOL_WINDOW];
	struct fixture *f = *state;

	bring_up(f);
	assert_int_equal(agent_stdin_room(f->a), 0);
	run_command(f, "x");
	assert_int_equal(agent_stdin_room(f->a), PROTOCOL_WINDOW);
	agent_send_stdin(f->a, zeros, sizeof(zeros));
	assert_int_equal(agent_stdin_room(f->a), 0);
	strbuf_clear(&f->told);
	say_u32(f, FRAME_WINDOW, AGENT_STDIN, 1000);
	assert_int_equal(hear(f), 0);
	assert_told(f, "room ");
	assert_int_equal(agent_stdin_room(f->a), 1000);
	agent_send_stdin_eof(f->a);
	assert_int_equal(agent_stdin_room(f->a), 0);
	/* More than was ever sent. */
	say_u32(f, FRAME_WINDOW, AGENT_STDIN, PROTOCOL_WINDOW);
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
		size_t room = agent_stdin_room(f->a);

		agent_send_stdin(f->a, zeros, room);
		say_u32(f, FRAME_WINDOW, AGENT_STDIN, room);
		assert_int_equal(hear(f), 0);
	}
	agent_output(f->a, &waits);
	assert_true(waits < 3 * PROTOCOL_WINDOW);
	/* It goes on when it does. */
	host_says(f);
	assert_int_equal(agent_stdin_room(f->a), PROTOCOL_WINDOW);
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
	assert_int_equal(agent_exec(f->a, &c, &err), -1);
	assert_int_equal(host_says(f), 0);
	big[EXEC_REQUEST_MAX - 100] = '\0';
	assert_int_equal(agent_exec(f->a, &c, &err), 0);
	assert_true(host_says(f) > EXEC_REQUEST_MAX - 100);
	assert_int_equal(agent_exec(f->a, &c, &err), -1);
}

static void what_the_guest_writes_is_safe_to_show(void **state)
{
	struct fixture *f = *state;

	say_hello(f, PROTOCOL_MAGIC, PROTOCOL_VERSION);
	say(f, FRAME_FATAL, 0, "a\x1b[2J\n\x7f\xc2\x9b \xff\xc3\xa9\xe2\x80\xae", 16);
	assert_int_equal(hear(f), 0);
	assert_told(f, "fatal:a?[2J???? ?\xc3\xa9??? ");
	/* After that it has nothing more to say, and is not heard. */
	say(f, FRAME_PONG, 0, NULL, 0);
	assert_int_equal(hear(f), 0);
}

static void say_device(struct fixture *f, const char *name, const char *serial)
{
	uint8_t bytes[WIRE_BLOCK_DEVICE_SIZE] = {0};

	strncpy((char *)bytes + WIRE_BLOCK_DEVICE_NAME, name, 32);
	strncpy((char *)bytes + WIRE_BLOCK_DEVICE_SERIAL, serial, 32);
	say(f, FRAME_BLOCK_DEVICE, 0, bytes, sizeof(bytes));
}

static void block_devices_come_as_a_list(void **state)
{
	struct fixture *f = *state;

	bring_up(f);
	agent_list_block_devices(f->a);
	say_device(f, "vda", "one");
	say_device(f, "vdb", "t\x1bo");
	say(f, FRAME_BLOCK_DEVICES_END, 0, NULL, 0);
	assert_int_equal(hear(f), 0);
	assert_told(f, "devices:2:vda/one:vdb/t?o ");
}

static void a_device_name_can_not_lead_elsewhere(void **state)
{
	static const char *const names[] = {"", "..", "../mem", "a/b", "a b", "\x1b"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fixture *f = *state;

		bring_up(f);
		agent_list_block_devices(f->a);
		say_device(f, names[i], "");
		assert_int_equal(hear(f), -1);
		agent_free(f->a);
		f->a = agent_new(&handler, f);
	}
}

static void the_number_of_devices_is_bounded(void **state)
{
	struct fixture *f = *state;

	bring_up(f);
	agent_list_block_devices(f->a);
	for (int i = 0; i < BLOCK_DEVICES_MAX; i++)
		say_device(f, "vda", "");
	assert_int_equal(hear(f), 0);
	say_device(f, "vda", "");
	assert_int_equal(hear(f), -1);
}

static void impossible_exit_statuses_are_errors(void **state)
{
	static const char *const statuses[] = {"\x89\x08", "\x01\x09", "\xc1\x41"};

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		struct fixture *f = *state;

		bring_up(f);
		run_command(f, "x");
		strbuf_clear(&f->told);
		say(f, FRAME_EXITED, 0, statuses[i], 2);
		assert_int_equal(hear(f), -1);
		assert_told(f, "");
		agent_free(f->a);
		f->a = agent_new(&handler, f);
	}
}

static void stopping_ends_the_conversation(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = {"x", NULL};
	const struct agent_command c = {.argv = argv};

	bring_up(f);
	agent_ping(f->a);
	agent_stop(f->a);
	assert_int_equal(agent_exec(f->a, &c, NULL), -1);
	say(f, FRAME_PONG, 0, NULL, 0);
	say(f, FRAME_STOPPED, 0, NULL, 0);
	assert_int_equal(hear(f), 0);
	assert_told(f, "pong stopped ");
}

static void a_resumed_guest_says_no_hello(void **state)
{
	struct fixture *f = *state;
	const uint8_t seed[RESUME_SEED_SIZE] = {1};
	const char *const argv[] = {"x", NULL};
	const struct agent_command c = {.argv = argv};

	agent_resume(f->a, 1, 2, seed);
	assert_int_equal(host_says(f), FRAME_HEADER_SIZE + RESUME_SIZE);
	/* Until it has become a machine of its own nothing runs in it. */
	assert_int_equal(agent_exec(f->a, &c, NULL), -1);
	say(f, FRAME_RESUMED, 0, NULL, 0);
	assert_int_equal(hear(f), 0);
	assert_told(f, "resumed ");
	assert_int_equal(agent_exec(f->a, &c, NULL), 0);
	/* Once is enough. */
	say(f, FRAME_RESUMED, 0, NULL, 0);
	assert_int_equal(hear(f), -1);
}

static void a_guest_that_booted_was_not_resumed(void **state)
{
	struct fixture *f = *state;

	bring_up(f);
	say(f, FRAME_RESUMED, 0, NULL, 0);
	assert_int_equal(hear(f), -1);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_fixture(a_conversation_can_come_byte_by_byte),
		with_fixture(another_version_is_an_error_that_says_what_to_do),
		with_fixture(a_stranger_on_the_port_is_an_error),
		with_fixture(nothing_may_come_before_hello),
		with_fixture(frames_out_of_order_are_errors),
		with_fixture(events_of_the_boot_come_before_the_guest_is_ready),
		with_fixture(impossible_events_of_the_boot_are_errors),
		with_fixture(wrong_lengths_are_errors),
		with_fixture(the_guest_can_not_send_more_than_its_window),
		with_fixture(taking_output_opens_the_window),
		with_fixture(
			output_of_the_last_command_does_not_open_the_next_ones_window),
		with_fixture(input_stops_at_the_window_and_goes_on),
		with_fixture(input_that_the_guest_does_not_fetch_does_not_pile_up),
		with_fixture(a_long_request_goes_in_pieces_and_a_longer_one_not_at_all),
		with_fixture(what_the_guest_writes_is_safe_to_show),
		with_fixture(block_devices_come_as_a_list),
		with_fixture(a_device_name_can_not_lead_elsewhere),
		with_fixture(the_number_of_devices_is_bounded),
		with_fixture(impossible_exit_statuses_are_errors),
		with_fixture(stopping_ends_the_conversation),
		with_fixture(a_resumed_guest_says_no_hello),
		with_fixture(a_guest_that_booted_was_not_resumed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
