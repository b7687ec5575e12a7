/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting the command and noticing its end. */
#include "guest/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

/* Fewer switches between the command and us than with 64 KiB. */
#define PIPE_SIZE (1024 * 1024)

/* Both ends of everything, while a command is being started. */
struct plumbing {
	struct child_io child;
	int input, output, error; /* ours */
	int status;
	int slave;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int make_pipe(int *ret_read, int *ret_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

static int make_output_pipe(int *ret_ours, int *ret_child)
{
	if (make_pipe(ret_ours, ret_child) < 0)
		return -1;
	fcntl(*ret_ours, F_SETPIPE_SZ, PIPE_SIZE);
	set_nonblocking(*ret_ours);
	return 0;
}

static int make_input(struct plumbing *p, bool closed)
{
	if (closed) {
		p->child.stdin_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return p->child.stdin_fd < 0 ? -1 : 0;
	}
	if (make_pipe(&p->child.stdin_fd, &p->input) < 0)
		return -1;
	fcntl(p->input, F_SETPIPE_SZ, PIPE_SIZE);
	set_nonblocking(p->input);
	return 0;
}

static void set_size(int terminal, uint16_t rows, uint16_t columns)
{
	struct winsize size = {.ws_row = rows, .ws_col = columns};

	if (rows && columns)
		ioctl(terminal, TIOCSWINSZ, &size);
}

/* The slave by TIOCGPTPEER: no name, which could be something else by then. */
static int make_terminal(struct plumbing *p, const struct exec_request *r)
{
	int unlock = 0;

	p->output = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->output < 0 || ioctl(p->output, TIOCSPTLCK, &unlock) < 0)
		return -1;
	p->slave = ioctl(p->output, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->slave < 0)
		return -1;
	set_size(p->slave, r->rows, r->columns);
	p->input = fcntl(p->output, F_DUPFD_CLOEXEC, 0);
	p->child.stdin_fd = fcntl(p->slave, F_DUPFD_CLOEXEC, 0);
	p->child.stdout_fd = fcntl(p->slave, F_DUPFD_CLOEXEC, 0);
	p->child.terminal = true;
	if (p->input < 0 || p->child.stdin_fd < 0 || p->child.stdout_fd < 0)
		return -1;
	if (r->flags & EXEC_STDERR_APART)
		return make_output_pipe(&p->error, &p->child.stderr_fd);
	p->child.stderr_fd = fcntl(p->slave, F_DUPFD_CLOEXEC, 0);
	return p->child.stderr_fd < 0 ? -1 : 0;
}

static int make_plumbing(struct plumbing *p, const struct exec_request *r)
{
	if (make_pipe(&p->status, &p->child.status_fd) < 0)
		return -1;
	set_nonblocking(p->status);
	if (r->flags & EXEC_TERMINAL)
		return make_terminal(p, r);
	if (make_input(p, r->flags & EXEC_STDIN_CLOSED) < 0 ||
		make_output_pipe(&p->output, &p->child.stdout_fd) < 0)
		return -1;
	return make_output_pipe(&p->error, &p->child.stderr_fd);
}

static void close_child_side(struct plumbing *p)
{
	close_fd(&p->child.stdin_fd);
	close_fd(&p->child.stdout_fd);
	close_fd(&p->child.stderr_fd);
	close_fd(&p->child.status_fd);
}

static void close_our_side(struct plumbing *p)
{
	close_fd(&p->input);
	close_fd(&p->output);
	close_fd(&p->error);
	close_fd(&p->status);
	close_fd(&p->slave);
}

void command_init(struct command *c)
{
	c->state = COMMAND_NONE;
	c->pid = 0;
	c->status_fd = c->terminal = -1;
	input_init(&c->input, -1, false);
	output_init(&c->outputs[0], STREAM_STDOUT, -1, false);
	output_init(&c->outputs[1], STREAM_STDERR, -1, false);
}

int command_start(struct command *c, const struct exec_request *r,
	struct start_failure *ret_failure)
{
	struct plumbing p = {.child = {-1, -1, -1, -1, false}, -1, -1, -1, -1, -1};
	pid_t pid = -1;
	bool terminal = r->flags & EXEC_TERMINAL;

	if (make_plumbing(&p, r) == 0) {
		pid = fork();
		if (pid == 0)
			child_run(r, &p.child);
	}
	if (pid < 0) {
		ret_failure->errnum = errno;
		snprintf(ret_failure->step, sizeof(ret_failure->step), "start a process");
		close_our_side(&p);
	}
	close_child_side(&p);
	if (pid < 0)
		return -1;

	c->state = COMMAND_STARTING;
	c->pid = pid;
	c->status_fd = p.status;
	c->terminal = p.slave;
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
	struct command *c, struct start_failure *ret_failure)
{
	ssize_t n = read(c->status_fd, ret_failure, sizeof(*ret_failure));

	if (n < 0)
		return COMMAND_START_PENDING;
	if (n == sizeof(*ret_failure)) {
		command_done(c);
		return COMMAND_START_FAILED;
	}
	close_fd(&c->status_fd);
	c->state = COMMAND_RUNNING;
	send_pending_signals(c);
	return COMMAND_STARTED;
}

void command_signal(struct command *c, int signal)
{
	/* Before it runs it may not have its process group yet; when it has ended, its
	 * number can be another's. */
	if (c->state == COMMAND_STARTING)
		c->pending_signals |= 1ULL << (signal - 1);
	else if (c->state == COMMAND_RUNNING)
		kill(-c->pid, signal);
}

void command_resize(struct command *c, uint16_t rows, uint16_t columns)
{
	if (c->terminal >= 0)
		set_size(c->terminal, rows, columns);
}

void command_reaped(struct command *c, pid_t pid, int wait_status)
{
	if (pid != c->pid)
		return;
	c->pid = 0;
	c->wait_status = wait_status;
	c->state = COMMAND_DRAINING;
	close_fd(&c->terminal);
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
	close_fd(&c->status_fd);
	close_fd(&c->terminal);
	input_close(&c->input);
	output_close(&c->outputs[0]);
	output_close(&c->outputs[1]);
	c->pid = 0;
	c->state = COMMAND_NONE;
}
