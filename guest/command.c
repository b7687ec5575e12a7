/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting the command and noticing its end. */
#include "guest/command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

void command_init(struct command *c)
{
	c->state = COMMAND_NONE;
	c->pid = 0;
	c->status_fd = c->terminal = -1;
	standby_init(&c->standby);
	input_init(&c->input, -1, false);
	output_init(&c->outputs[0], STREAM_STDOUT, -1, false);
	output_init(&c->outputs[1], STREAM_STDERR, -1, false);
}

/* 0 with errno if that fails. */
static pid_t start_child(const struct exec_request *r, struct plumbing *p)
{
	if (plumbing_make(p, r->flags, r->rows, r->columns) < 0)
		return 0;
	pid_t pid = fork();
	if (pid == 0)
		child_run(&p->child, r);
	if (pid < 0) {
		int errnum = errno;
		plumbing_close(p);
		errno = errnum;
		return 0;
	}
	plumbing_close_child_side(p);
	return pid;
}

int command_start(struct command *c, const struct exec_request *r, const uint8_t *bytes,
	size_t len, struct start_error *ret_error)
{
	struct plumbing p;
	bool terminal = r->flags & EXEC_TERMINAL;
	pid_t pid = standby_take(&c->standby, r, bytes, len, &p);

	if (pid == 0)
		pid = start_child(r, &p);
	if (pid == 0) {
		ret_error->failure = START_PROCESS;
		ret_error->errnum = errno;
		snprintf(ret_error->step, sizeof(ret_error->step), "start a process");
		return -1;
	}
	if (r->flags & EXEC_STDIN_CLOSED)
		plumbing_close_end(&p.input);
	c->state = COMMAND_STARTING;
	c->pid = pid;
	c->status_fd = p.status;
	c->terminal = p.terminal;
	c->pending_signals = 0;
	input_init(&c->input, p.input, terminal);
	output_init(&c->outputs[0], STREAM_STDOUT, p.output, terminal);
	output_init(&c->outputs[1], STREAM_STDERR, p.error, false);
	return 0;
}

static void send_pending_signals(struct command *c)
{
	for (int signal = 1; signal <= 64; signal++)
		if (c->pending_signals & 1ULL << (signal - 1))
			kill(-c->pid, signal);
	c->pending_signals = 0;
}

enum command_start_result command_check_start(
	struct command *c, struct start_error *ret_error)
{
	ssize_t n = read(c->status_fd, ret_error, sizeof(*ret_error));

	if (n < 0)
		return COMMAND_START_PENDING;
	if (n == sizeof(*ret_error)) {
		command_done(c);
		return COMMAND_START_FAILED;
	}
	plumbing_close_end(&c->status_fd);
	c->state = COMMAND_RUNNING;
	send_pending_signals(c);
	return COMMAND_STARTED;
}

void command_signal(struct command *c, int signal)
{
	/* Before it runs it may not have its process group yet. After its end its number
	 * may belong to another process. */
	if (c->state == COMMAND_STARTING)
		c->pending_signals |= 1ULL << (signal - 1);
	else if (c->state == COMMAND_RUNNING)
		kill(-c->pid, signal);
}

void command_resize(struct command *c, uint16_t rows, uint16_t columns)
{
	if (c->terminal >= 0)
		plumbing_set_size(c->terminal, rows, columns);
}

void command_reaped(struct command *c, pid_t pid, int wait_status)
{
	if (pid == c->standby.pid)
		standby_dismiss(&c->standby);
	if (pid != c->pid)
		return;
	c->pid = 0;
	c->wait_status = wait_status;
	c->state = COMMAND_DRAINING;
	plumbing_close_end(&c->terminal);
	input_close(&c->input);
	output_start_drain(&c->outputs[0]);
	output_start_drain(&c->outputs[1]);
}

bool command_is_over(const struct command *c)
{
	return c->state == COMMAND_DRAINING && c->outputs[0].fd < 0 &&
		c->outputs[1].fd < 0;
}

void command_done(struct command *c)
{
	plumbing_close_end(&c->status_fd);
	plumbing_close_end(&c->terminal);
	input_close(&c->input);
	output_close(&c->outputs[0]);
	output_close(&c->outputs[1]);
	c->pid = 0;
	c->state = COMMAND_NONE;
}
