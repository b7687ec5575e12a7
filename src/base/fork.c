/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a child does before it executes a program. */
#include "base/fork.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t fork_quietly(void)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();
	int num = errno;
	if (pid != 0)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = num;
	return pid;
}

void fork_reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_range_of(unsigned first, unsigned last)
{
	if (syscall(SYS_close_range, first, last, 0) == 0)
		return;
	/* Before Linux 5.9. */
	unsigned end = sysconf(_SC_OPEN_MAX);
	for (unsigned fd = first; fd <= last && fd < end; fd++)
		close(fd);
}

/* The lowest in `keep` that is not below `first`; -1: none. */
static int next_kept(int first, const int *keep, size_t n)
{
	int next = -1;

	for (size_t i = 0; i < n; i++)
		if (keep[i] >= first && (next < 0 || keep[i] < next))
			next = keep[i];
	return next;
}

void fork_close_others(int first, const int *keep, size_t n)
{
	for (int kept; (kept = next_kept(first, keep, n)) >= 0; first = kept + 1)
		if (kept > first)
			close_range_of(first, kept - 1);
	close_range_of(first, ~0u);
}

int fork_open_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	return fd < 0 ? memfd_create("null", MFD_CLOEXEC) : fd;
}

void fork_null_streams(void)
{
	int null = fork_open_null();

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(1);
}
