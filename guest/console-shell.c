/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A shell on the console. /dev/console itself can't be a controlling terminal, and without
 * one ctrl-C does nothing: the shell gets the terminal behind it. */
#include "guest/console-shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/child.h"
#include "guest/file.h"
#include "guest/log.h"

static int open_terminal(void)
{
	char names[128], path[160];

	/* "tty0 ttyS0": the last one is /dev/console. */
	if (file_read_line(
		    AT_FDCWD, "/sys/class/tty/console/active", names, sizeof(names)) < 0)
		return -1;
	const char *blank = strrchr(names, ' ');
	snprintf(path, sizeof(path), "/dev/%s", blank ? blank + 1 : names);
	return open(path, O_RDWR | O_CLOEXEC);
}

void console_shell_run(void)
{
	/* A serial line does not tell what terminal is at its other end. */
	const struct exec_request request = {
		.flags = EXEC_TERMINAL,
		.argc = 2,
		.envc = 1,
		.cwd = "",
		.user = "",
		.argv = "bash\0-l",
		.env = (char[]){"TERM=linux"},
	};
	int fd = open_terminal(), status;

	if (fd < 0) {
		klog_error("open the console's terminal: %s", strerror(errno));
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		const struct child_io io = {fd, fd, fd, STDERR_FILENO, true};
		child_run(&io, &request);
	}
	close(fd);
	/* Orphans end here too. */
	for (pid_t ended = 0; pid > 0 && ended != pid;)
		if ((ended = wait(&status)) < 0 && errno == ECHILD)
			break;
}
