/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the host may say, and what is allowed in which state.
 *
 *	HELLO_AWAITED ─HELLO─► BOOTING ─READY─► IDLE ◄───EXITED──── RUNNING
 *	                          │              │ └──exec()─► STARTING ─┘STARTED
 *	        │                 └─FATAL─► OVER ◄──STOPPED──┘
 *	        └─resume()─► RESUMING ─RESUMED─► IDLE
 *
 * Frames from the guest go through a table in receive.c that says for each type in which
 * states it may come and how long it may be. After a breach everything else is ignored:
 * the VM has to end.
 */
#include <assert.h>
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

void agent_free(struct agent *a)
{
	if (!a)
		return;
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
	*ret_len = unsent(a);
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
static uint8_t *add_frame(
	struct agent *a, enum frame_type type, enum stream_id stream, size_t len)
{
	/* agent_output_sent() clears the buffer once all of it is sent. On a busy channel
	 * that may never happen. */
	if (a->out_sent > PROTOCOL_WINDOW) {
		strbuf_consume(&a->out, a->out_sent);
		a->out_sent = 0;
	}
	uint8_t *p = (uint8_t *)strbuf_grow(&a->out, FRAME_HEADER_SIZE + len);

	frame_put_header(p, type, stream, len);
	a->out.len += FRAME_HEADER_SIZE + len;
	return p + FRAME_HEADER_SIZE;
}

static void add_u32(
	struct agent *a, enum frame_type type, enum stream_id stream, uint32_t v)
{
	wire_put_u32(add_frame(a, type, stream, 4), v);
}

static bool is_up(const struct agent *a)
{
	return a->state == STATE_IDLE || a->state == STATE_STARTING ||
		a->state == STATE_RUNNING;
}

static bool has_command(const struct agent *a)
{
	return a->state == STATE_STARTING || a->state == STATE_RUNNING;
}

static uint32_t add_strings(struct strbuf *sb, const char *const *strings)
{
	uint32_t n = 0;

	for (; strings && strings[n]; n++)
		strbuf_add(sb, strings[n], strlen(strings[n]) + 1);
	return n;
}

static void encode_request(struct strbuf *sb, const struct agent_command *c)
{
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
	memcpy(sb->data, fixed, sizeof(fixed));
}

/* Windows start anew with each command. Output of the last command that the caller still
 * holds counts as stale: taking it later does not open the new command's windows. */
static void reset_streams(struct agent *a, bool stdin_closed)
{
	for (int i = 0; i < STREAM_COUNT; i++) {
		struct stream *s = &a->streams[i];

		s->stale += s->held;
		s->held = 0;
		s->credit = 0;
		s->window = PROTOCOL_WINDOW;
		s->closed = false;
	}
	a->streams[STREAM_STDIN].closed = stdin_closed;
}

int agent_exec(struct agent *a, const struct agent_command *command, struct error *err)
{
	CLEANUP_STRBUF struct strbuf request = {0};
	size_t sent = 0;

	if (has_command(a))
		return error_set(
			err, 0, "start a command: one is still running in the guest");
	if (a->state != STATE_IDLE || a->stopping)
		return error_set(err, 0, "start a command: the guest is not ready");
	if (!command->argv || !command->argv[0])
		return error_set(err, 0, "start a command: no command was given");
	encode_request(&request, command);
	if (request.len > EXEC_REQUEST_MAX)
		return error_set(err, 0,
			"start '%.100s': its arguments and environment have %zu bytes, "
			"more than the %u that can be passed",
			command->argv[0], request.len, EXEC_REQUEST_MAX);
	while (sent < request.len) {
		size_t n = MIN(request.len - sent, FRAME_PAYLOAD_MAX);
		bool last = sent + n == request.len;

		memcpy(add_frame(a, last ? FRAME_EXEC : FRAME_EXEC_PART, 0, n),
			request.data + sent, n);
		sent += n;
	}
	reset_streams(a, command->stdin_closed);
	a->out_of_memory = false;
	a->state = STATE_STARTING;
	return 0;
}

size_t agent_stdin_room(const struct agent *a)
{
	const struct stream *s = &a->streams[STREAM_STDIN];

	/* A guest can open its window without reading: limit what waits to be sent. */
	if (unsent(a) > 2 * PROTOCOL_WINDOW)
		return 0;
	return has_command(a) && !s->closed ? s->window : 0;
}

void agent_send_stdin(struct agent *a, const void *bytes, size_t len)
{
	assert(len <= agent_stdin_room(a));
	a->streams[STREAM_STDIN].window -= len;
	while (len > 0) {
		size_t n = MIN(len, FRAME_PAYLOAD_MAX);

		memcpy(add_frame(a, FRAME_DATA, STREAM_STDIN, n), bytes, n);
		bytes = (const char *)bytes + n;
		len -= n;
	}
}

void agent_send_stdin_eof(struct agent *a)
{
	if (!has_command(a) || a->streams[STREAM_STDIN].closed)
		return;
	a->streams[STREAM_STDIN].closed = true;
	add_frame(a, FRAME_DATA_END, STREAM_STDIN, 0);
}

void agent_output_taken(struct agent *a, enum stream_id stream, size_t len)
{
	struct stream *s = &a->streams[stream];
	size_t stale = MIN(s->stale, len);

	s->stale -= stale;
	len -= stale;
	assert(len <= s->held);
	s->held -= len;
	s->credit += len;
	/* In large steps: a frame for each write would cost too much. */
	if (has_command(a) && s->credit >= PROTOCOL_WINDOW / 4) {
		add_u32(a, FRAME_WINDOW, stream, s->credit);
		s->window += s->credit;
		s->credit = 0;
	}
}

void agent_close_output(struct agent *a, enum stream_id stream)
{
	if (has_command(a))
		add_frame(a, FRAME_DATA_CLOSED, stream, 0);
}

void agent_send_signal(struct agent *a, int signal)
{
	if (has_command(a))
		add_u32(a, FRAME_SIGNAL, 0, signal);
}

void agent_send_window_size(struct agent *a, uint16_t rows, uint16_t columns)
{
	uint8_t *p;

	if (!has_command(a))
		return;
	p = add_frame(a, FRAME_RESIZE, 0, 4);
	wire_put_u16(p, rows);
	wire_put_u16(p + 2, columns);
}

void agent_ping(struct agent *a)
{
	if (!is_up(a))
		return;
	add_frame(a, FRAME_PING, 0, 0);
	a->pings++;
}

unsigned agent_pings(const struct agent *a)
{
	return a->pings;
}

void agent_prepare_snapshot(struct agent *a, unsigned disk_slots)
{
	if (is_up(a))
		add_u32(a, FRAME_PREPARE_SNAPSHOT, 0, disk_slots);
}

void agent_list_block_devices(struct agent *a)
{
	if (!is_up(a))
		return;
	add_frame(a, FRAME_LIST_BLOCK_DEVICES, 0, 0);
	a->lists++;
}

void agent_set_clock(struct agent *a, int64_t realtime_ns)
{
	if (is_up(a))
		wire_put_u64(add_frame(a, FRAME_SET_CLOCK, 0, 8), realtime_ns);
}

void agent_resume(
	struct agent *a, int64_t realtime_ns, unsigned disks, const uint8_t *seed)
{
	if (a->state != STATE_HELLO_AWAITED)
		return;
	resume_request_put(add_frame(a, FRAME_RESUME, 0, RESUME_SIZE),
		&(struct resume_request){realtime_ns, disks, seed});
	a->state = STATE_RESUMING;
}

int agent_attach(struct agent *a, const struct agent_attachments *what, struct error *err)
{
	const struct agent_network *network = what->network;
	CLEANUP_STRBUF struct strbuf request = {0};
	uint8_t fixed[ATTACH_FIXED_SIZE];

	wire_put_u16(fixed, network ? ATTACH_NETWORK : 0);
	wire_put_u16(fixed + 2, what->n_shares);
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
	memcpy(add_frame(a, FRAME_ATTACH, 0, request.len), request.data, request.len);
	a->attaching = true;
	return 0;
}

void agent_stop(struct agent *a)
{
	if (!is_up(a) || a->stopping)
		return;
	add_frame(a, FRAME_STOP, 0, 0);
	a->stopping = true;
}
