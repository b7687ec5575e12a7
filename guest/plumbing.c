/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pipes and terminals for one command. */
#include "guest/plumbing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Fewer switches between the command and us than with 64 KiB. */
#define PIPE_SIZE (1024 * 1024)

void plumbing_close_end(int *fd)
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

static int make_input_pipe(struct plumbing *p)
{
	if (make_pipe(&p->child.stdin_fd, &p->input) < 0)
		return -1;
	fcntl(p->input, F_SETPIPE_SZ, PIPE_SIZE);
	set_nonblocking(p->input);
	return 0;
}

void plumbing_set_size(int terminal, uint16_t rows, uint16_t columns)
{
	struct winsize size = {.ws_row = rows, .ws_col = columns};

	if (rows && columns)
		ioctl(terminal, TIOCSWINSZ, &size);
}

/* TIOCGPTPEER opens the slave without its name, which could be another file by then. */
static int make_terminal(struct plumbing *p, bool stderr_apart)
{
	int unlock = 0;

	p->output = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->output < 0 || ioctl(p->output, TIOCSPTLCK, &unlock) < 0)
		return -1;
	p->terminal = ioctl(p->output, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->terminal < 0)
		return -1;
	p->input = fcntl(p->output, F_DUPFD_CLOEXEC, 0);
	p->child.stdin_fd = fcntl(p->terminal, F_DUPFD_CLOEXEC, 0);
	p->child.stdout_fd = fcntl(p->terminal, F_DUPFD_CLOEXEC, 0);
	p->child.terminal = true;
	if (p->input < 0 || p->child.stdin_fd < 0 || p->child.stdout_fd < 0)
		return -1;
	if (stderr_apart)
		return make_output_pipe(&p->error, &p->child.stderr_fd);
	p->child.stderr_fd = fcntl(p->terminal, F_DUPFD_CLOEXEC, 0);
	return p->child.stderr_fd < 0 ? -1 : 0;
}

static int make_streams(struct plumbing *p, uint16_t flags)
{
	if (make_pipe(&p->status, &p->child.status_fd) < 0)
		return -1;
	set_nonblocking(p->status);
	if (flags & EXEC_TERMINAL)
		return make_terminal(p, flags & EXEC_STDERR_APART);
	if (make_input_pipe(p) < 0 ||
		make_output_pipe(&p->output, &p->child.stdout_fd) < 0)
		return -1;
	return make_output_pipe(&p->error, &p->child.stderr_fd);
}

int plumbing_make(struct plumbing *p, uint16_t flags, uint16_t rows, uint16_t columns)
{
	*p = (struct plumbing){{-1, -1, -1, -1, false}, -1, -1, -1, -1, -1};
	if (make_streams(p, flags) < 0) {
		int errnum = errno;
		plumbing_close(p);
		errno = errnum;
		return -1;
	}
	if (flags & EXEC_TERMINAL)
		plumbing_set_size(p->terminal, rows, columns);
	return 0;
}

void plumbing_close_child_side(struct plumbing *p)
{
	plumbing_close_end(&p->child.stdin_fd);
	plumbing_close_end(&p->child.stdout_fd);
	plumbing_close_end(&p->child.stderr_fd);
	plumbing_close_end(&p->child.status_fd);
}

void plumbing_close(struct plumbing *p)
{
	plumbing_close_child_side(p);
	plumbing_close_end(&p->input);
	plumbing_close_end(&p->output);
	plumbing_close_end(&p->error);
	plumbing_close_end(&p->status);
	plumbing_close_end(&p->terminal);
}
