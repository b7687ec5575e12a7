/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program that runs when we are gone. */
#include "base/afterwards.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"

static void wait_and_become(char *const *argv, int life_fd)
{
	char byte;

	setsid();
	child_reset_signals();
	/* Others wait for the ends of what we have open: at once, and not when we are
	 * done. */
	child_close_others(0, &life_fd, 1);
	while (read(life_fd, &byte, 1) < 0 && errno == EINTR)
		;
	child_null_streams();
	child_close_others(3, NULL, 0);
	execv(argv[0], argv);
	_exit(1);
}

int afterwards_start(struct afterwards *a, char *const *argv, struct error *err)
{
	sigset_t all, old;
	int life[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, life) < 0)
		return error_set(err, errno, "create a socket pair");
	/* No signal handler of the caller may run in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid_t pid = fork();
	if (pid == 0) {
		close(life[1]);
		/* Out of the way of the standard streams. */
		int life_fd = fcntl(life[0], F_DUPFD_CLOEXEC, 3);
		if (life_fd >= 0)
			wait_and_become(argv, life_fd);
		_exit(1);
	}
	int num = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(life[0]);
	if (pid < 0) {
		close(life[1]);
		return error_set(err, num, "create a process for '%s'", argv[0]);
	}
	*a = (struct afterwards){pid, life[1]};
	return 0;
}

void afterwards_run(struct afterwards *a)
{
	if (a->pid <= 0)
		return;
	/* A process that the caller has forked may have it too. */
	shutdown(a->life_fd, SHUT_RDWR);
	close(a->life_fd);
	while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*a = (struct afterwards){0};
}
