/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handlers of the host's frames. The table at the end has all that are allowed, with their
 * lengths; any other frame ends the conversation. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "guest/devices.h"
#include "guest/server.h"

void server_say_start_failed(
	struct server *s, uint16_t command, const struct start_error *e)
{
	size_t len = strnlen(e->step, sizeof(e->step));
	uint8_t *p = channel_add_command(
		&s->channel, FRAME_START_FAILED, command, 0, START_FAILED_FIXED + len);

	wire_put_u32(p, e->errnum);
	p[4] = e->failure;
	memcpy(p + START_FAILED_FIXED, e->step, len);
}

/* Handlers return -1 if the frame breaks the protocol. Those of a command find NULL if it
 * has ended while the frame was on its way. */

static struct command *command_of(const struct server *s, const struct frame *f)
{
	return commands_find(&s->commands, f->command);
}

static int on_exec_part(struct server *s, const struct frame *f)
{
	if (f->len > sizeof(s->request) - s->request_len)
		return -1;
	memcpy(s->request + s->request_len, f->payload, f->len);
	s->request_len += f->len;
	return 0;
}

static int on_exec(struct server *s, const struct frame *f)
{
	struct exec_request request;
	struct start_error error;

	if (command_of(s, f) || on_exec_part(s, f) < 0 ||
		exec_request_parse(s->request, s->request_len, &request) < 0)
		return -1;
	if (commands_start(&s->commands, f->command, &request, s->request, s->request_len,
		    &error) < 0)
		server_say_start_failed(s, f->command, &error);
	s->request_len = 0;
	return 0;
}

static int on_data(struct server *s, const struct frame *f)
{
	struct command *c = command_of(s, f);

	if (f->stream != STREAM_STDIN)
		return -1;
	return c ? input_add(&c->input, f->payload, f->len) : 0;
}

static int on_data_end(struct server *s, const struct frame *f)
{
	struct command *c = command_of(s, f);

	if (c)
		input_end(&c->input);
	return 0;
}

/* The command's next write fails, as to any pipe without a reader. A terminal hangs
 * up. */
static int on_data_closed(struct server *s, const struct frame *f)
{
	struct command *c = command_of(s, f);

	if (f->stream == STREAM_STDIN)
		return -1;
	if (!c)
		return 0;
	if (c->outputs[f->stream - STREAM_STDOUT].terminal)
		command_signal(c, SIGHUP);
	else
		output_close(&c->outputs[f->stream - STREAM_STDOUT]);
	return 0;
}

static int on_window(struct server *s, const struct frame *f)
{
	struct command *c = command_of(s, f);

	if (f->stream == STREAM_STDIN)
		return -1;
	return c ? output_grow_window(&c->outputs[f->stream - STREAM_STDOUT],
			   wire_get_u32(f->payload))
		 : 0;
}

static int on_signal(struct server *s, const struct frame *f)
{
	struct command *c = command_of(s, f);
	uint32_t signal = wire_get_u32(f->payload);

	if (signal < 1 || signal > 64)
		return -1;
	if (c)
		command_signal(c, signal);
	return 0;
}

static int on_resize(struct server *s, const struct frame *f)
{
	struct command *c = command_of(s, f);

	if (c)
		command_resize(c, wire_get_u16(f->payload), wire_get_u16(f->payload + 2));
	return 0;
}

static int on_ping(struct server *s, const struct frame *f)
{
	(void)f;
	channel_add(&s->channel, FRAME_PONG, 0);
	return 0;
}

static void add_device(struct channel *c, const struct device *d)
{
	uint8_t *p = channel_add(c, FRAME_BLOCK_DEVICE, WIRE_BLOCK_DEVICE_SIZE);

	memset(p, 0, WIRE_BLOCK_DEVICE_SIZE);
	memcpy(p + WIRE_BLOCK_DEVICE_NAME, d->name, strnlen(d->name, 31));
	memcpy(p + WIRE_BLOCK_DEVICE_SERIAL, d->serial, strnlen(d->serial, 32));
	wire_put_u64(p + WIRE_BLOCK_DEVICE_BYTES, d->size);
	p[WIRE_BLOCK_DEVICE_RO] = d->read_only;
}

static int on_list_block_devices(struct server *s, const struct frame *f)
{
	size_t len;
	struct device *devices = devices_list(
		s->machine->sys, s->machine->hidden_disk, BLOCK_DEVICES_MAX, &len);

	(void)f;
	_Static_assert(BLOCK_DEVICES_MAX * (FRAME_HEADER_SIZE + WIRE_BLOCK_DEVICE_SIZE) +
				FRAME_HEADER_SIZE <=
			CHANNEL_OUT_RESERVE,
		"the list of all disks fits into what is kept free");
	for (size_t i = 0; i < len; i++)
		add_device(&s->channel, &devices[i]);
	free(devices);
	channel_add(&s->channel, FRAME_BLOCK_DEVICES_END, 0);
	return 0;
}

static int on_set_clock(struct server *s, const struct frame *f)
{
	s->machine->set_clock(wire_get_u64(f->payload));
	return 0;
}

static void say_fatal(struct server *s, const char *message)
{
	size_t len = strnlen(message, MESSAGE_MAX);

	memcpy(channel_add(&s->channel, FRAME_FATAL, len), message, len);
}

static int on_prepare_snapshot(struct server *s, const struct frame *f)
{
	struct error err;

	if (commands_are_heard(&s->commands))
		return -1;
	standby_make(&s->commands.standby);
	if (s->machine->prepare_snapshot(
		    wire_get_u32(f->payload), false, s->machine->data, &err) < 0)
		say_fatal(s, err.msg);
	return 0;
}

static int on_freeze(struct server *s, const struct frame *f)
{
	struct error err;

	(void)f;
	standby_make(&s->commands.standby);
	if (s->machine->prepare_snapshot(0, true, s->machine->data, &err) < 0)
		say_fatal(s, err.msg);
	s->frozen = true;
	return 0;
}

static int on_thaw(struct server *s, const struct frame *f)
{
	(void)f;
	s->frozen = false;
	return 0;
}

static int on_resume(struct server *s, const struct frame *f)
{
	const struct resume_request r = resume_request_get(f->payload);
	struct error err;

	if (commands_are_heard(&s->commands) && !s->frozen)
		return -1;
	s->frozen = false;
	commands_abandon(&s->commands);
	if (s->machine->resume(&r, s->machine->data, &err) < 0)
		say_fatal(s, err.msg);
	else
		channel_add(&s->channel, FRAME_RESUMED, 0);
	return 0;
}

static int on_attach(struct server *s, const struct frame *f)
{
	struct attach_request r;
	struct error err;

	if (commands_are_heard(&s->commands) ||
		attach_request_parse(f->payload, f->len, &r) < 0)
		return -1;
	if (s->machine->attach(&r, &err) < 0)
		say_fatal(s, err.msg);
	else
		channel_add(&s->channel, FRAME_ATTACHED, 0);
	return 0;
}

static int on_stop(struct server *s, const struct frame *f)
{
	(void)f;
	s->stop = true;
	return 0;
}

/* It says nothing then but that it hears. */
static bool is_for_frozen(uint8_t type)
{
	return type == FRAME_PING || type == FRAME_THAW || type == FRAME_RESUME;
}

static const struct rule {
	uint32_t min, max; /* bytes of payload */
	enum frame_subject subject;
	int (*handle)(struct server *s, const struct frame *f);
} rules[] = {
	[FRAME_DATA] = {1, FRAME_PAYLOAD_MAX, OF_A_STREAM, on_data},
	[FRAME_WINDOW] = {4, 4, OF_A_STREAM, on_window},
	[FRAME_DATA_CLOSED] = {0, 0, OF_A_STREAM, on_data_closed},
	[FRAME_EXEC_PART] = {1, FRAME_PAYLOAD_MAX, OF_A_COMMAND, on_exec_part},
	[FRAME_EXEC] = {1, FRAME_PAYLOAD_MAX, OF_A_COMMAND, on_exec},
	[FRAME_DATA_END] = {0, 0, OF_A_COMMAND, on_data_end},
	[FRAME_SIGNAL] = {4, 4, OF_A_COMMAND, on_signal},
	[FRAME_RESIZE] = {4, 4, OF_A_COMMAND, on_resize},
	[FRAME_PING] = {0, 0, OF_THE_MACHINE, on_ping},
	[FRAME_LIST_BLOCK_DEVICES] = {0, 0, OF_THE_MACHINE, on_list_block_devices},
	[FRAME_SET_CLOCK] = {8, 8, OF_THE_MACHINE, on_set_clock},
	[FRAME_PREPARE_SNAPSHOT] = {4, 4, OF_THE_MACHINE, on_prepare_snapshot},
	[FRAME_FREEZE] = {0, 0, OF_THE_MACHINE, on_freeze},
	[FRAME_THAW] = {0, 0, OF_THE_MACHINE, on_thaw},
	[FRAME_RESUME] = {RESUME_SIZE, RESUME_SIZE, OF_THE_MACHINE, on_resume},
	[FRAME_ATTACH] = {ATTACH_FIXED_SIZE, FRAME_PAYLOAD_MAX, OF_THE_MACHINE,
		on_attach},
	[FRAME_STOP] = {0, 0, OF_THE_MACHINE, on_stop},
};

static int handle_frame(struct server *s, const struct frame *f, struct error *err)
{
	const struct rule *r = f->type < ARRAY_SIZE(rules) ? &rules[f->type] : NULL;

	if (!r || !r->handle || f->len < r->min || f->len > r->max ||
		!frame_concerns(f, r->subject) ||
		(s->frozen && !is_for_frozen(f->type)) || r->handle(s, f) < 0)
		return error_set(
			err, 0, "the host sent a malformed frame of type %u", f->type);
	return 0;
}

int server_handle_frames(struct server *s, struct error *err)
{
	struct frame f;
	int n = 0;

	while (!s->stop && channel_has_room(&s->channel) &&
		(n = channel_next(&s->channel, &f)) > 0)
		if (handle_frame(s, &f, err) < 0)
			return -1;
	if (n < 0)
		return error_set(err, 0, "the host sent bytes that are not a frame");
	return 0;
}
