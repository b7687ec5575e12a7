/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's side against guests that keep to the protocol and guests that do not. */
#include "fixture-host.h"

static void a_conversation_can_come_byte_by_byte(void **state)
{
	struct fixture *f = *state;
	int frames = 0;

	bring_up(f);
	assert_int_equal(ask_for_command(f, "true"), 1);
	say(f, FRAME_STARTED, 0, NULL, 0);
	say(f, FRAME_DATA, STREAM_STDOUT, "hello", 5);
	say(f, FRAME_DATA, STREAM_STDERR, "x", 1);
	say(f, FRAME_DATA_CLOSED, 0, NULL, 0);
	say(f, FRAME_EXITED, 0, "\0\x09", 2);
	for (size_t i = 0; i < f->guest.len; i++)
		frames += agent_receive(f->a, f->guest.data + i, 1, NULL);
	assert_int_equal(frames, 5);
	assert_told(f, "started out1:5 out2:1 closed exited:0:9 ");
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
		{FRAME_OUT_OF_MEMORY, 1},
		{FRAME_BLOCK_DEVICES_END, 0},
		{FRAME_ATTACHED, 0},
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

static void frames_of_a_command_that_does_not_run_are_errors(void **state)
{
	static const struct {
		int type;
		unsigned command;
		size_t len;
	} frames[] = {
		{FRAME_EXITED, 2, 2},
		{FRAME_EXITED, 0, 2},
		{FRAME_DATA, 2, 1},
		{FRAME_DATA, COMMANDS_MAX, 1},
		{FRAME_WINDOW, 2, 4},
		{FRAME_STARTED, 1, 0},
		{FRAME_START_FAILED, 1, START_FAILED_FIXED},
	};
	static const uint8_t zeros[8];

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		struct fixture *f = *state;

		bring_up(f);
		run_command(f, "x");
		f->command = frames[i].command;
		say(f, frames[i].type, 0, zeros, frames[i].len);
		assert_int_equal(hear(f), -1);
		strbuf_clear(&f->told);
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
	static const char *const statuses[] = {"\x89\x09", "\x01\x09", "\0\x41"};

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

static void a_lack_of_memory_is_told_once_a_command(void **state)
{
	struct fixture *f = *state;
	static const char name[PROCESS_NAME_MAX + 1] = "x";

	bring_up(f);
	for (int i = 0; i < 2; i++) {
		run_command(f, "x");
		strbuf_clear(&f->told);
		say(f, FRAME_OUT_OF_MEMORY, 0, "a\033b", 3);
		say(f, FRAME_EXITED, 0, "\0\x09", 2);
		assert_int_equal(hear(f), 0);
		assert_told(f, "killed:a?b exited:0:9 ");
	}
	run_command(f, "x");
	say(f, FRAME_OUT_OF_MEMORY, 0, name, 1);
	say(f, FRAME_OUT_OF_MEMORY, 0, name, 1);
	assert_int_equal(hear(f), -1);
}

static void impossible_start_failures_are_errors(void **state)
{
	static const struct {
		uint8_t errnum, failure;
	} payloads[] = {{0, START_EXECUTE}, {2, START_FAILURES}, {2, 255}};

	for (size_t i = 0; i < ARRAY_SIZE(payloads); i++) {
		const uint8_t bytes[START_FAILED_FIXED] = {
			payloads[i].errnum, 0, 0, 0, payloads[i].failure};
		struct fixture *f = *state;

		bring_up(f);
		assert_int_equal(ask_for_command(f, "x"), 1);
		say(f, FRAME_START_FAILED, 0, bytes, sizeof(bytes));
		assert_int_equal(hear(f), -1);
		assert_told(f, "");
		agent_free(f->a);
		f->a = agent_new(&handler, f);
	}
}

static void stopping_ends_the_conversation(void **state)
{
	struct fixture *f = *state;

	bring_up(f);
	agent_ping(f->a);
	agent_stop(f->a);
	assert_int_equal(ask_for_command(f, "x"), 0);
	say(f, FRAME_PONG, 0, NULL, 0);
	say(f, FRAME_STOPPED, 0, NULL, 0);
	assert_int_equal(hear(f), 0);
	assert_told(f, "pong stopped ");
}

static void a_resumed_guest_says_no_hello(void **state)
{
	struct fixture *f = *state;
	const uint8_t seed[RESUME_SEED_SIZE] = {1};

	agent_resume(f->a,
		&(struct resume_request){.realtime_ns = 1, .disks = 2, .seed = seed});
	assert_int_equal(host_says(f), FRAME_HEADER_SIZE + RESUME_SIZE);
	/* Until it has become a machine of its own nothing runs in it. */
	assert_int_equal(ask_for_command(f, "x"), 0);
	say(f, FRAME_RESUMED, 0, NULL, 0);
	assert_int_equal(hear(f), 0);
	assert_told(f, "resumed ");
	assert_int_equal(ask_for_command(f, "x"), 1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_fixture(a_conversation_can_come_byte_by_byte),
		with_fixture(another_version_is_an_error_that_says_what_to_do),
		with_fixture(a_stranger_on_the_port_is_an_error),
		with_fixture(nothing_may_come_before_hello),
		with_fixture(frames_out_of_order_are_errors),
		with_fixture(frames_of_a_command_that_does_not_run_are_errors),
		with_fixture(events_of_the_boot_come_before_the_guest_is_ready),
		with_fixture(impossible_events_of_the_boot_are_errors),
		with_fixture(wrong_lengths_are_errors),
		with_fixture(what_the_guest_writes_is_safe_to_show),
		with_fixture(block_devices_come_as_a_list),
		with_fixture(a_device_name_can_not_lead_elsewhere),
		with_fixture(the_number_of_devices_is_bounded),
		with_fixture(impossible_exit_statuses_are_errors),
		with_fixture(impossible_start_failures_are_errors),
		with_fixture(a_lack_of_memory_is_told_once_a_command),
		with_fixture(stopping_ends_the_conversation),
		with_fixture(a_resumed_guest_says_no_hello),
		with_fixture(a_guest_that_booted_was_not_resumed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
