/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"

/* ---- The keeper ---- */

static int name_pipe = -1; /* -1: nobody waits any more */

int keeper_leave(const char *name, void *data)
{
	if (name_pipe < 0)
		return 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)data;
	if (null < 0 || dprintf(name_pipe, "%s\n", name) < 0)
		return -1;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	close(null);
	close(name_pipe);
	name_pipe = -1;
	return chdir("/");
}

static int be_keeper(int argc, char **argv, const struct options *options,
	int (*keep)(struct vm_options *o, const char *const *words), int pipe)
{
	struct rlimit files;

	setsid();
	signal(SIGPIPE, SIG_IGN);
	/* Each command that runs takes a few descriptors. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	/* A pipe of our caller's would stay open as long as the session. */
	if (pipe > STDERR_FILENO + 1)
		syscall(SYS_close_range, STDERR_FILENO + 1, pipe - 1, 0);
	syscall(SYS_close_range, pipe + 1, ~0u, 0);
	name_pipe = pipe;
	int status;
	do
		status = vm_main(options, argc, argv, keep);
	while (status == KEEPER_AGAIN);
	return status;
}

/* ---- The process that the user waits for ---- */

static volatile pid_t keeper;

/* It has left our terminal's session. */
static void pass_to_keeper(int signal)
{
	kill(keeper, signal);
}

static size_t read_name(int pipe, char ret[static KEEPER_NAME_SIZE])
{
	size_t len = 0;
	ssize_t n;

	while (len < KEEPER_NAME_SIZE - 1) {
		n = read(pipe, ret + len, KEEPER_NAME_SIZE - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += n;
	}
	ret[len] = '\0';
	return len;
}

static int exit_status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_OURS;
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : HYPERMIN_STATUS_KILLED + WTERMSIG(status);
}

int keeper_start(int argc, char **argv, const struct options *options,
	int (*keep)(struct vm_options *o, const char *const *words),
	char ret_name[static KEEPER_NAME_SIZE])
{
	int fds[2];

	*ret_name = '\0';
	if (pipe2(fds, O_CLOEXEC) < 0) {
		perror("hypermin: make a pipe");
		return EXIT_OURS;
	}
	keeper = fork();
	if (keeper < 0) {
		perror("hypermin: start a process");
		return EXIT_OURS;
	}
	if (keeper == 0)
		exit(be_keeper(argc, argv, options, keep, fds[1]));
	close(fds[1]);
	interrupt_catch(SIGHUP, pass_to_keeper);
	interrupt_catch(SIGINT, pass_to_keeper);
	interrupt_catch(SIGQUIT, pass_to_keeper);
	interrupt_catch(SIGTERM, pass_to_keeper);
	read_name(fds[0], ret_name);
	close(fds[0]);
	return *ret_name ? 0 : exit_status_of(keeper);
}
