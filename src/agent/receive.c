/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames from the guest. One table says of each type in which states, of the guest or of
 * the command, it may come and how long it is; the function of the type checks the rest and
 * tells the caller. Whatever a guest sends, the memory that holds it stays below the size
 * of a frame, the windows of the commands and BLOCK_DEVICES_MAX disks. What is held for a
 * guest that does not read stays below the size of a few windows.
 */
#include <string.h>

#include "agent/state.h"
#include "base/printable.h"

#define TELL(a, what, ...)                                         \
	do {                                                       \
		if ((a)->handler.what)                             \
			(a)->handler.what(__VA_ARGS__, (a)->data); \
	} while (0)
#define TELL_BARE(a, what)                            \
	do {                                          \
		if ((a)->handler.what)                \
			(a)->handler.what((a)->data); \
	} while (0)

/* The same of what happens to a command, unless nobody wants to know. */
#define TELL_OWNER(a, c, what, ...)                                 \
	do {                                                        \
		if ((a)->handler.what && !(c)->released)            \
			(a)->handler.what(__VA_ARGS__, (c)->owner); \
	} while (0)
#define TELL_OWNER_BARE(a, c, what)                      \
	do {                                             \
		if ((a)->handler.what && !(c)->released) \
			(a)->handler.what((c)->owner);   \
	} while (0)

static int on_hello(struct agent *a, const struct frame *f, struct error *err)
{
	uint32_t version = wire_get_u32(f->payload + 4);

	if (wire_get_u32(f->payload) != PROTOCOL_MAGIC)
		return error_set(
			err, 0, "what answers in the guest is not hypermin's agent");
	if (version != PROTOCOL_VERSION)
		return error_set(err, 0,
			"the agent in the guest speaks version %u of the protocol and "
			"this program version %u: the appliance has to be built again",
			version, PROTOCOL_VERSION);
	a->state = STATE_BOOTING;
	return 0;
}

static int on_ready(struct agent *a, const struct frame *f, struct error *err)
{
	const struct agent_boot_times times = {
		.init_started = wire_get_u64(f->payload),
		.modules_loaded = wire_get_u64(f->payload + 8),
		.root_found = wire_get_u64(f->payload + 16),
		.root_mounted = wire_get_u64(f->payload + 24),
		.ready = wire_get_u64(f->payload + 32),
	};

	(void)err;
	a->state = STATE_UP;
	TELL(a, ready, &times);
	return 0;
}

static int on_boot_event(struct agent *a, const struct frame *f, struct error *err)
{
	struct agent_boot_event e = {
		.begin = wire_get_u64(f->payload),
		.end = wire_get_u64(f->payload + 8),
	};
	uint32_t kind = wire_get_u32(f->payload + 16);

	if (a->boot_events == BOOT_EVENTS_MAX)
		return error_set(err, 0,
			"the guest tells more than %u events of its boot",
			BOOT_EVENTS_MAX);
	/* Some weeks: such times can be added without a wrap. */
	if (kind >= BOOT_EVENT_KINDS || e.end > UINT32_MAX * 1000ULL || e.begin > e.end)
		return error_set(
			err, 0, "the guest sent an impossible event of its boot");
	a->boot_events++;
	e.kind = kind;
	printable_copy(e.name, sizeof(e.name), f->payload + BOOT_EVENT_FIXED,
		f->len - BOOT_EVENT_FIXED);
	TELL(a, boot_event, &e);
	return 0;
}

static int on_fatal(struct agent *a, const struct frame *f, struct error *err)
{
	char message[MESSAGE_MAX + 1];

	(void)err;
	printable_copy(message, sizeof(message), f->payload, f->len);
	a->state = STATE_OVER;
	TELL(a, fatal, message);
	return 0;
}

static int on_started(struct agent *a, const struct frame *f, struct error *err)
{
	struct command *c = a->commands[f->command];

	(void)err;
	c->state = COMMAND_RUNNING;
	TELL_OWNER_BARE(a, c, started);
	return 0;
}

/* The guest knows it no more. False: nobody else does. */
static bool end_command(struct agent *a, unsigned command, void **ret_owner)
{
	struct command *c = a->commands[command];

	c->state = COMMAND_ENDED;
	*ret_owner = c->owner;
	if (!c->released)
		return true;
	agent_free_command(a, command);
	return false;
}

static int on_start_failed(struct agent *a, const struct frame *f, struct error *err)
{
	char step[MESSAGE_MAX + 1];
	void *owner;
	uint32_t errnum = wire_get_u32(f->payload);
	enum start_failure failure = f->payload[4];

	if (errnum == 0 || errnum > 4095 || failure >= START_FAILURES)
		return error_set(err, 0, "the guest sent an impossible error number");
	printable_copy(step, sizeof(step), f->payload + START_FAILED_FIXED,
		f->len - START_FAILED_FIXED);
	if (end_command(a, f->command, &owner) && a->handler.start_failed)
		a->handler.start_failed(failure, errnum, step, owner);
	return 0;
}

static int on_data(struct agent *a, const struct frame *f, struct error *err)
{
	struct command *c = a->commands[f->command];
	struct stream *s = &c->streams[f->stream];

	if (f->stream == STREAM_STDIN)
		return error_set(err, 0, "the guest sent data on a stream that it reads");
	if (f->len > s->window)
		return error_set(
			err, 0, "the guest sent more output than it was allowed to");
	s->window -= f->len;
	s->held += f->len;
	if (a->handler.output && !c->released)
		a->handler.output(f->stream, f->payload, f->len, c->owner);
	else
		agent_output_taken(a, f->command, f->stream, f->len);
	return 0;
}

static int on_window(struct agent *a, const struct frame *f, struct error *err)
{
	struct stream *s = &a->commands[f->command]->streams[f->stream];
	uint32_t more = wire_get_u32(f->payload);

	if (f->stream != STREAM_STDIN)
		return error_set(
			err, 0, "the guest opened a window that is the host's to open");
	if (more > PROTOCOL_WINDOW - s->window)
		return error_set(err, 0, "the guest took more input than there was");
	s->window += more;
	return 0;
}

static int on_data_closed(struct agent *a, const struct frame *f, struct error *err)
{
	struct command *c = a->commands[f->command];

	(void)err;
	c->streams[STREAM_STDIN].closed = true;
	TELL_OWNER_BARE(a, c, stdin_closed);
	return 0;
}

static int on_out_of_memory(struct agent *a, const struct frame *f, struct error *err)
{
	struct command *c = a->commands[f->command];
	char name[PROCESS_NAME_MAX + 1];

	/* Each is a line on the user's terminal. */
	if (c->out_of_memory)
		return error_set(err, 0, "the guest ran out of memory twice");
	c->out_of_memory = true;
	printable_copy(name, sizeof(name), f->payload, f->len);
	TELL_OWNER(a, c, out_of_memory, name);
	return 0;
}

static int on_exited(struct agent *a, const struct frame *f, struct error *err)
{
	int code = f->payload[0], signal = f->payload[1];
	void *owner;

	if (signal && (signal > 64 || code != 0))
		return error_set(err, 0, "the guest sent an impossible exit status");
	if (end_command(a, f->command, &owner) && a->handler.exited)
		a->handler.exited(code, signal, owner);
	return 0;
}

/* A name that is safe as a file's name below /dev. */
static bool is_device_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && name[0] != '.' &&
		strspn(name,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"
			"-!") == len;
}

static int on_block_device(struct agent *a, const struct frame *f, struct error *err)
{
	struct agent_block_device d = {0};
	const uint8_t *serial = f->payload + WIRE_BLOCK_DEVICE_SERIAL;

	if (a->lists == 0)
		return error_set(
			err, 0, "the guest listed block devices that nobody asked for");
	if (a->devices.len == BLOCK_DEVICES_MAX)
		return error_set(err, 0, "the guest lists more than %d block devices",
			BLOCK_DEVICES_MAX);
	memcpy(d.name, f->payload + WIRE_BLOCK_DEVICE_NAME, sizeof(d.name));
	d.name[sizeof(d.name) - 1] = '\0';
	d.size = wire_get_u64(f->payload + WIRE_BLOCK_DEVICE_BYTES);
	d.read_only = f->payload[WIRE_BLOCK_DEVICE_RO] != 0;
	if (!is_device_name(d.name) || d.size > INT64_MAX)
		return error_set(err, 0, "the guest sent an impossible block device");
	printable_copy(d.serial, sizeof(d.serial), serial,
		strnlen((const char *)serial, sizeof(d.serial)));
	vector_push(&a->devices, d);
	return 0;
}

static int on_block_devices_end(struct agent *a, const struct frame *f, struct error *err)
{
	(void)f;
	if (a->lists == 0)
		return error_set(
			err, 0, "the guest listed block devices that nobody asked for");
	a->lists--;
	TELL(a, block_devices, a->devices.items, a->devices.len);
	a->devices.len = 0;
	return 0;
}

static int on_pong(struct agent *a, const struct frame *f, struct error *err)
{
	(void)f;
	if (a->pings == 0)
		return error_set(err, 0, "the guest answered a ping that was not sent");
	a->pings--;
	TELL_BARE(a, pong);
	return 0;
}

static int on_resumed(struct agent *a, const struct frame *f, struct error *err)
{
	(void)f;
	(void)err;
	a->state = STATE_UP;
	TELL_BARE(a, resumed);
	return 0;
}

static int on_attached(struct agent *a, const struct frame *f, struct error *err)
{
	(void)f;
	if (!a->attaching)
		return error_set(
			err, 0, "the guest attached something that nobody asked it to");
	a->attaching = false;
	TELL_BARE(a, attached);
	return 0;
}

static int on_stopped(struct agent *a, const struct frame *f, struct error *err)
{
	(void)f;
	if (!a->stopping)
		return error_set(err, 0, "the guest stopped without being told to");
	a->state = STATE_OVER;
	TELL_BARE(a, stopped);
	return 0;
}

#define IN(state) (1u << (state))
#define UP	  IN(STATE_UP)
#define STARTING  IN(COMMAND_STARTING)
#define RUNNING	  IN(COMMAND_RUNNING)

static const struct rule {
	unsigned states;   /* of the guest; of the command, if it concerns one */
	uint32_t min, max; /* bytes of payload */
	enum frame_subject subject;
	int (*handle)(struct agent *a, const struct frame *f, struct error *err);
} rules[] = {
	[FRAME_HELLO] = {IN(STATE_HELLO_AWAITED), 8, 8, OF_THE_MACHINE, on_hello},
	[FRAME_READY] = {IN(STATE_BOOTING), READY_TIMES * 8, READY_TIMES * 8,
		OF_THE_MACHINE, on_ready},
	[FRAME_BOOT_EVENT] = {IN(STATE_BOOTING), BOOT_EVENT_FIXED + 1,
		BOOT_EVENT_FIXED + BOOT_EVENT_NAME_MAX, OF_THE_MACHINE, on_boot_event},
	[FRAME_FATAL] = {IN(STATE_BOOTING) | IN(STATE_RESUMING) | UP, 0, MESSAGE_MAX,
		OF_THE_MACHINE, on_fatal},
	[FRAME_BLOCK_DEVICE] = {UP, WIRE_BLOCK_DEVICE_SIZE, WIRE_BLOCK_DEVICE_SIZE,
		OF_THE_MACHINE, on_block_device},
	[FRAME_BLOCK_DEVICES_END] = {UP, 0, 0, OF_THE_MACHINE, on_block_devices_end},
	[FRAME_PONG] = {UP, 0, 0, OF_THE_MACHINE, on_pong},
	[FRAME_STOPPED] = {UP, 0, 0, OF_THE_MACHINE, on_stopped},
	[FRAME_ATTACHED] = {UP, 0, 0, OF_THE_MACHINE, on_attached},
	[FRAME_RESUMED] = {IN(STATE_RESUMING), 0, 0, OF_THE_MACHINE, on_resumed},
	[FRAME_STARTED] = {STARTING, 0, 0, OF_A_COMMAND, on_started},
	[FRAME_START_FAILED] = {STARTING, START_FAILED_FIXED,
		START_FAILED_FIXED + MESSAGE_MAX, OF_A_COMMAND, on_start_failed},
	[FRAME_DATA_CLOSED] = {RUNNING, 0, 0, OF_A_COMMAND, on_data_closed},
	[FRAME_OUT_OF_MEMORY] = {RUNNING, 1, PROCESS_NAME_MAX, OF_A_COMMAND,
		on_out_of_memory},
	[FRAME_EXITED] = {RUNNING, 2, 2, OF_A_COMMAND, on_exited},
	[FRAME_DATA] = {RUNNING, 1, FRAME_PAYLOAD_MAX, OF_A_STREAM, on_data},
	[FRAME_WINDOW] = {STARTING | RUNNING, 4, 4, OF_A_STREAM, on_window},
};

/* May a frame by this rule come now? */
static bool is_in_order(
	const struct agent *a, const struct frame *f, const struct rule *r)
{
	if (r->subject == OF_THE_MACHINE)
		return r->states & IN(a->state);
	return a->state == STATE_UP && a->commands[f->command] &&
		r->states & IN(a->commands[f->command]->state);
}

static int handle_frame(struct agent *a, const struct frame *f, struct error *err)
{
	const struct rule *r = f->type < ARRAY_SIZE(rules) ? &rules[f->type] : NULL;

	if (!r || !r->handle)
		return error_set(
			err, 0, "the guest sent a frame of unknown type %u", f->type);
	if (f->len < r->min || f->len > r->max || !frame_concerns(f, r->subject))
		return error_set(
			err, 0, "the guest sent a malformed frame of type %u", f->type);
	if (!is_in_order(a, f, r))
		return error_set(err, 0, "the guest sent a frame of type %u out of order",
			f->type);
	return r->handle(a, f, err);
}

/*
 * Whole frames are handled where they are. Only one that is cut by the end of the bytes
 * is copied, to wait for its rest. Returns the bytes used up: all of them, or up to the end
 * of a frame, which is counted.
 */
static long receive_some(
	struct agent *a, const uint8_t *bytes, size_t len, int *frames, struct error *err)
{
	struct frame f;
	long whole;
	size_t take = 0;

	if (a->in.len > 0) {
		take = MIN(len, frame_want((uint8_t *)a->in.data, a->in.len) - a->in.len);
		strbuf_add(&a->in, bytes, take);
		whole = frame_parse((uint8_t *)a->in.data, a->in.len, &f);
	} else {
		whole = frame_parse(bytes, len, &f);
		take = whole > 0 ? whole : len;
		if (whole == 0)
			strbuf_add(&a->in, bytes, len);
	}
	if (whole < 0)
		return error_set(err, 0, "the guest sent bytes that are not a frame");
	if (whole > 0) {
		if (handle_frame(a, &f, err) < 0)
			return -1;
		strbuf_clear(&a->in);
		(*frames)++;
	}
	return take;
}

int agent_receive(struct agent *a, const void *bytes, size_t len, struct error *err)
{
	const uint8_t *next = bytes;
	int frames = 0;

	if (a->state == STATE_DEAD)
		return error_set(err, 0, "the guest broke the agent's protocol before");
	while (len > 0 && a->state != STATE_OVER) {
		long used = receive_some(a, next, len, &frames, err);

		if (used < 0) {
			a->state = STATE_DEAD;
			return error_prefix(err, "protocol error");
		}
		next += used;
		len -= used;
	}
	return frames;
}
