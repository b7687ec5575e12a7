/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hostile guest: any bytes to the host's side of the agent, in pieces of any size,
 * while the host goes on with its own business. What is told has to keep its promises.
 */
#include <stdint.h>
#include <string.h>

#include "agent/agent.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *s)
{
	for (size_t len = strlen(s); len > 0; len--, s++)
		if ((uint8_t)*s < 0x20 || *s == 0x7f)
			abort();
}

static void start_command(struct agent *a)
{
	static const char *const argv[] = {"true", NULL};
	const struct agent_command c = {.argv = argv};

	agent_exec(a, &c, NULL);
}

static void on_ready(const struct agent_boot_times *times, void *data)
{
	struct agent *a = *(struct agent **)data;

	(void)times;
	agent_ping(a);
	agent_list_block_devices(a);
	start_command(a);
}

static void on_boot_event(const struct agent_boot_event *event, void *data)
{
	(void)data;
	check_text(event->name);
	if (event->kind >= BOOT_EVENT_KINDS || event->begin > event->end)
		abort();
}

static void on_fatal(const char *message, void *data)
{
	(void)data;
	check_text(message);
}

static void on_started(void *data)
{
	struct agent *a = *(struct agent **)data;

	if (agent_stdin_room(a) > PROTOCOL_WINDOW)
		abort();
	agent_send_stdin(a, "input", MIN(agent_stdin_room(a), 5));
}

static void on_start_failed(
	enum start_failure failure, int errnum, const char *step, void *data)
{
	(void)failure;
	(void)errnum;
	check_text(step);
	start_command(*(struct agent **)data);
}

static void on_output(enum stream_id stream, const void *bytes, size_t len, void *data)
{
	if (stream == STREAM_STDIN || len == 0 || len > FRAME_PAYLOAD_MAX)
		abort();
	/* Some of it is never taken. */
	if (*(const uint8_t *)bytes & 1)
		agent_output_taken(*(struct agent **)data, stream, len);
}

static void on_exited(int status, int signal, void *data)
{
	if (status < 0 || status > 255 || signal < 0 || signal > 64)
		abort();
	start_command(*(struct agent **)data);
}

static void on_block_devices(
	const struct agent_block_device *devices, size_t n, void *data)
{
	(void)data;
	if (n > BLOCK_DEVICES_MAX)
		abort();
	for (size_t i = 0; i < n; i++) {
		check_text(devices[i].name);
		check_text(devices[i].serial);
		if (strchr(devices[i].name, '/'))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct agent_handler handler = {
		.boot_event = on_boot_event,
		.ready = on_ready,
		.fatal = on_fatal,
		.started = on_started,
		.start_failed = on_start_failed,
		.output = on_output,
		.exited = on_exited,
		.block_devices = on_block_devices,
	};
	struct agent *a;
	size_t step = size ? data[0] + 1 : 1, len;

	a = agent_new(&handler, &a);
	/* The first byte is the size of the pieces. */
	for (size_t at = 1; at < size; at += step) {
		if (agent_receive(a, data + at, MIN(step, size - at), NULL) < 0)
			break;
		agent_output(a, &len);
		agent_output_sent(a, len);
	}
	agent_stop(a);
	agent_free(a);
	return 0;
}
