/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two forks: who forks once has a child to wait for. Between fork() and exec only
 * async-signal-safe calls are made, since the caller may have threads. */
#include "base/detach.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_CLASS_IDLE  (3 << 13)

static void become(char *const *argv)
{
	child_reset_signals();
	child_null_streams();
	if (chdir("/") < 0)
		_exit(1);
	child_close_others(3, NULL, 0);
	setpriority(PRIO_PROCESS, 0, 19);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_IDLE);
	execv(argv[0], argv);
	_exit(1);
}

int detach_start(char *const *argv, struct error *err)
{
	sigset_t all, old;

	/* No signal handler of the caller may run in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		pid_t second = fork();
		if (second == 0)
			become(argv);
		_exit(second < 0);
	}
	int num = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return error_set(err, num, "create a process for '%s'", argv[0]);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}
