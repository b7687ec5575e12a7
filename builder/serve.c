/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two processes: one confines itself and serves, the other waits for a signal and removes the
 * socket, which the first may not. The tree is in both, but in memory once.
 */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/fork.h"
#include "base/log.h"
#include "confine/confine.h"
#include "say.h"
#include "serve/serve.h"

/* The files that are read, the clients, and what else is open. */
#define DESCRIPTORS 1024

/* ---- The socket ---- */

static int set_address(const char *path, struct sockaddr_un *ret, struct error *err)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret->sun_path))
		return error_set(err, ENAMETOOLONG,
			"serve at '%s': the path of a Unix socket has up to %zu bytes",
			path, sizeof(ret->sun_path) - 1);
	strcpy(ret->sun_path, path);
	return 0;
}

/* A server that was killed has left it. */
static bool is_abandoned(const struct sockaddr_un *address)
{
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 &&
		connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		errno == ECONNREFUSED;
}

/* Who may connect may read all files: only this user. */
static int open_socket(const char *path, int *ret_fd, struct error *err)
{
	struct sockaddr_un address;

	if (set_address(path, &address, err) < 0)
		return -1;
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, errno, "serve at '%s'", path);
	mode_t old = umask(0177);
	int result = bind(fd, (struct sockaddr *)&address, sizeof(address));
	if (result < 0 && errno == EADDRINUSE && is_abandoned(&address) &&
		unlink(path) == 0)
		result = bind(fd, (struct sockaddr *)&address, sizeof(address));
	int num = errno;
	umask(old);
	if (result < 0)
		return error_set(err, num, "serve at '%s'", path);
	if (listen(fd, SERVE_CLIENTS_MAX) < 0) {
		unlink(path);
		return error_set(err, errno, "serve at '%s'", path);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* ---- The one that serves ---- */

static void print_log(enum log_level level, const char *line, void *data)
{
	(void)level;
	(void)data;
	say("%s", line);
}

/* It opens files below the inputs, and nothing else. */
static int confine(const struct mkfs_request *request, struct error *err)
{
	struct confine_needs needs = {
		.program = "the builder",
		/* Root serves what root may read. */
		.capabilities = UINT64_C(1) << CAP_DAC_READ_SEARCH,
		/* Standard error may be a file. */
		.writes = true,
		.max_descriptors = DESCRIPTORS,
		.not_for_it = 1u << CONFINE_ENVIRONMENT | 1u << CONFINE_OWN_FILTER,
	};
	CLEANUP_CONFINE struct confine confine = {0};
	int result = 0;

	vector_foreach (input, &request->inputs) {
		int fd = -1;
		if (input->kind == MKFS_TREE)
			fd = open(input->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			vector_push(&needs.files,
				(struct confine_file){NULL, fd, CONFINE_READ, true});
	}
	confine_init(&confine, &needs);
	result = confine_self(&confine, err);
	vector_foreach (file, &confine.needs.files)
		close(file->fd);
	return result;
}

static _Noreturn void serve(const struct mkfs_request *request, int socket,
	const struct tree *tree, const struct ext2_plan *plan, pid_t parent)
{
	struct error err;

	fork_reset_signals();
	/* Those of a terminal are for the one that waits, and nobody may read our messages. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	log_set_handler(
		print_log, NULL, request->verbose ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING);
	struct serve *s = serve_new(tree, plan);
	if (confine(request, &err) == 0)
		serve_listener(s, socket, &err);
	say("%s", err.msg);
	_exit(1);
}

/* ---- The one that waits ---- */

/* A signal that our caller has set to be ignored (nohup does) stays ignored. The end of our child
 * is the exception. */
static void block_signals(sigset_t *ret)
{
	static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action;

	signal(SIGCHLD, SIG_DFL);
	sigemptyset(ret);
	sigaddset(ret, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		if (sigaction(ending[i], NULL, &action) == 0 &&
			action.sa_handler != SIG_IGN)
			sigaddset(ret, ending[i]);
	sigprocmask(SIG_BLOCK, ret, NULL);
}

int mkfs_serve(const struct mkfs_request *request, const struct tree *tree,
	const struct ext2_plan *plan, void (*ready)(void *data), void *data,
	struct error *err)
{
	const pid_t self = getpid();
	sigset_t signals;
	int taken;

	block_signals(&signals);
	CLEANUP_CLOSE int socket = -1;
	if (open_socket(request->serve, &socket, err) < 0)
		return -1;
	ready(data);
	pid_t pid = fork_quietly();
	if (pid == 0)
		serve(request, socket, tree, plan, self);
	int num = errno;
	if (pid > 0)
		while (sigwait(&signals, &taken) != 0)
			;
	unlink(request->serve);
	if (pid < 0)
		return error_set(err, num, "create a process");
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (taken == SIGCHLD)
		return error_set(
			err, 0, "the process that serves '%s' has ended", request->serve);
	return 0;
}
