/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages from signal handlers to a poll loop. */
#include "base/control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int control_open(int ret_fds[static 2], struct error *err)
{
	if (pipe2(ret_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(err, errno, "create a pipe");
	return 0;
}

void control_send(int write_fd, enum control_what what, int signal)
{
	struct control_message message = {what, signal};
	int saved = errno;

	/* Smaller than PIPE_BUF: whole or not at all. */
	if (write(write_fd, &message, sizeof(message)) < 0)
		errno = saved;
}

bool control_read(int read_fd, struct control_message *ret)
{
	return read(read_fd, ret, sizeof(*ret)) == sizeof(*ret);
}

int control_error(int signal, struct error *err)
{
	error_set(err, 0, "ended by signal %d (%s)", signal, strsignal(signal));
	if (err)
		err->num = EINTR;
	return -1;
}
