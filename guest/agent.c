/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The agent's loop: one thread and one poll(). A command that does not read, or a host
 * that does not take output, is a descriptor that is not ready: it holds up nothing else.
 */
#include "guest/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/server.h"

enum {
	/* Frames of output before the loop looks at its input again. */
	OUTPUT_TURNS = 16,
};

/* False: it has failed to start, and is gone. */
static bool check_start(struct server *s, struct command *c)
{
	struct start_error error;

	switch (command_check_start(c, &error)) {
	case COMMAND_START_PENDING:
		break;
	case COMMAND_STARTED:
		if (c->number)
			channel_add_command(&s->channel, FRAME_STARTED, c->number, 0, 0);
		break;
	case COMMAND_START_FAILED:
		if (c->number)
			server_say_start_failed(s, c->number, &error);
		commands_remove(&s->commands, c);
		return false;
	}
	return true;
}

static void say_input_closed(struct server *s, struct command *c)
{
	input_close(&c->input);
	if (!c->input.ended && c->number)
		channel_add_command(&s->channel, FRAME_DATA_CLOSED, c->number, 0, 0);
}

static void pump_input(struct server *s, struct command *c)
{
	uint32_t credit;

	if (c->state != COMMAND_RUNNING || !channel_has_room(&s->channel))
		return;
	if (input_pump(&c->input) < 0)
		say_input_closed(s, c);
	credit = input_take_credit(&c->input);
	if (credit && c->number)
		wire_put_u32(channel_add_command(&s->channel, FRAME_WINDOW, c->number,
				     STREAM_STDIN, 4),
			credit);
}

/* The next one that has something to send: each in its turn. */
static struct output *next_output(struct server *s)
{
	size_t n = 2 * s->commands.len;

	for (size_t i = 0; i < n; i++) {
		size_t turn = s->next_output++ % n;
		struct command *c = s->commands.items[turn / 2];

		if (c->state >= COMMAND_RUNNING && output_is_ready(&c->outputs[turn % 2]))
			return &c->outputs[turn % 2];
	}
	return NULL;
}

static int pump_output(struct server *s)
{
	if (channel_flush(&s->channel) < 0)
		return -1;
	for (int turn = 0; turn < OUTPUT_TURNS && channel_is_idle(&s->channel); turn++) {
		struct output *out = next_output(s);

		if (!out)
			break;
		output_move(out, &s->channel);
		if (channel_flush(&s->channel) < 0)
			return -1;
	}
	return 0;
}

/* A command that fails may have failed for that. */
static void say_out_of_memory(struct server *s, uint16_t command)
{
	char name[PROCESS_NAME_MAX + 1];

	if (s->machine->out_of_memory(name, s->machine->data))
		memcpy(channel_add_command(&s->channel, FRAME_OUT_OF_MEMORY, command, 0,
			       strlen(name)),
			name, strlen(name));
}

static void say_exited(struct server *s, const struct command *c)
{
	uint8_t *p;
	int status = c->wait_status;

	if (status != 0)
		say_out_of_memory(s, c->number);
	p = channel_add_command(&s->channel, FRAME_EXITED, c->number, 0, 2);
	p[0] = WIFSIGNALED(status) ? 0 : WEXITSTATUS(status);
	p[1] = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void end_command(struct server *s, struct command *c)
{
	if (c->number)
		say_exited(s, c);
	commands_remove(&s->commands, c);
}

/* One takes the place of another that is removed: the last first. */
static void serve_commands(struct server *s)
{
	for (size_t i = s->commands.len; i-- > 0;)
		pump_input(s, s->commands.items[i]);
	for (size_t i = s->commands.len; i-- > 0 && channel_has_room(&s->channel);)
		if (command_is_over(s->commands.items[i]))
			end_command(s, s->commands.items[i]);
}

/* All children that have ended: the first process inherits every orphan. */
static void reap(struct server *s)
{
	pid_t pid;
	int status;

	while (s->has_ended && channel_has_room(&s->channel)) {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid <= 0) {
			s->has_ended = false;
			return;
		}
		if (pid == s->writer)
			s->writer = status == 0 ? 0 : -1;
		struct command *c = commands_find_process(&s->commands, pid);
		/* It may end before we have noticed its start. A start error that it has
		 * written still counts. */
		if (c && (c->state != COMMAND_STARTING || check_start(s, c)))
			command_ended(c, status);
	}
}

/* There is work although no descriptor changes. */
static bool has_work(const struct server *s)
{
	if (!channel_is_idle(&s->channel) || s->frozen)
		return false;
	for (size_t i = 0; i < s->commands.len; i++) {
		const struct command *c = s->commands.items[i];

		if (command_is_over(c) || output_is_ready(&c->outputs[0]) ||
			output_is_ready(&c->outputs[1]))
			return true;
	}
	return s->has_ended;
}

enum {
	POLL_SIGNALS,
	POLL_PORT,
	POLL_COMMANDS,
};

/* What is polled of each command. */
enum {
	POLL_STATUS,
	POLL_INPUT,
	POLL_STDOUT,
	POLL_STDERR,
	POLL_OF_COMMAND,
};

static void watch_command(const struct command *c, struct pollfd *p)
{
	bool runs = c->state == COMMAND_RUNNING;

	p[POLL_STATUS] = (struct pollfd){c->status_fd, POLLIN, 0};
	p[POLL_INPUT] = (struct pollfd){-1, input_events(&c->input), 0};
	p[POLL_STDOUT] = p[POLL_STDERR] = (struct pollfd){-1, POLLIN, 0};
	/* A closed pipe reports POLLERR even if no event is asked for; a terminal would
	 * report POLLHUP all the time. */
	if (runs && (p[POLL_INPUT].events || !c->input.terminal))
		p[POLL_INPUT].fd = c->input.fd;
	for (int i = 0; i < 2; i++)
		if (runs && output_wants_poll(&c->outputs[i]))
			p[POLL_STDOUT + i].fd = c->outputs[i].fd;
}

static void notice(struct server *s, struct command *c, const struct pollfd *p)
{
	for (int i = 0; i < 2; i++)
		if (p[POLL_STDOUT + i].revents)
			c->outputs[i].readable = true;
	if (p[POLL_INPUT].revents & POLLERR && !c->input.terminal)
		say_input_closed(s, c);
	if (p[POLL_STATUS].revents && channel_has_room(&s->channel))
		check_start(s, c);
}

static int wait_for_events(struct server *s, struct error *err)
{
	static struct pollfd p[POLL_COMMANDS + COMMANDS_MAX * POLL_OF_COMMAND];
	struct pollfd *of_commands = p + POLL_COMMANDS;
	struct signalfd_siginfo info;
	size_t n = POLL_COMMANDS;

	p[POLL_SIGNALS] = (struct pollfd){s->child_signals, POLLIN, 0};
	p[POLL_PORT] = (struct pollfd){s->channel.port, POLLIN, 0};
	if (!channel_is_idle(&s->channel))
		p[POLL_PORT].events |= POLLOUT;
	/* Each event may need a frame: without room for one, wait for the port alone. */
	if (!channel_has_room(&s->channel))
		p[POLL_PORT].events = POLLOUT;
	if (s->frozen || !channel_has_room(&s->channel)) {
		p[POLL_SIGNALS].fd = -1;
	} else {
		for (size_t i = 0; i < s->commands.len; i++, n += POLL_OF_COMMAND)
			watch_command(s->commands.items[i], p + n);
	}

	if (poll(p, n, has_work(s) ? 0 : -1) < 0 && errno != EINTR)
		return error_set(err, errno, "wait for events");
	if (p[POLL_PORT].revents & (POLLIN | POLLHUP | POLLERR) &&
		channel_receive(&s->channel) < 0)
		return error_set(err, 0, "the host has closed the port");
	for (size_t i = (n - POLL_COMMANDS) / POLL_OF_COMMAND; i-- > 0;)
		notice(s, s->commands.items[i], of_commands + i * POLL_OF_COMMAND);
	if (p[POLL_SIGNALS].revents &&
		read(s->child_signals, &info, sizeof(info)) == sizeof(info))
		s->has_ended = true;
	if (!s->frozen)
		reap(s);
	return 0;
}

/* Disks may be slow. A process of its own waits for them, so that we go on answering the
 * host's pings. */
static int write_out(struct server *s, struct error *err)
{
	s->writer = fork();
	if (s->writer == 0) {
		s->machine->write_out(s->machine->data);
		_exit(0);
	}
	s->stop = false;
	while (s->writer > 0) {
		if (server_handle_frames(s, err) < 0)
			return -1;
		if (channel_flush(&s->channel) < 0)
			return error_set(err, errno, "write to the port");
		if (wait_for_events(s, err) < 0)
			return -1;
	}
	if (s->writer < 0)
		s->machine->write_out(s->machine->data);
	return 0;
}

static int serve(struct server *s, struct error *err)
{
	while (!s->stop) {
		if (wait_for_events(s, err) < 0 || server_handle_frames(s, err) < 0)
			return -1;
		if (!s->frozen) {
			if (pump_output(s) < 0)
				return error_set(err, errno, "write to the port");
			serve_commands(s);
		}
		if (channel_flush(&s->channel) < 0)
			return error_set(err, errno, "write to the port");
	}
	s->machine->end_processes();
	/* What commands have written and we have not read yet is lost, but no frame is
	 * cut. */
	commands_done(&s->commands);
	if (write_out(s, err) < 0)
		return -1;
	if (channel_flush_all(&s->channel) < 0)
		return error_set(err, errno, "write to the port");
	channel_add(&s->channel, FRAME_STOPPED, 0);
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

int agent_serve(int port, const struct agent_machine *machine, struct error *err)
{
	static struct server s;
	int result;

	s.machine = machine;
	s.has_ended = s.stop = s.frozen = false;
	s.writer = 0;
	s.request_len = 0;
	s.child_signals = open_child_signals();
	if (s.child_signals < 0)
		return error_set(err, errno, "watch for processes that end");
	if (channel_init(&s.channel, port) < 0)
		return error_set(err, errno, "make a pipe");
	fcntl(port, F_SETFL, fcntl(port, F_GETFL) | O_NONBLOCK);
	commands_init(&s.commands);
	result = serve(&s, err);
	commands_done(&s.commands);
	channel_done(&s.channel);
	close(s.child_signals);
	return result;
}
