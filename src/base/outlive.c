/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that run when we have ended: see outlive.h. */
#include "base/outlive.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fork.h"

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_CLASS_IDLE  (3 << 13)

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void execute(char *const *argv)
{
	fork_null_streams();
	fork_close_others(3, NULL, 0);
	execv(argv[0], argv);
	_exit(1);
}

static void execute_afterwards(char *const *argv, int life_fd)
{
	char byte;

	setsid();
	fork_reset_signals();
	/* Out of the way of the standard streams. */
	life_fd = fcntl(life_fd, F_DUPFD_CLOEXEC, 3);
	if (life_fd < 0)
		_exit(1);
	/* Readers of the caller's pipes see their end when the caller ends, not when this
	 * process does. */
	fork_close_others(0, &life_fd, 1);
	while (read(life_fd, &byte, 1) < 0 && errno == EINTR)
		;
	execute(argv);
}

int afterwards_start(struct afterwards *a, char *const *argv, struct error *err)
{
	int life[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, life) < 0)
		return error_set(err, errno, "create a socket pair");
	pid_t pid = fork_quietly();
	if (pid == 0) {
		close(life[1]);
		execute_afterwards(argv, life[0]);
	}
	int num = errno;
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
	/* Closing is not enough if a process that the caller has forked holds it, too. */
	shutdown(a->life_fd, SHUT_RDWR);
	close(a->life_fd);
	reap(a->pid);
	*a = (struct afterwards){0};
}

int outlive_start(char *const *argv, struct error *err)
{
	pid_t pid = fork_quietly();

	if (pid == 0) {
		/* The second fork becomes init's child, which this process need not wait
		 * for. */
		setsid();
		pid_t second = fork();
		if (second != 0)
			_exit(second < 0);
		fork_reset_signals();
		if (chdir("/") < 0)
			_exit(1);
		setpriority(PRIO_PROCESS, 0, 19);
		syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_IDLE);
		execute(argv);
	}
	if (pid < 0)
		return error_set(err, errno, "create a process for '%s'", argv[0]);
	reap(pid);
	return 0;
}
