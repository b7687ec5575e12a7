/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hypermin start: start a session.
 *
 *	this process ──fork──► the keeper: hypermin_keep()
 *	     ▲                    │ the VM runs: its name
 *	     └──────pipe──────────┘
 *
 * The keeper has our standard streams until the VM runs, so its messages are ours. Then it
 * is on its own.
 */
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

#include "commands.h"
#include "interrupt.h"
#include "vm-run.h"

#define NAME_SIZE 128

static const struct options options = {
	.command = "hypermin start",
	.usage =
		"Usage: hypermin start [OPTION…]\n"
		"\n"
		"Start a VM made from the packages installed on this machine, print its name, and return.\n"
		"It runs until `hypermin stop NAME`. Meanwhile `hypermin exec NAME COMMAND` runs commands\n"
		"in it, and `hypermin shell NAME` opens a shell. Status 125: it could not be started.",
	.groups = vm_start_options,
	.words = WORDS_NONE,
	.hint = "to run a command, use hypermin exec NAME COMMAND once it is started",
};

/* ---- The keeper ---- */

static int name_pipe;

static int leave_terminal(const char *name, void *data)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)data;
	if (null < 0 || dprintf(name_pipe, "%s\n", name) < 0)
		return -1;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	close(null);
	close(name_pipe);
	return chdir("/");
}

static int keep(struct vm_options *o, const char *const *words)
{
	(void)words;
	interrupt_by_signals(o->vm);
	if (hypermin_keep(o->vm, o->name, o->idle_ms, leave_terminal, NULL) < 0)
		return vm_failed(o);
	return 0;
}

static int be_keeper(int argc, char **argv, int pipe)
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
	return vm_main(&options, argc, argv, keep);
}

/* ---- The process that the user waits for ---- */

static volatile pid_t keeper;

/* It has left our terminal's session. */
static void pass_to_keeper(int signal)
{
	kill(keeper, signal);
}

static size_t read_name(int pipe, char ret[static NAME_SIZE])
{
	size_t len = 0;
	ssize_t n;

	while (len < NAME_SIZE - 1) {
		n = read(pipe, ret + len, NAME_SIZE - 1 - len);
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

int command_start(int argc, char **argv)
{
	char name[NAME_SIZE];
	int fds[2];

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
		return be_keeper(argc, argv, fds[1]);
	close(fds[1]);
	interrupt_catch(SIGHUP, pass_to_keeper);
	interrupt_catch(SIGINT, pass_to_keeper);
	interrupt_catch(SIGQUIT, pass_to_keeper);
	interrupt_catch(SIGTERM, pass_to_keeper);
	if (read_name(fds[0], name) == 0)
		return exit_status_of(keeper);
	fputs(name, stdout);
	return 0;
}
