/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The agent's loop, and what each frame from the host means. One thread and one poll():
 * whatever is slow (a command that does not read, a host that does not take output) is a
 * descriptor that is not ready, and holds up nothing else.
 */
#include "guest/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "guest/channel.h"
#include "guest/command.h"
#include "guest/devices.h"

enum {
	/* Frames of output before the loop looks at its input again. */
	OUTPUT_TURNS = 16,
};

struct server {
	const struct machine *machine;
	struct channel channel;
	struct command command;
	int child_signals; /* a signalfd */
	bool stop;
	size_t request_len;
	uint8_t request[EXEC_REQUEST_MAX];
};

int agent_write(int port, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(port, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data += n;
		len -= n;
	}
	return 0;
}

int agent_say_hello(int port)
{
	uint8_t frame[FRAME_HEADER_SIZE + 8];

	frame_put_header(frame, FRAME_HELLO, 0, 8);
	wire_put_u32(frame + FRAME_HEADER_SIZE, PROTOCOL_MAGIC);
	wire_put_u32(frame + FRAME_HEADER_SIZE + 4, PROTOCOL_VERSION);
	return agent_write(port, frame, sizeof(frame));
}

int agent_say_ready(int port, const uint64_t *times)
{
	uint8_t frame[FRAME_HEADER_SIZE + READY_TIMES * 8];

	frame_put_header(frame, FRAME_READY, 0, READY_TIMES * 8);
	for (int i = 0; i < READY_TIMES; i++)
		wire_put_u64(frame + FRAME_HEADER_SIZE + i * 8, times[i]);
	return agent_write(port, frame, sizeof(frame));
}

void agent_say_fatal(int port, const char *message)
{
	uint8_t frame[FRAME_HEADER_SIZE + MESSAGE_MAX];
	size_t len = strnlen(message, MESSAGE_MAX);

	frame_put_header(frame, FRAME_FATAL, 0, len);
	memcpy(frame + FRAME_HEADER_SIZE, message, len);
	agent_write(port, frame, FRAME_HEADER_SIZE + len);
}

static void say_start_failed(struct server *s, const struct start_failure *f)
{
	size_t len = strnlen(f->step, sizeof(f->step));
	uint8_t *p = channel_add(&s->channel, FRAME_START_FAILED, 0, 4 + len);

	wire_put_u32(p, f->errnum);
	memcpy(p + 4, f->step, len);
}

/* The functions of the frames return -1 for what no sane host would send. */

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
	struct start_failure failure;

	if (s->command.state != COMMAND_NONE || on_exec_part(s, f) < 0 ||
		exec_request_parse(s->request, s->request_len, &request) < 0)
		return -1;
	s->request_len = 0;
	if (command_start(&s->command, &request, &failure) < 0)
		say_start_failed(s, &failure);
	return 0;
}

static int on_data(struct server *s, const struct frame *f)
{
	if (f->stream != STREAM_STDIN)
		return -1;
	if (s->command.state == COMMAND_NONE)
		return 0; /* the command ended while this was on its way */
	return input_add(&s->command.input, f->payload, f->len);
}

static int on_data_end(struct server *s, const struct frame *f)
{
	(void)f;
	input_end(&s->command.input);
	return 0;
}

/* The next write fails, as to any pipe that nobody reads. A terminal hangs up. */
static int on_data_closed(struct server *s, const struct frame *f)
{
	struct command *c = &s->command;

	if (f->stream == STREAM_STDIN)
		return -1;
	if (c->state == COMMAND_NONE)
		return 0;
	if (c->outputs[f->stream - STREAM_STDOUT].terminal)
		command_signal(c, SIGHUP);
	else
		output_close(&c->outputs[f->stream - STREAM_STDOUT]);
	return 0;
}

static int on_window(struct server *s, const struct frame *f)
{
	if (f->stream == STREAM_STDIN)
		return -1;
	if (s->command.state == COMMAND_NONE)
		return 0;
	return output_grow_window(
		&s->command.outputs[f->stream - STREAM_STDOUT], wire_get_u32(f->payload));
}

static int on_signal(struct server *s, const struct frame *f)
{
	uint32_t signal = wire_get_u32(f->payload);

	if (signal < 1 || signal > 64)
		return -1;
	command_signal(&s->command, signal);
	return 0;
}

static int on_resize(struct server *s, const struct frame *f)
{
	command_resize(
		&s->command, wire_get_u16(f->payload), wire_get_u16(f->payload + 2));
	return 0;
}

static int on_ping(struct server *s, const struct frame *f)
{
	(void)f;
	channel_add(&s->channel, FRAME_PONG, 0, 0);
	return 0;
}

static void add_device(struct channel *c, const struct device *d)
{
	uint8_t *p = channel_add(c, FRAME_BLOCK_DEVICE, 0, WIRE_BLOCK_DEVICE_SIZE);

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
	channel_add(&s->channel, FRAME_BLOCK_DEVICES_END, 0, 0);
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

	memcpy(channel_add(&s->channel, FRAME_FATAL, 0, len), message, len);
}

static int on_resume(struct server *s, const struct frame *f)
{
	const struct resume r = {
		.realtime_ns = wire_get_u64(f->payload),
		.new_disks = wire_get_u32(f->payload + 8),
		.seed = f->payload + 12,
	};
	struct error err;

	if (s->command.state != COMMAND_NONE)
		return -1;
	if (s->machine->resume(&r, &err) < 0)
		say_fatal(s, err.msg);
	else
		channel_add(&s->channel, FRAME_RESUMED, 0, 0);
	return 0;
}

static int on_stop(struct server *s, const struct frame *f)
{
	(void)f;
	s->stop = true;
	return 0;
}

static const struct rule {
	uint32_t min, max; /* bytes of payload */
	bool has_stream;   /* else the stream must be 0 */
	int (*handle)(struct server *s, const struct frame *f);
} rules[] = {
	[FRAME_DATA] = {1, FRAME_PAYLOAD_MAX, true, on_data},
	[FRAME_WINDOW] = {4, 4, true, on_window},
	[FRAME_DATA_CLOSED] = {0, 0, true, on_data_closed},
	[FRAME_EXEC_PART] = {1, FRAME_PAYLOAD_MAX, false, on_exec_part},
	[FRAME_EXEC] = {1, FRAME_PAYLOAD_MAX, false, on_exec},
	[FRAME_DATA_END] = {0, 0, false, on_data_end},
	[FRAME_SIGNAL] = {4, 4, false, on_signal},
	[FRAME_RESIZE] = {4, 4, false, on_resize},
	[FRAME_PING] = {0, 0, false, on_ping},
	[FRAME_LIST_BLOCK_DEVICES] = {0, 0, false, on_list_block_devices},
	[FRAME_SET_CLOCK] = {8, 8, false, on_set_clock},
	[FRAME_RESUME] = {RESUME_SIZE, RESUME_SIZE, false, on_resume},
	[FRAME_STOP] = {0, 0, false, on_stop},
};

static int handle_frame(struct server *s, const struct frame *f, struct error *err)
{
	const struct rule *r = f->type < ARRAY_SIZE(rules) ? &rules[f->type] : NULL;

	if (!r || !r->handle || f->len < r->min || f->len > r->max ||
		(f->stream && !r->has_stream) || r->handle(s, f) < 0)
		return error_set(err, 0,
			"the host sent a frame of type %u that makes no sense", f->type);
	return 0;
}

static int handle_frames(struct server *s, struct error *err)
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

static void check_start(struct server *s)
{
	struct start_failure failure;

	if (s->command.state != COMMAND_STARTING || !channel_has_room(&s->channel))
		return;
	switch (command_check_start(&s->command, &failure)) {
	case COMMAND_START_PENDING:
		break;
	case COMMAND_STARTED:
		channel_add(&s->channel, FRAME_STARTED, 0, 0);
		break;
	case COMMAND_START_FAILED:
		say_start_failed(s, &failure);
	}
}

static void say_input_closed(struct server *s)
{
	input_close(&s->command.input);
	if (!s->command.input.ended)
		channel_add(&s->channel, FRAME_DATA_CLOSED, 0, 0);
}

static void pump_input(struct server *s)
{
	struct command *c = &s->command;
	uint32_t credit;

	if (c->state != COMMAND_RUNNING || !channel_has_room(&s->channel))
		return;
	if (input_pump(&c->input) < 0)
		say_input_closed(s);
	credit = input_take_credit(&c->input);
	if (credit)
		wire_put_u32(
			channel_add(&s->channel, FRAME_WINDOW, STREAM_STDIN, 4), credit);
}

static int pump_output(struct server *s)
{
	struct command *c = &s->command;
	bool moved = true;

	if (channel_flush(&s->channel) < 0)
		return -1;
	for (int turn = 0; turn < OUTPUT_TURNS && moved; turn++) {
		moved = false;
		for (int i = 0; i < 2 && c->state >= COMMAND_RUNNING; i++) {
			if (!channel_is_idle(&s->channel) ||
				!output_is_ready(&c->outputs[i]))
				continue;
			output_move(&c->outputs[i], &s->channel);
			moved = true;
			if (channel_flush(&s->channel) < 0)
				return -1;
		}
	}
	return 0;
}

static void say_exited(struct server *s)
{
	struct command *c = &s->command;
	uint8_t *p;
	int status = c->wait_status;

	if (!command_is_over(c) || !channel_has_room(&s->channel))
		return;
	p = channel_add(&s->channel, FRAME_EXITED, 0, 2);
	p[0] = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	p[1] = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	command_done(c);
}

/* All children, for the first process inherits every orphan. */
static void reap(struct server *s)
{
	struct signalfd_siginfo info;
	pid_t pid;
	int status;

	if (read(s->child_signals, &info, sizeof(info)) < 0)
		return;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		/* It may be over before its start was noticed; what it said then
		 * counts. */
		if (pid == s->command.pid)
			check_start(s);
		command_reaped(&s->command, pid, status);
	}
}

enum {
	POLL_SIGNALS,
	POLL_PORT,
	POLL_STATUS,
	POLL_INPUT,
	POLL_OUTPUT, /* and POLL_OUTPUT + 1 */
	POLL_COUNT = POLL_OUTPUT + 2,
};

/* Something can go on without any descriptor changing. */
static bool has_work(const struct server *s)
{
	const struct command *c = &s->command;

	if (!channel_is_idle(&s->channel))
		return false;
	return command_is_over(c) || output_is_ready(&c->outputs[0]) ||
		output_is_ready(&c->outputs[1]);
}

static int wait_for_events(struct server *s, struct error *err)
{
	struct command *c = &s->command;
	struct pollfd p[POLL_COUNT] = {
		[POLL_SIGNALS] = {s->child_signals, POLLIN, 0},
		[POLL_PORT] = {s->channel.port, POLLIN, 0},
		[POLL_STATUS] = {c->status_fd, POLLIN, 0},
		[POLL_INPUT] = {-1, input_events(&c->input), 0},
		[POLL_OUTPUT] = {-1, POLLIN, 0},
		[POLL_OUTPUT + 1] = {-1, POLLIN, 0},
	};

	if (!channel_is_idle(&s->channel))
		p[POLL_PORT].events |= POLLOUT;
	/* Whatever happens wants to be told: without room for that, it waits. */
	if (!channel_has_room(&s->channel)) {
		p[POLL_PORT].events = POLLOUT;
		p[POLL_SIGNALS].fd = p[POLL_STATUS].fd = -1;
	}
	/* A closed pipe tells even if asked for nothing; a terminal would tell all the
	 * time. */
	if (c->state == COMMAND_RUNNING && channel_has_room(&s->channel) &&
		(p[POLL_INPUT].events || !c->input.terminal))
		p[POLL_INPUT].fd = c->input.fd;
	for (int i = 0; i < 2; i++)
		if (c->state == COMMAND_RUNNING && output_wants_poll(&c->outputs[i]))
			p[POLL_OUTPUT + i].fd = c->outputs[i].fd;

	if (poll(p, POLL_COUNT, has_work(s) ? 0 : -1) < 0 && errno != EINTR)
		return error_set(err, errno, "wait for events");
	if (p[POLL_PORT].revents & (POLLIN | POLLHUP | POLLERR) &&
		channel_receive(&s->channel) < 0)
		return error_set(err, 0, "the host has closed the port");
	for (int i = 0; i < 2; i++)
		if (p[POLL_OUTPUT + i].revents)
			c->outputs[i].readable = true;
	if (p[POLL_INPUT].revents & POLLERR && !c->input.terminal)
		say_input_closed(s);
	if (p[POLL_STATUS].revents)
		check_start(s);
	if (p[POLL_SIGNALS].revents)
		reap(s);
	return 0;
}

static int serve(struct server *s, struct error *err)
{
	while (!s->stop) {
		if (wait_for_events(s, err) < 0 || handle_frames(s, err) < 0)
			return -1;
		pump_input(s);
		if (pump_output(s) < 0)
			return error_set(err, errno, "write to the port");
		say_exited(s);
		if (channel_flush(&s->channel) < 0)
			return error_set(err, errno, "write to the port");
	}
	s->machine->stop();
	/* Output that is still in its pipe is lost with its command, but a frame is not
	 * cut. */
	if (channel_flush_all(&s->channel) < 0)
		return error_set(err, errno, "write to the port");
	channel_add(&s->channel, FRAME_STOPPED, 0, 0);
	if (channel_flush_all(&s->channel) < 0)
		return error_set(err, errno, "write to the port");
	return 0;
}

static int open_child_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int agent_serve(int port, const struct machine *machine, struct error *err)
{
	static struct server s;
	int result;

	s.machine = machine;
	s.stop = false;
	s.request_len = 0;
	s.child_signals = open_child_signals();
	if (s.child_signals < 0)
		return error_set(err, errno, "watch for processes that end");
	if (channel_init(&s.channel, port) < 0)
		return error_set(err, errno, "make a pipe");
	fcntl(port, F_SETFL, fcntl(port, F_GETFL) | O_NONBLOCK);
	command_init(&s.command);
	result = serve(&s, err);
	command_done(&s.command);
	channel_done(&s.channel);
	close(s.child_signals);
	return result;
}
