/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's side alone, and a test that says what a guest says. What is told is kept as
 * text, one word an event.
 */
#pragma once

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
	unsigned command; /* the last that was started, and what the guest speaks of */
	struct strbuf told;
	struct strbuf guest; /* what the guest says next */
};

static inline void on_ready(const struct agent_boot_times *times, void *data)
{
	strbuf_addf(&((struct fixture *)data)->told, "ready:%d ", (int)times->ready);
}

static inline void on_fatal(const char *message, void *data)
{
	strbuf_addf(&((struct fixture *)data)->told, "fatal:%s ", message);
}

static inline void on_started(void *data)
{
	strbuf_adds(&((struct fixture *)data)->told, "started ");
}

static inline void on_start_failed(
	enum start_failure failure, int errnum, const char *step, void *data)
{
	struct fixture *f = data;

	strbuf_addf(&f->told, "failed:%d:%d:%s ", failure, errnum, step);
	agent_release(f->a, f->command);
}

static inline void on_output(
	enum stream_id stream, const void *bytes, size_t len, void *data)
{
	(void)bytes;
	strbuf_addf(&((struct fixture *)data)->told, "out%d:%zu ", stream, len);
}

static inline void on_stdin_closed(void *data)
{
	strbuf_adds(&((struct fixture *)data)->told, "closed ");
}

static inline void on_exited(int status, int signal, void *data)
{
	struct fixture *f = data;

	strbuf_addf(&f->told, "exited:%d:%d ", status, signal);
	agent_release(f->a, f->command);
}

static inline void on_out_of_memory(const char *process, void *data)
{
	strbuf_addf(&((struct fixture *)data)->told, "killed:%s ", process);
}

static inline void on_block_devices(
	const struct agent_block_device *devices, size_t n, void *data)
{
	struct fixture *f = data;

	strbuf_addf(&f->told, "devices:%zu", n);
	for (size_t i = 0; i < n && i < 3; i++)
		strbuf_addf(&f->told, ":%s/%s", devices[i].name, devices[i].serial);
	strbuf_adds(&f->told, " ");
}

static inline void on_boot_event(const struct agent_boot_event *event, void *data)
{
	strbuf_addf(&((struct fixture *)data)->told, "event:%d:%d:%d:%s ", event->kind,
		(int)event->begin, (int)event->end, event->name);
}

static inline void on_pong(void *data)
{
	strbuf_adds(&((struct fixture *)data)->told, "pong ");
}

static inline void on_resumed(void *data)
{
	strbuf_adds(&((struct fixture *)data)->told, "resumed ");
}

static inline void on_stopped(void *data)
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
	.stdin_closed = on_stdin_closed,
	.out_of_memory = on_out_of_memory,
	.exited = on_exited,
	.block_devices = on_block_devices,
	.pong = on_pong,
	.stopped = on_stopped,
	.resumed = on_resumed,
};

static inline int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->a = agent_new(&handler, f);
	f->command = 1;
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	agent_free(f->a);
	strbuf_done(&f->told);
	strbuf_done(&f->guest);
	free(f);
	return 0;
}

static inline bool is_of_a_command(int type)
{
	return type == FRAME_STARTED || type == FRAME_START_FAILED ||
		type == FRAME_EXITED || type == FRAME_OUT_OF_MEMORY ||
		type == FRAME_DATA || type == FRAME_WINDOW || type == FRAME_DATA_CLOSED;
}

static inline void say(
	struct fixture *f, int type, int stream, const void *payload, size_t len)
{
	uint8_t header[FRAME_HEADER_SIZE];

	frame_put_command_header(
		header, type, is_of_a_command(type) ? f->command : 0, stream, len);
	strbuf_add(&f->guest, header, sizeof(header));
	strbuf_add(&f->guest, payload, len);
}

static inline void say_u32(struct fixture *f, int type, int stream, uint32_t v)
{
	uint8_t bytes[4];

	wire_put_u32(bytes, v);
	say(f, type, stream, bytes, 4);
}

static inline void say_hello(struct fixture *f, uint32_t magic, uint32_t version)
{
	uint8_t bytes[8];

	wire_put_u32(bytes, magic);
	wire_put_u32(bytes + 4, version);
	say(f, FRAME_HELLO, 0, bytes, 8);
}

static inline void say_ready(struct fixture *f)
{
	uint8_t times[READY_TIMES * 8] = {0};

	times[32] = 77;
	say_hello(f, PROTOCOL_MAGIC, PROTOCOL_VERSION);
	say(f, FRAME_READY, 0, times, sizeof(times));
}

/* The host hears all that was said, in one piece. */
static inline int hear(struct fixture *f)
{
	struct error err;
	int result = agent_receive(f->a, f->guest.data, f->guest.len, &err);

	strbuf_clear(&f->guest);
	return result < 0 ? -1 : 0;
}

static inline void assert_told(struct fixture *f, const char *what)
{
	assert_string_equal(f->told.data ? f->told.data : "", what);
	strbuf_clear(&f->told);
}

/* What the host has to say, taken away. */
static inline size_t host_says(struct fixture *f)
{
	size_t len;

	agent_output(f->a, &len);
	agent_output_sent(f->a, len);
	return len;
}

/* 0: it could not be started. */
static inline unsigned ask_for_command(struct fixture *f, const char *name)
{
	const char *const argv[] = {name, NULL};
	const struct agent_command c = {.argv = argv};
	unsigned command = agent_exec(f->a, &c, f, NULL);

	if (command)
		f->command = command;
	return command;
}

static inline void run_command(struct fixture *f, const char *name)
{
	assert_int_not_equal(ask_for_command(f, name), 0);
	host_says(f);
	say(f, FRAME_STARTED, 0, NULL, 0);
	assert_int_equal(hear(f), 0);
}

static inline void bring_up(struct fixture *f)
{
	say_ready(f);
	assert_int_equal(hear(f), 0);
	assert_told(f, "ready:77 ");
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
