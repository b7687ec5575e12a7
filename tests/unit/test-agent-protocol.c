/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames and exec requests: what is accepted, at which byte, and that nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "protocol/protocol.h"

static void a_frame_is_complete_at_its_last_byte_and_not_before(void **state)
{
	uint8_t bytes[FRAME_HEADER_SIZE + 5] = {0};
	struct frame f;

	(void)state;
	frame_put_command_header(bytes, FRAME_DATA, 7, STREAM_STDERR, 5);
	memcpy(bytes + FRAME_HEADER_SIZE, "12345", 5);
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_int_equal(frame_parse(bytes, len, &f), 0);
	assert_int_equal(frame_parse(bytes, sizeof(bytes), &f), sizeof(bytes));
	assert_int_equal(f.type, FRAME_DATA);
	assert_int_equal(f.stream, STREAM_STDERR);
	assert_int_equal(f.command, 7);
	assert_int_equal(f.len, 5);
	assert_memory_equal(f.payload, "12345", 5);
}

static void what_is_wanted_leads_to_a_frame(void **state)
{
	uint8_t bytes[FRAME_HEADER_SIZE] = {0};

	(void)state;
	frame_put_header(bytes, FRAME_PING, 1000);
	assert_int_equal(frame_want(bytes, 0), FRAME_HEADER_SIZE);
	assert_int_equal(frame_want(bytes, 7), FRAME_HEADER_SIZE);
	assert_int_equal(frame_want(bytes, 8), FRAME_HEADER_SIZE + 1000);
}

static void a_header_that_lies_is_refused_at_once(void **state)
{
	static const uint8_t too_long[] = {1, 0, 1, 0, FRAME_DATA, 0, 0, 0};
	static const uint8_t longest_length[] = {255, 255, 255, 255, FRAME_DATA, 0, 0, 0};
	static const uint8_t bad_stream[] = {1, 0, 0, 0, FRAME_DATA, 3, 0, 0};
	static const uint8_t bad_command[] = {1, 0, 0, 0, FRAME_DATA, 0, 1, 1};
	struct frame f;

	(void)state;
	assert_int_equal(frame_parse(too_long, 8, &f), -1);
	assert_int_equal(frame_parse(longest_length, 8, &f), -1);
	assert_int_equal(frame_parse(bad_stream, 8, &f), -1);
	assert_int_equal(frame_parse(bad_command, 8, &f), -1);
}

static size_t make_request(
	uint8_t *ret, uint32_t argc, uint32_t envc, const char *strings, size_t len)
{
	memset(ret, 0, EXEC_FIXED_SIZE);
	wire_put_u16(ret, EXEC_TERMINAL);
	wire_put_u16(ret + 2, 24);
	wire_put_u16(ret + 4, 80);
	wire_put_u32(ret + 8, argc);
	wire_put_u32(ret + 12, envc);
	memcpy(ret + EXEC_FIXED_SIZE, strings, len);
	return EXEC_FIXED_SIZE + len;
}

static void a_request_gives_its_strings(void **state)
{
	static const char strings[] = "/tmp\0u:g\0echo\0\0x\0A=1\0";
	uint8_t bytes[64];
	size_t len = make_request(bytes, 3, 1, strings, sizeof(strings) - 1);
	struct exec_request r;

	(void)state;
	assert_int_equal(exec_request_parse(bytes, len, &r), 0);
	assert_int_equal(r.flags, EXEC_TERMINAL);
	assert_int_equal(r.rows, 24);
	assert_int_equal(r.columns, 80);
	assert_string_equal(r.cwd, "/tmp");
	assert_string_equal(r.user, "u:g");
	assert_string_equal(r.argv, "echo");
	assert_string_equal(r.env, "A=1");
}

static void a_request_that_is_cut_or_counts_wrongly_is_refused(void **state)
{
	static const char strings[] = "/tmp\0u:g\0echo\0\0x\0A=1\0";
	uint8_t bytes[64];
	size_t len = make_request(bytes, 3, 1, strings, sizeof(strings) - 1);
	struct exec_request r;

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		/* A block of exactly that size, so that the sanitizer sees a byte too
		 * far. */
		CLEANUP_FREE uint8_t *part = xmemdup(bytes, cut ? cut : 1);

		assert_int_equal(exec_request_parse(part, cut, &r), -1);
	}
	wire_put_u32(bytes + 8, 2);
	assert_int_equal(exec_request_parse(bytes, len, &r), -1);
	wire_put_u32(bytes + 8, UINT32_MAX);
	assert_int_equal(exec_request_parse(bytes, len, &r), -1);
	wire_put_u32(bytes + 8, 0);
	wire_put_u32(bytes + 12, 4);
	assert_int_equal(exec_request_parse(bytes, len, &r), -1);
	make_request(bytes, 3, 1, strings, sizeof(strings) - 1);
	bytes[0] = 0x80;
	assert_int_equal(exec_request_parse(bytes, len, &r), -1);
}

static void what_is_attached_is_parsed_to_its_last_byte(void **state)
{
	static const char strings[] = "10.0.2.15\0"
				      "255.255.255.0\0\0\0hosts\0ro\0/a\0rw\0/b";
	uint8_t bytes[ATTACH_FIXED_SIZE + sizeof(strings)] = {ATTACH_NETWORK, 0, 2, 0, 3};
	struct attach_request r;

	(void)state;
	memcpy(bytes + ATTACH_FIXED_SIZE, strings, sizeof(strings));
	assert_int_equal(attach_request_parse(bytes, sizeof(bytes), &r), 0);
	assert_true(r.has_network);
	assert_string_equal(r.address, "10.0.2.15");
	assert_string_equal(r.netmask, "255.255.255.0");
	assert_string_equal(r.gateway, "");
	assert_string_equal(r.resolver, "");
	assert_string_equal(r.hosts, "hosts");
	assert_int_equal(r.n_shares, 2);
	assert_int_equal(r.disks, 3);
	assert_memory_equal(r.shares, "ro\0/a\0rw\0/b", 12);
	for (size_t cut = 0; cut < sizeof(bytes); cut++) {
		CLEANUP_FREE uint8_t *part = xmemdup(bytes, cut ? cut : 1);
		assert_int_equal(attach_request_parse(part, cut, &r), -1);
	}
	/* One share fewer, and the most there can be. */
	bytes[2] = 1;
	assert_int_equal(attach_request_parse(bytes, sizeof(bytes), &r), -1);
	bytes[2] = bytes[3] = 0xff;
	assert_int_equal(attach_request_parse(bytes, sizeof(bytes), &r), -1);
	bytes[2] = 2, bytes[3] = 0, bytes[1] = 1;
	assert_int_equal(attach_request_parse(bytes, sizeof(bytes), &r), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_complete_at_its_last_byte_and_not_before),
		cmocka_unit_test(what_is_wanted_leads_to_a_frame),
		cmocka_unit_test(a_header_that_lies_is_refused_at_once),
		cmocka_unit_test(a_request_gives_its_strings),
		cmocka_unit_test(a_request_that_is_cut_or_counts_wrongly_is_refused),
		cmocka_unit_test(what_is_attached_is_parsed_to_its_last_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
