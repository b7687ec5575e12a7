/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting commands and noticing their ends. */
#include "guest/command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- All of them ---- */

void commands_init(struct commands *commands)
{
	commands->len = 0;
	standby_init(&commands->standby);
}

static void command_free(struct command *c)
{
	plumbing_close_end(&c->status_fd);
	plumbing_close_end(&c->terminal);
	input_close(&c->input);
	output_close(&c->outputs[0]);
	output_close(&c->outputs[1]);
	free(c);
}

void commands_done(struct commands *commands)
{
	while (commands->len > 0)
		command_free(commands->items[--commands->len]);
}

/* A terminal stays as it is: its end would be a hang-up. */
static void abandon(struct command *c)
{
	c->number = 0;
	if (!c->input.terminal)
		input_close(&c->input);
	output_abandon(&c->outputs[0]);
	output_abandon(&c->outputs[1]);
}

void commands_abandon(struct commands *commands)
{
	for (size_t i = 0; i < commands->len; i++)
		abandon(commands->items[i]);
}

bool commands_are_heard(const struct commands *commands)
{
	for (size_t i = 0; i < commands->len; i++)
		if (commands->items[i]->number)
			return true;
	return false;
}

struct command *commands_find(const struct commands *commands, uint16_t number)
{
	for (size_t i = 0; i < commands->len; i++)
		if (commands->items[i]->number == number)
			return commands->items[i];
	return NULL;
}

struct command *commands_find_process(struct commands *commands, pid_t pid)
{
	if (pid == commands->standby.pid)
		standby_dismiss(&commands->standby);
	for (size_t i = 0; i < commands->len; i++)
		if (commands->items[i]->pid == pid)
			return commands->items[i];
	return NULL;
}

void commands_remove(struct commands *commands, struct command *c)
{
	for (size_t i = 0; i < commands->len; i++) {
		if (commands->items[i] != c)
			continue;
		commands->items[i] = commands->items[--commands->len];
		command_free(c);
		return;
	}
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

static int start_error_set(struct start_error *e, int errnum)
{
	e->failure = START_PROCESS;
	e->errnum = errnum;
	snprintf(e->step, sizeof(e->step), "start a process");
	return -1;
}

int commands_start(struct commands *commands, uint16_t number,
	const struct exec_request *r, const uint8_t *bytes, size_t len,
	struct start_error *ret_error)
{
	struct plumbing p;
	bool terminal = r->flags & EXEC_TERMINAL;
	/* Most of it is the input's buffer, whose pages are touched when input comes. */
	struct command *c = malloc(sizeof(*c));

	if (!c)
		return start_error_set(ret_error, ENOMEM);
	/* The host keeps below that, but it does not count those that are abandoned. */
	if (commands->len == COMMANDS_MAX) {
		free(c);
		return start_error_set(ret_error, EAGAIN);
	}
	pid_t pid = standby_take(&commands->standby, r, bytes, len, &p);
	if (pid == 0)
		pid = start_child(r, &p);
	if (pid == 0) {
		start_error_set(ret_error, errno);
		free(c);
		return -1;
	}
	if (r->flags & EXEC_STDIN_CLOSED)
		plumbing_close_end(&p.input);
	c->state = COMMAND_STARTING;
	c->number = number;
	c->pid = pid;
	c->status_fd = p.status;
	c->terminal = p.terminal;
	c->pending_signals = 0;
	input_init(&c->input, p.input, terminal);
	output_init(&c->outputs[0], number, STREAM_STDOUT, p.output, terminal);
	output_init(&c->outputs[1], number, STREAM_STDERR, p.error, false);
	commands->items[commands->len++] = c;
	return 0;
}

/* ---- One ---- */

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
	if (n == sizeof(*ret_error))
		return COMMAND_START_FAILED;
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

void command_ended(struct command *c, int wait_status)
{
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
