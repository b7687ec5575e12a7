/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the host may say, and what is allowed in which state.
 *
 *	HELLO_AWAITED ─HELLO─► BOOTING ─READY─► UP ─STOPPED or FATAL─► OVER
 *	        └─resume()─► RESUMING ─RESUMED─► UP
 *
 * and of each command, in a guest that is up
 *
 *	exec() ─► STARTING ─STARTED─► RUNNING ─EXITED─► ENDED ─release()─► gone
 *	                └──START_FAILED──────────────────►
 *
 * Frames from the guest go through a table in receive.c that says for each type in which
 * states it may come and how long it may be. After a breach everything else is ignored:
 * the VM has to end.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "agent/state.h"

struct agent *agent_new(const struct agent_handler *handler, void *data)
{
	struct agent *a = xcalloc(1, sizeof(*a));

	a->handler = *handler;
	a->data = data;
	a->state = STATE_HELLO_AWAITED;
	return a;
}

void agent_free_command(struct agent *a, unsigned command)
{
	free(a->commands[command]);
	a->commands[command] = NULL;
}

void agent_free(struct agent *a)
{
	if (!a)
		return;
	for (unsigned i = 1; i <= COMMANDS_MAX; i++)
		agent_free_command(a, i);
	strbuf_done(&a->in);
	strbuf_done(&a->out);
	vector_done(&a->devices);
	free(a);
}

static size_t unsent(const struct agent *a)
{
	return a->out.len - a->out_sent;
}

const void *agent_output(const struct agent *a, size_t *ret_len)
{
	*ret_len = unsent(a) - a->out_held;
	return strbuf_text(&a->out) + a->out_sent;
}

void agent_output_sent(struct agent *a, size_t len)
{
	assert(len <= unsent(a));
	a->out_sent += len;
	if (a->out_sent == a->out.len) {
		strbuf_clear(&a->out);
		a->out_sent = 0;
	}
}

/* Add a frame, whose payload the caller writes at once. */
static uint8_t *add_command_frame(struct agent *a, enum frame_type type, unsigned command,
	enum stream_id stream, size_t len)
{
	/* agent_output_sent() clears the buffer once all of it is sent. On a busy channel
	 * that may never happen. */
	if (a->out_sent > PROTOCOL_WINDOW) {
		strbuf_consume(&a->out, a->out_sent);
		a->out_sent = 0;
	}
	uint8_t *p = (uint8_t *)strbuf_grow(&a->out, FRAME_HEADER_SIZE + len);

	frame_put_command_header(p, type, command, stream, len);
	a->out.len += FRAME_HEADER_SIZE + len;
	if (a->frozen)
		a->out_held += FRAME_HEADER_SIZE + len;
	return p + FRAME_HEADER_SIZE;
}

static uint8_t *add_frame(struct agent *a, enum frame_type type, size_t len)
{
	return add_command_frame(a, type, 0, 0, len);
}

static bool is_up(const struct agent *a)
{
	return a->state == STATE_UP;
}

/* NULL: it has ended, and the guest knows it no more. */
static struct command *find_running(const struct agent *a, unsigned command)
{
	struct command *c = a->commands[command];

	return c && c->state != COMMAND_ENDED && is_up(a) ? c : NULL;
}

static uint32_t add_strings(struct strbuf *sb, const char *const *strings)
{
	uint32_t n = 0;

	for (; strings && strings[n]; n++)
		strbuf_add(sb, strings[n], strlen(strings[n]) + 1);
	return n;
}

void agent_command_encode(const struct agent_command *c, struct strbuf *sb)
{
	size_t start = sb->len;
	uint8_t fixed[EXEC_FIXED_SIZE] = {0};
	uint16_t flags = (c->stdin_closed ? EXEC_STDIN_CLOSED : 0) |
		(c->terminal ? EXEC_TERMINAL : 0) |
		(c->stderr_apart ? EXEC_STDERR_APART : 0) |
		(c->in_host ? EXEC_IN_HOST : 0);

	strbuf_add(sb, fixed, sizeof(fixed));
	strbuf_add(sb, c->cwd ? c->cwd : "", c->cwd ? strlen(c->cwd) + 1 : 1);
	strbuf_add(sb, c->user ? c->user : "", c->user ? strlen(c->user) + 1 : 1);
	wire_put_u16(fixed, flags);
	wire_put_u16(fixed + 2, c->rows);
	wire_put_u16(fixed + 4, c->columns);
	wire_put_u32(fixed + 8, add_strings(sb, c->argv));
	wire_put_u32(fixed + 12, add_strings(sb, c->env));
	memcpy(sb->data + start, fixed, sizeof(fixed));
}

static struct command *command_new(void *owner, bool stdin_closed)
{
	struct command *c = xcalloc(1, sizeof(*c));

	c->owner = owner;
	for (int i = 0; i < STREAM_COUNT; i++)
		c->streams[i].window = PROTOCOL_WINDOW;
	c->streams[STREAM_STDIN].closed = stdin_closed;
	return c;
}

/* 0: there is none. */
static unsigned free_number(const struct agent *a)
{
	for (unsigned i = 1; i <= COMMANDS_MAX; i++)
		if (!a->commands[i])
			return i;
	return 0;
}

static unsigned error_none(struct error *err, const char *why)
{
	error_set(err, 0, "start a command: %s", why);
	return 0;
}

unsigned agent_exec(struct agent *a, const struct agent_command *command, void *owner,
	struct error *err)
{
	CLEANUP_STRBUF struct strbuf request = {0};
	unsigned number = free_number(a);
	size_t sent = 0;

	if (!is_up(a) || a->stopping)
		return error_none(err, "the guest is not ready");
	if (!command->argv || !command->argv[0])
		return error_none(err, "no command was given");
	if (!number) {
		error_set(err, EAGAIN, "start '%.100s': %u commands are running already",
			command->argv[0], COMMANDS_MAX);
		return 0;
	}
	agent_command_encode(command, &request);
	if (request.len > EXEC_REQUEST_MAX) {
		error_set(err, 0,
			"start '%.100s': its arguments and environment have %zu bytes, "
			"more than the %u that can be passed",
			command->argv[0], request.len, EXEC_REQUEST_MAX);
		return 0;
	}
	while (sent < request.len) {
		size_t n = MIN(request.len - sent, FRAME_PAYLOAD_MAX);
		bool last = sent + n == request.len;

		memcpy(add_command_frame(
			       a, last ? FRAME_EXEC : FRAME_EXEC_PART, number, 0, n),
			request.data + sent, n);
		sent += n;
	}
	a->commands[number] = command_new(owner, command->stdin_closed);
	return number;
}

void agent_release(struct agent *a, unsigned command)
{
	struct command *c = a->commands[command];

	if (!find_running(a, command)) {
		agent_free_command(a, command);
		return;
	}
	agent_send_stdin_eof(a, command);
	agent_close_output(a, command, STREAM_STDOUT);
	agent_close_output(a, command, STREAM_STDERR);
	c->released = true;
}

size_t agent_stdin_room(const struct agent *a, unsigned command)
{
	const struct command *c = find_running(a, command);

	/* A guest can open its window without reading: limit what waits to be sent. */
	if (!c || c->streams[STREAM_STDIN].closed || unsent(a) > 2 * PROTOCOL_WINDOW)
		return 0;
	return c->streams[STREAM_STDIN].window;
}

void agent_send_stdin(struct agent *a, unsigned command, const void *bytes, size_t len)
{
	assert(len <= agent_stdin_room(a, command));
	a->commands[command]->streams[STREAM_STDIN].window -= len;
	while (len > 0) {
		size_t n = MIN(len, FRAME_PAYLOAD_MAX);

		memcpy(add_command_frame(a, FRAME_DATA, command, STREAM_STDIN, n), bytes,
			n);
		bytes = (const char *)bytes + n;
		len -= n;
	}
}

void agent_send_stdin_eof(struct agent *a, unsigned command)
{
	struct command *c = find_running(a, command);

	if (!c || c->streams[STREAM_STDIN].closed)
		return;
	c->streams[STREAM_STDIN].closed = true;
	add_command_frame(a, FRAME_DATA_END, command, 0, 0);
}

void agent_output_taken(
	struct agent *a, unsigned command, enum stream_id stream, size_t len)
{
	struct command *c = find_running(a, command);

	if (!c)
		return;
	struct stream *s = &c->streams[stream];
	assert(len <= s->held);
	s->held -= len;
	s->credit += len;
	/* In large steps: a frame for each write would cost too much. */
	if (s->credit >= PROTOCOL_WINDOW / 4) {
		wire_put_u32(add_command_frame(a, FRAME_WINDOW, command, stream, 4),
			s->credit);
		s->window += s->credit;
		s->credit = 0;
	}
}

void agent_close_output(struct agent *a, unsigned command, enum stream_id stream)
{
	if (find_running(a, command))
		add_command_frame(a, FRAME_DATA_CLOSED, command, stream, 0);
}

void agent_send_signal(struct agent *a, unsigned command, int signal)
{
	if (find_running(a, command))
		wire_put_u32(add_command_frame(a, FRAME_SIGNAL, command, 0, 4), signal);
}

void agent_send_window_size(
	struct agent *a, unsigned command, uint16_t rows, uint16_t columns)
{
	uint8_t *p;

	if (!find_running(a, command))
		return;
	p = add_command_frame(a, FRAME_RESIZE, command, 0, 4);
	wire_put_u16(p, rows);
	wire_put_u16(p + 2, columns);
}

void agent_ping(struct agent *a)
{
	if (!is_up(a))
		return;
	add_frame(a, FRAME_PING, 0);
	a->pings++;
}

unsigned agent_pings(const struct agent *a)
{
	return a->pings;
}

void agent_prepare_snapshot(struct agent *a, unsigned disk_slots)
{
	if (is_up(a))
		wire_put_u32(add_frame(a, FRAME_PREPARE_SNAPSHOT, 4), disk_slots);
}

void agent_freeze(struct agent *a)
{
	if (!is_up(a) || a->frozen)
		return;
	add_frame(a, FRAME_FREEZE, 0);
	agent_ping(a);
	a->frozen = true;
	/* In front of all that is added meanwhile. */
	add_frame(a, FRAME_THAW, 0);
}

void agent_thaw(struct agent *a)
{
	a->frozen = false;
	a->out_held = 0;
}

void agent_list_block_devices(struct agent *a)
{
	if (!is_up(a))
		return;
	add_frame(a, FRAME_LIST_BLOCK_DEVICES, 0);
	a->lists++;
}

void agent_set_clock(struct agent *a, int64_t realtime_ns)
{
	if (is_up(a))
		wire_put_u64(add_frame(a, FRAME_SET_CLOCK, 8), realtime_ns);
}

void agent_resume(struct agent *a, const struct resume_request *request)
{
	if (a->state != STATE_HELLO_AWAITED)
		return;
	resume_request_put(add_frame(a, FRAME_RESUME, RESUME_SIZE), request);
	a->state = STATE_RESUMING;
}

int agent_attach(struct agent *a, const struct agent_attachments *what, struct error *err)
{
	const struct agent_network *network = what->network;
	CLEANUP_STRBUF struct strbuf request = {0};
	uint8_t fixed[ATTACH_FIXED_SIZE];

	wire_put_u16(fixed, network ? ATTACH_NETWORK : 0);
	wire_put_u16(fixed + 2, what->n_shares);
	wire_put_u32(fixed + 4, what->n_disks);
	strbuf_add(&request, fixed, sizeof(fixed));
	if (network)
		add_strings(&request,
			(const char *const[]){network->address, network->netmask,
				network->gateway, network->resolver, network->hosts,
				NULL});
	for (size_t i = 0; i < what->n_shares; i++)
		add_strings(&request,
			(const char *const[]){
				what->shares[i].mode, what->shares[i].place, NULL});
	if (request.len > FRAME_PAYLOAD_MAX)
		return error_set(err, 0,
			"attach %zu directories: their paths together are too long",
			what->n_shares);
	memcpy(add_frame(a, FRAME_ATTACH, request.len), request.data, request.len);
	a->attaching = true;
	return 0;
}

void agent_stop(struct agent *a)
{
	if (!is_up(a) || a->stopping)
		return;
	add_frame(a, FRAME_STOP, 0);
	a->stopping = true;
}
