/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A child that can't outlive us: see supervise.h for the idea. Between fork() and _exit()
 * only async-signal-safe calls are made, since the caller may have threads.
 */
#include "base/supervise.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/io.h"
#include "base/mem.h"

/* What else is open is the caller's, and not always marked to be closed by an exec. */
static void close_but(const int *pass, size_t n_pass, int exec_fd)
{
	int keep[SUPERVISE_PASS_MAX + 1] = {exec_fd};

	for (size_t i = 0; i < n_pass; i++)
		keep[i + 1] = pass[i];
	child_close_others(3, keep, n_pass + 1);
}

/* 0 to 2 become the standard streams, so none of `pass` may be one of them. */
static void exec_child(char *const *argv, int stderr_fd, const int *pass, size_t n_pass,
	pid_t supervisor, int exec_fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != supervisor)
		_exit(1);
	/* A root directory may have no /dev/null; a pipe without a writer is as empty. */
	int empty[2] = {open("/dev/null", O_RDWR | O_CLOEXEC), -1};
	if (empty[0] < 0 && pipe2(empty, O_CLOEXEC) == 0)
		close(empty[1]);
	if (empty[0] >= 0 && dup2(empty[0], 0) >= 0 && dup2(stderr_fd, 1) >= 0 &&
		dup2(stderr_fd, 2) >= 0) {
		close_but(pass, n_pass, exec_fd);
		for (size_t i = 0; i < n_pass; i++)
			fcntl(pass[i], F_SETFD, 0);
		execv(argv[0], argv);
	}
	int num = errno;
	if (write(exec_fd, &num, sizeof(num)) < 0)
		_exit(2);
	_exit(1);
}

static struct ended ended_from_wait(int status)
{
	if (WIFSIGNALED(status))
		return (struct ended){ENDED_SIGNALED, WTERMSIG(status)};
	return (struct ended){ENDED_EXITED, WEXITSTATUS(status)};
}

static int open_process(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

/* Wait for the child's end, or kill it when the caller wants that or is gone. */
static struct ended watch(pid_t child, pid_t caller, int life_fd)
{
	int status = 0;
	int child_fd = open_process(child);
	int caller_fd = open_process(caller);

	/* It ended before that, and its number may be another's. */
	if (getppid() != caller)
		kill(child, SIGKILL);
	for (;;) {
		struct pollfd fds[] = {{life_fd, POLLIN, 0}, {caller_fd, POLLIN, 0},
			{child_fd, POLLIN, 0}};
		/* Without pidfds (before Linux 5.3): look every 50 ms. */
		int n = poll(fds, ARRAY_SIZE(fds), child_fd < 0 ? 50 : -1);
		bool over = (n < 0 && errno != EINTR) ||
			(n > 0 && (fds[0].revents || fds[1].revents));
		if (over)
			kill(child, SIGKILL);
		if (waitpid(child, &status, over ? 0 : WNOHANG) == child)
			return ended_from_wait(status);
	}
}

static void supervisor_main(char *const *argv, int stderr_fd, const int *pass,
	size_t n_pass, pid_t caller, int life_fd, int status_fd)
{
	int exec_pipe[2];
	struct ended ended = {ENDED_NO_EXEC, EAGAIN};
	int exec_errno = 0;

	setsid();
	child_reset_signals();
	pid_t self = getpid();
	pid_t child = pipe2(exec_pipe, O_CLOEXEC) < 0 ? -1 : fork();
	if (child == 0)
		exec_child(argv, stderr_fd, pass, n_pass, self, exec_pipe[1]);
	if (child > 0) {
		close(exec_pipe[1]);
		ssize_t n = read(exec_pipe[0], &exec_errno, sizeof(exec_errno));
		if (write(status_fd, &child, sizeof(child)) < 0)
			_exit(1);
		child_close_others(0, (const int[]){life_fd, status_fd}, 2);
		ended = watch(child, caller, life_fd);
		if (n == sizeof(exec_errno))
			ended = (struct ended){ENDED_NO_EXEC, exec_errno};
	} else {
		ended.value = errno;
		if (write(status_fd, &child, sizeof(child)) < 0)
			_exit(1);
	}
	if (write(status_fd, &ended, sizeof(ended)) < 0)
		_exit(1);
	_exit(0);
}

static ssize_t read_retry(int fd, void *data, size_t len)
{
	ssize_t n;

	do
		n = read(fd, data, len);
	while (n < 0 && errno == EINTR);
	return n;
}

int supervise_start(struct supervised *s, char *const *argv, int stderr_fd,
	const int *pass, size_t n_pass, struct error *err)
{
	int life[2], status[2];
	pid_t caller = getpid();

	assert(n_pass <= SUPERVISE_PASS_MAX);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, life) < 0)
		return error_set(err, errno, "create a socket pair");
	if (pipe2(status, O_CLOEXEC) < 0) {
		int num = errno;
		close(life[0]);
		close(life[1]);
		return error_set(err, num, "create a pipe");
	}
	/* No signal handler of the caller may run in the child. */
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid_t pid = fork();
	if (pid == 0) {
		close(life[1]);
		close(status[0]);
		supervisor_main(
			argv, stderr_fd, pass, n_pass, caller, life[0], status[1]);
	}
	int num = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(life[0]);
	close(status[1]);
	*s = (struct supervised){pid, -1, life[1], status[0]};
	if (pid < 0) {
		close(s->life_fd);
		close(s->status_fd);
		*s = (struct supervised){0};
		return error_set(err, num, "create a process for '%s'", argv[0]);
	}
	if (read_retry(s->status_fd, &s->child, sizeof(s->child)) != sizeof(s->child))
		s->child = -1;
	return 0;
}

static void reap(struct supervised *s)
{
	close(s->life_fd);
	close(s->status_fd);
	while (waitpid(s->supervisor, NULL, 0) < 0 && errno == EINTR)
		;
	*s = (struct supervised){0};
}

struct ended supervise_wait(struct supervised *s)
{
	struct ended ended;

	if (read_retry(s->status_fd, &ended, sizeof(ended)) != sizeof(ended))
		ended = (struct ended){ENDED_UNKNOWN, 0};
	reap(s);
	return ended;
}

void supervise_tell_to_kill(const struct supervised *s)
{
	/* To close it would not do where a process that the caller has forked has it
	 * too. */
	if (s->supervisor > 0)
		shutdown(s->life_fd, SHUT_RDWR);
}

void supervise_kill(struct supervised *s)
{
	if (s->supervisor <= 0)
		return;
	supervise_tell_to_kill(s);
	supervise_wait(s);
}
