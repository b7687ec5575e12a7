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

static void check_start(struct server *s)
{
	struct start_error error;

	if (s->command.state != COMMAND_STARTING || !channel_has_room(&s->channel))
		return;
	switch (command_check_start(&s->command, &error)) {
	case COMMAND_START_PENDING:
		break;
	case COMMAND_STARTED:
		channel_add(&s->channel, FRAME_STARTED, 0, 0);
		break;
	case COMMAND_START_FAILED:
		server_say_start_failed(s, &error);
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

/* A command that fails may have failed for that. */
static void say_out_of_memory(struct server *s)
{
	char name[PROCESS_NAME_MAX + 1];

	if (s->machine->out_of_memory(name, s->machine->data))
		memcpy(channel_add(&s->channel, FRAME_OUT_OF_MEMORY, 0, strlen(name)),
			name, strlen(name));
}

static void say_exited(struct server *s)
{
	struct command *c = &s->command;
	uint8_t *p;
	int status = c->wait_status;

	if (!command_is_over(c) || !channel_has_room(&s->channel))
		return;
	if (status != 0)
		say_out_of_memory(s);
	p = channel_add(&s->channel, FRAME_EXITED, 0, 2);
	p[0] = WIFSIGNALED(status) ? 0 : WEXITSTATUS(status);
	p[1] = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	command_done(c);
}

/* All children: the first process inherits every orphan. */
static void reap(struct server *s)
{
	struct signalfd_siginfo info;
	pid_t pid;
	int status;

	if (read(s->child_signals, &info, sizeof(info)) < 0)
		return;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		/* It may end before we have noticed its start. A start error that it has
		 * written still counts. */
		if (pid == s->command.pid)
			check_start(s);
		if (pid == s->writer)
			s->writer = status == 0 ? 0 : -1;
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

/* There is work although no descriptor changes. */
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
	/* Each event may need a frame: without room for one, wait for the port alone. */
	if (!channel_has_room(&s->channel)) {
		p[POLL_PORT].events = POLLOUT;
		p[POLL_SIGNALS].fd = p[POLL_STATUS].fd = -1;
	}
	/* A closed pipe reports POLLERR even if no event is asked for; a terminal would
	 * report POLLHUP all the time. */
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
		pump_input(s);
		if (pump_output(s) < 0)
			return error_set(err, errno, "write to the port");
		say_exited(s);
		if (channel_flush(&s->channel) < 0)
			return error_set(err, errno, "write to the port");
	}
	s->machine->end_processes();
	/* What the command has written and we have not read yet is lost, but no frame is
	 * cut. */
	command_done(&s->command);
	if (write_out(s, err) < 0)
		return -1;
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

int agent_serve(int port, const struct agent_machine *machine, struct error *err)
{
	static struct server s;
	int result;

	s.machine = machine;
	s.stop = false;
	s.writer = 0;
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
