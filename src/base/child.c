/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A child that can't outlive us: see child.h for the idea. Supervisor and child make
 * async-signal-safe calls only, since the caller may have threads.
 */
#include "base/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fork.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/strbuf.h"

/* What the supervisor tells at the end. */
struct report {
	struct ended ended;
	int64_t peak_memory, cpu_us;
};

static void execute(const struct child *c, pid_t supervisor, int exec_fd)
{
	int keep[CHILD_PASS_MAX + 1] = {exec_fd};
	int num = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != supervisor)
		_exit(1);
	int null = fork_open_null();
	if (null >= 0 && dup2(null, 0) >= 0 && dup2(c->output_fd, 1) >= 0 &&
		dup2(c->output_fd, 2) >= 0 &&
		(!c->directory || chdir(c->directory) == 0)) {
		/* Not everything that the caller has open is marked to be closed by an
		 * exec. */
		for (size_t i = 0; i < c->n_pass; i++) {
			keep[i + 1] = c->pass[i];
			fcntl(c->pass[i], F_SETFD, 0);
		}
		fork_close_others(3, keep, c->n_pass + 1);
		num = c->before_exec ? c->before_exec(c->before_exec_data) : 0;
		if (num == 0)
			execve(c->argv[0], c->argv, c->env ? c->env : environ);
	}
	if (num == 0)
		num = errno;
	if (write(exec_fd, &num, sizeof(num)) < 0)
		_exit(2);
	_exit(1);
}

/* The mask passes to the child, and what that executes. */
static void block_requests_to_end(void)
{
	sigset_t requests;

	sigemptyset(&requests);
	sigaddset(&requests, SIGHUP);
	sigaddset(&requests, SIGINT);
	sigaddset(&requests, SIGQUIT);
	sigaddset(&requests, SIGTERM);
	sigprocmask(SIG_BLOCK, &requests, NULL);
}

static int64_t to_us(struct timeval t)
{
	return t.tv_sec * INT64_C(1000000) + t.tv_usec;
}

static struct report report_from_wait(int status, const struct rusage *usage)
{
	struct report r = {
		.ended = {ENDED_EXITED, WEXITSTATUS(status)},
		.peak_memory = (int64_t)usage->ru_maxrss * 1024,
		.cpu_us = to_us(usage->ru_utime) + to_us(usage->ru_stime),
	};

	if (WIFSIGNALED(status))
		r.ended = (struct ended){ENDED_SIGNALED, WTERMSIG(status)};
	return r;
}

static int open_process(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

/* Wait for the child's end, or kill it when the caller wants that or is gone. */
static struct report watch(pid_t child, pid_t caller, int life_fd)
{
	struct rusage usage;
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
		if (wait4(child, &status, over ? 0 : WNOHANG, &usage) == child)
			return report_from_wait(status, &usage);
	}
}

static void supervise(const struct child *c, pid_t caller, int life_fd, int status_fd)
{
	int exec_pipe[2];
	struct report report = {{ENDED_NO_EXEC, EAGAIN}, -1, -1};
	int exec_errno = 0;

	setsid();
	fork_reset_signals();
	if (c->shielded)
		block_requests_to_end();
	pid_t self = getpid();
	pid_t child = pipe2(exec_pipe, O_CLOEXEC) < 0 ? -1 : fork();
	if (child == 0)
		execute(c, self, exec_pipe[1]);
	if (child > 0) {
		close(exec_pipe[1]);
		ssize_t n = read(exec_pipe[0], &exec_errno, sizeof(exec_errno));
		if (write(status_fd, &child, sizeof(child)) < 0)
			_exit(1);
		fork_close_others(0, (const int[]){life_fd, status_fd}, 2);
		report = watch(child, caller, life_fd);
		if (n == sizeof(exec_errno))
			report.ended = (struct ended){ENDED_NO_EXEC, exec_errno};
	} else {
		report.ended.value = errno;
		if (write(status_fd, &child, sizeof(child)) < 0)
			_exit(1);
	}
	if (write(status_fd, &report, sizeof(report)) < 0)
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

int child_start(struct child *c, struct error *err)
{
	int life[2], status[2];
	pid_t caller = getpid();

	assert(c->n_pass <= CHILD_PASS_MAX);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, life) < 0)
		return error_set(err, errno, "create a socket pair");
	if (pipe2(status, O_CLOEXEC) < 0) {
		int num = errno;
		close(life[0]);
		close(life[1]);
		return error_set(err, num, "create a pipe");
	}
	pid_t pid = fork_quietly();
	if (pid == 0) {
		close(life[1]);
		close(status[0]);
		supervise(c, caller, life[0], status[1]);
	}
	int num = errno;
	close(life[0]);
	close(status[1]);
	if (pid < 0) {
		close(life[1]);
		close(status[0]);
		return error_set(err, num, "create a process for '%s'", c->argv[0]);
	}
	c->supervisor = pid;
	c->life_fd = life[1];
	c->status_fd = status[0];
	if (read_retry(c->status_fd, &c->pid, sizeof(c->pid)) != sizeof(c->pid))
		c->pid = -1;
	return 0;
}

struct ended child_wait(struct child *c)
{
	struct report report;

	if (read_retry(c->status_fd, &report, sizeof(report)) != sizeof(report))
		report = (struct report){{ENDED_UNKNOWN, 0}, -1, -1};
	close(c->life_fd);
	close(c->status_fd);
	while (waitpid(c->supervisor, NULL, 0) < 0 && errno == EINTR)
		;
	*c = (struct child){.peak_memory = report.peak_memory, .cpu_us = report.cpu_us};
	return report.ended;
}

void child_tell_to_kill(const struct child *c)
{
	/* Closing is not enough if a process that the caller has forked holds it, too. */
	if (c->supervisor > 0)
		shutdown(c->life_fd, SHUT_RDWR);
}

void child_kill(struct child *c)
{
	if (c->supervisor <= 0)
		return;
	child_tell_to_kill(c);
	child_wait(c);
}

char *child_describe(struct ended ended)
{
	switch (ended.how) {
	case ENDED_NO_EXEC:
		return xasprintf("can't be run: %s", strerror(ended.value));
	case ENDED_SIGNALED:
		return xasprintf("was killed by signal %d (%s)", ended.value,
			strsignal(ended.value));
	case ENDED_UNKNOWN:
		return xstrdup("was lost: the process that watches it was killed");
	case ENDED_EXITED:
		break;
	}
	return ended.value ? xasprintf("ended with exit status %d", ended.value) : NULL;
}

/* ---- A child and the lines that it writes ---- */

/* A signal handler may set what `stop` looks at just before poll() begins. */
#define LOOK_MS 500
/* What is longer is cut: it is no line. */
#define LINE_LEN_MAX (1024 * 1024)

static void end_line(struct strbuf *line, const struct child_listener *listener)
{
	if (line->len)
		listener->on_line(line->data, listener->data);
	strbuf_clear(line);
}

/* Until the output is closed: then the last line ends, newline or not. */
static int read_lines(
	const struct child_listener *listener, int output_fd, struct error *err)
{
	CLEANUP_STRBUF struct strbuf line = {0};
	char buf[4096];

	for (;;) {
		struct pollfd fds[] = {
			{output_fd, POLLIN, 0}, {listener->stop_fd, POLLIN, 0}};
		if (poll(fds, ARRAY_SIZE(fds), LOOK_MS) < 0 && errno != EINTR)
			return error_set(err, errno, "wait for its output");
		if (listener->stop && listener->stop(listener->data, err) < 0)
			return -1;
		if (!fds[0].revents)
			continue;
		ssize_t n = read_retry(output_fd, buf, sizeof(buf));
		if (n < 0)
			return error_set(err, errno, "read its output");
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] == '\n')
				end_line(&line, listener);
			else if (buf[i] != '\0' && line.len < LINE_LEN_MAX)
				strbuf_addc(&line, buf[i]);
		}
		if (n == 0) {
			end_line(&line, listener);
			return 0;
		}
	}
}

int child_run(struct child *c, const struct child_listener *listener,
	struct ended *ret_ended, struct error *err)
{
	CLEANUP_CLOSE int output = -1;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "create a pipe");
	output = ends[0];
	c->output_fd = ends[1];
	int result = child_start(c, err);
	close(ends[1]);
	if (result < 0)
		return -1;
	if (read_lines(listener, output, err) < 0) {
		struct pollfd ended = {c->status_fd, POLLIN, 0};
		if (listener->grace_ms && c->pid > 0 && kill(c->pid, SIGTERM) == 0)
			poll(&ended, 1, listener->grace_ms);
		child_kill(c);
		return -1;
	}
	*ret_ended = child_wait(c);
	return 0;
}
