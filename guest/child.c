/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After the fork: a session of its own, the streams, the user, the directory, the
 * environment, then the command. It happens here and not before the fork because each of
 * these may hang (a command may have mounted anything on the way), and the init must not.
 */
#include "guest/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "guest/file.h"
#include "guest/user.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define TABLE_MAX    (16 * 1024 * 1024)

/* What child_prepare() leaves for child_run(). */
static struct {
	int status_pipe;
	int null_fd;
	const char *passwd, *group; /* the texts of the tables in /etc */
	struct user user;
} child;

__attribute__((format(printf, 3, 4))) static _Noreturn void fail(
	enum start_failure failure, int errnum, const char *fmt, ...)
{
	struct start_error f = {.failure = failure, .errnum = errnum};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f.step, sizeof(f.step), fmt, ap);
	va_end(ap);
	/* If even this fails the parent sees a child that exits with 127. */
	if (write(child.status_pipe, &f, sizeof(f)) < 0)
		_exit(127);
	_exit(127);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_streams(const struct child_io *io)
{
	setsid();
	if (io->terminal && ioctl(io->stdin_fd, TIOCSCTTY, 0) < 0)
		fail(START_PROCESS, errno, "take the terminal");
	/* All of these are above 2, so that none overwrites another. */
	if (dup2(io->stdin_fd, STDIN_FILENO) < 0 ||
		dup2(io->stdout_fd, STDOUT_FILENO) < 0 ||
		dup2(io->stderr_fd, STDERR_FILENO) < 0)
		fail(START_PROCESS, errno, "set up the standard streams");
	/* All descriptors of ours close by themselves; this is for those we do not know
	 * of. */
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
}

static void read_tables(void)
{
	child.passwd = file_read_all("/etc/passwd", TABLE_MAX);
	child.group = file_read_all("/etc/group", TABLE_MAX);
	if (!child.passwd || !child.group)
		fail(START_USER, ENOMEM, "read /etc/passwd and /etc/group");
}

static void set_default_environment(void)
{
	const struct user *u = &child.user;
	const char *const defaults[][2] = {
		{"PATH", DEFAULT_PATH},
		{"HOME", u->home},
		{"USER", u->name},
		{"LOGNAME", u->name},
		{"SHELL", u->shell},
		{"TERM", "dumb"},
		{"LANG", "C.UTF-8"},
	};

	clearenv();
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		if (defaults[i][1][0] && setenv(defaults[i][0], defaults[i][1], 1) < 0)
			fail(START_ENVIRONMENT, errno, "set the environment");
}

/* In a home and an environment of their own. */
static void become_user(const char *spec)
{
	struct user *u = &child.user;

	if (user_resolve(spec, child.passwd, child.group, u) < 0)
		fail(START_USER, ENOENT, "find user '%s'", spec);
	/* A terminal belongs to who uses it: it can be opened again by name, as /dev/tty
	 * can. */
	if (u->uid != 0 && isatty(STDIN_FILENO) && fchown(STDIN_FILENO, u->uid, 5) < 0)
		fail(START_USER, errno, "give the terminal to user '%s'", spec);
	if (setgroups(u->n_groups, u->groups) < 0 || setgid(u->gid) < 0 ||
		setuid(u->uid) < 0)
		fail(START_USER, errno, "become user '%s'", spec);
	if (chdir(u->home) < 0 && chdir("/") < 0)
		fail(START_DIRECTORY, errno, "change directory to '/'");
	set_default_environment();
}

/* musl and glibc both keep our pointer, and what it points to lives until exec. */
static void set_variable(char *assignment)
{
	const char *equals = strchr(assignment, '=');

	if (!equals || equals == assignment)
		fail(START_ENVIRONMENT, EINVAL, "set the environment variable '%s'",
			assignment);
	if (putenv(assignment) != 0)
		fail(START_ENVIRONMENT, errno, "set the environment variable '%s'",
			assignment);
}

static void add_environment(const struct exec_request *r)
{
	const char *s = r->env;

	for (uint32_t i = 0; i < r->envc; i++) {
		set_variable((char *)s);
		s += strlen(s) + 1;
	}
}

/* Execute one file; like execvp(), what has no known format is a shell script. */
static void execute_file(const char *path, char **argv, uint32_t argc)
{
	execv(path, argv);
	if (errno != ENOEXEC)
		return;

	char **shell_argv = calloc(argc + 2, sizeof(*shell_argv));

	if (!shell_argv)
		return;
	shell_argv[0] = (char *)"/bin/sh";
	shell_argv[1] = (char *)path;
	memcpy(shell_argv + 2, argv + 1, argc * sizeof(*argv)); /* with the NULL */
	execv(shell_argv[0], shell_argv);
	free(shell_argv);
	errno = ENOEXEC;
}

/* These mean "not in this directory"; everything else is about the file itself. */
static bool goes_on(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == EACCES ||
		errnum == ESTALE || errnum == ENAMETOOLONG || errnum == ELOOP;
}

/* An empty directory is the current one. -1: no path is so long. */
static int join_path(
	char *ret, size_t size, const char *dir, size_t dir_len, const char *name)
{
	size_t len = strlen(name);

	if (dir_len == 0) {
		dir = ".";
		dir_len = 1;
	}
	if (dir_len + 1 + len >= size)
		return -1;
	memcpy(ret, dir, dir_len);
	ret[dir_len] = '/';
	memcpy(ret + dir_len + 1, name, len + 1);
	return 0;
}

/* The errno of the most telling failure: that a file may not be executed says more than
 * that some other directory does not have it. */
static int search_path(char **argv, uint32_t argc)
{
	const char *path = getenv("PATH");
	int errnum = ENOENT;

	for (const char *dir = path ? path : DEFAULT_PATH;; dir++) {
		size_t len = strcspn(dir, ":");
		char file[4096 + 256];

		if (join_path(file, sizeof(file), dir, len, argv[0]) == 0) {
			execute_file(file, argv, argc);
			if (!goes_on(errno))
				return errno;
			if (errno == EACCES)
				errnum = EACCES;
		}
		dir += len;
		if (!*dir)
			return errnum;
	}
}

static _Noreturn void execute(const struct exec_request *r)
{
	char **argv = calloc(r->argc + 1, sizeof(*argv));
	const char *s = r->argv;
	int errnum;

	if (!argv)
		fail(START_EXECUTE, ENOMEM, "execute '%s'", r->argv);
	for (uint32_t i = 0; i < r->argc; i++) {
		argv[i] = (char *)s;
		s += strlen(s) + 1;
	}
	if (strchr(argv[0], '/')) {
		execute_file(argv[0], argv, r->argc);
		errnum = errno;
	} else {
		errnum = argv[0][0] ? search_path(argv, r->argc) : ENOENT;
	}
	fail(START_EXECUTE, errnum, "execute '%s'", argv[0]);
}

void child_prepare(const struct child_io *io)
{
	child.status_pipe = io->status_fd;
	reset_signals();
	set_streams(io);
	child.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	read_tables();
	become_user("");
}

_Noreturn void child_run(const struct exec_request *request)
{
	if (request->flags & EXEC_STDIN_CLOSED && dup2(child.null_fd, STDIN_FILENO) < 0)
		fail(START_PROCESS, errno, "open /dev/null");
	if (request->user[0])
		become_user(request->user);
	if (request->cwd[0] && chdir(request->cwd) < 0)
		fail(START_DIRECTORY, errno, "change directory to '%s'", request->cwd);
	add_environment(request);
	execute(request);
}

_Noreturn void child_stand_by(const struct child_io *io, int request_fd)
{
	static uint8_t bytes[CHILD_REQUEST_MAX];
	struct exec_request request;
	size_t len = 0;
	ssize_t n;

	child_prepare(io);
	while ((n = read(request_fd, bytes + len, sizeof(bytes) - len)) > 0)
		len += n;
	if (n < 0 || exec_request_parse(bytes, len, &request) < 0)
		_exit(127);
	child_run(&request);
}
