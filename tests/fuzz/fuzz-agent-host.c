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
		if (((uint8_t)*s < 0x20 && *s != '\t') || *s == 0x7f)
			abort();
}

/* What happens to a command gets its owner, which is one of these. */
static struct command_of_test {
	struct agent *a;
	unsigned number; /* 0: it does not run */
} commands[3];

static void start_commands(struct agent *a)
{
	static const char *const argv[] = {"true", NULL};
	const struct agent_command c = {.argv = argv};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!commands[i].number)
			commands[i] = (struct command_of_test){
				a, agent_exec(a, &c, &commands[i], NULL)};
}

static void end_command(struct command_of_test *c)
{
	struct agent *a = c->a;

	if (!c->number)
		abort();
	agent_release(a, c->number);
	c->number = 0;
	start_commands(a);
}

static void on_ready(const struct agent_boot_times *times, void *data)
{
	struct agent *a = *(struct agent **)data;

	(void)times;
	agent_ping(a);
	agent_list_block_devices(a);
	start_commands(a);
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

static void on_started(void *owner)
{
	struct command_of_test *c = owner;
	size_t room = agent_stdin_room(c->a, c->number);

	if (room > PROTOCOL_WINDOW)
		abort();
	agent_send_stdin(c->a, c->number, "input", MIN(room, 5));
}

static void on_start_failed(
	enum start_failure failure, int errnum, const char *step, void *owner)
{
	(void)failure;
	(void)errnum;
	check_text(step);
	end_command(owner);
}

static void on_output(enum stream_id stream, const void *bytes, size_t len, void *owner)
{
	struct command_of_test *c = owner;

	if (stream == STREAM_STDIN || len == 0 || len > FRAME_PAYLOAD_MAX)
		abort();
	/* Some of it is never taken. */
	if (*(const uint8_t *)bytes & 1)
		agent_output_taken(c->a, c->number, stream, len);
}

static void on_exited(int status, int signal, void *owner)
{
	if (status < 0 || status > 255 || signal < 0 || signal > 64)
		abort();
	end_command(owner);
}

/* Given up while it runs. */
static void on_out_of_memory(const char *process, void *owner)
{
	check_text(process);
	end_command(owner);
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
		.out_of_memory = on_out_of_memory,
		.block_devices = on_block_devices,
	};
	uint8_t hello[FRAME_HEADER_SIZE + 8];
	struct agent *a;
	size_t step = size ? data[0] + 1 : 1, len;

	a = agent_new(&handler, &a);
	memset(commands, 0, sizeof(commands));
	/* The first byte is the size of the pieces; with an even one the guest has said
	 * HELLO, in whatever version this is. */
	if (size && data[0] % 2 == 0) {
		frame_put_header(hello, FRAME_HELLO, 8);
		wire_put_u32(hello + FRAME_HEADER_SIZE, PROTOCOL_MAGIC);
		wire_put_u32(hello + FRAME_HEADER_SIZE + 4, PROTOCOL_VERSION);
		agent_receive(a, hello, sizeof(hello), NULL);
	}
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
