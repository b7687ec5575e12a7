/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After the fork: a session, the streams, the user, the directory, the environment, then
 * the command. The child does this and not the init, since each step may hang (an earlier
 * command may have mounted anything there), and the init must not.
 */
#include "guest/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "guest/share.h"
#include "guest/user.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* Seen by nobody unless the status pipe is broken. */
#define EXIT_UNSTARTED 127

struct child {
	int status_fd;
	int null_fd;
	struct user user;
};

__attribute__((format(printf, 4, 5))) static _Noreturn void fail(const struct child *c,
	enum start_failure failure, int errnum, const char *fmt, ...)
{
	struct start_error e = {.failure = failure, .errnum = errnum};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e.step, sizeof(e.step), fmt, ap);
	va_end(ap);
	if (write(c->status_fd, &e, sizeof(e)) < 0)
		_exit(EXIT_UNSTARTED);
	_exit(EXIT_UNSTARTED);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_streams(const struct child *c, const struct child_io *io)
{
	setsid();
	if (io->terminal && ioctl(io->stdin_fd, TIOCSCTTY, 0) < 0)
		fail(c, START_PROCESS, errno, "take the terminal");
	/* All of these are above 2, so none overwrites another. */
	if (dup2(io->stdin_fd, STDIN_FILENO) < 0 ||
		dup2(io->stdout_fd, STDOUT_FILENO) < 0 ||
		dup2(io->stderr_fd, STDERR_FILENO) < 0)
		fail(c, START_PROCESS, errno, "set up the standard streams");
}

/* Exec would close them too. But until then they hold the pipes of other commands open. */
static void close_all_but(int one, int other)
{
	int low = MIN(one, other), high = MAX(one, other);

	if (low > STDERR_FILENO + 1)
		syscall(SYS_close_range, STDERR_FILENO + 1, low - 1, 0);
	if (high > low + 1)
		syscall(SYS_close_range, low + 1, high - 1, 0);
	syscall(SYS_close_range, high + 1, ~0u, 0);
}

/* O_NONBLOCK: a pipe there must not block us. */
static FILE *open_table(const struct child *c, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *table = fdopen(fd < 0 ? dup(c->null_fd) : fd, "r");

	if (!table)
		fail(c, START_USER, errno, "read %s", path);
	return table;
}

static void set_default_environment(const struct child *c)
{
	const struct user *u = &c->user;
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
			fail(c, START_ENVIRONMENT, errno, "set the environment");
}

static void become_user(struct child *c, const char *spec)
{
	struct user *u = &c->user;
	FILE *passwd = open_table(c, "/etc/passwd");
	FILE *group = open_table(c, "/etc/group");
	int result = user_resolve(spec, passwd, group, u);

	fclose(passwd);
	fclose(group);
	if (result < 0)
		fail(c, START_USER, ENOENT, "find user '%s'", spec);
	/* The user must be able to open the terminal again by its name. */
	if (u->uid != 0 && isatty(STDIN_FILENO) && fchown(STDIN_FILENO, u->uid, 5) < 0)
		fail(c, START_USER, errno, "give the terminal to user '%s'", spec);
	if (setgroups(u->n_groups, u->groups) < 0 || setgid(u->gid) < 0 ||
		setuid(u->uid) < 0)
		fail(c, START_USER, errno, "become user '%s'", spec);
	/* Homes are seldom in the appliance. */
	if (chdir(u->home) < 0)
		strcpy(u->home, "/");
	if (strcmp(u->home, "/") == 0 && chdir("/") < 0)
		fail(c, START_DIRECTORY, errno, "change directory to '/'");
	set_default_environment(c);
}

/* putenv() keeps our pointer; the request lives until exec. */
static void set_variable(const struct child *c, char *assignment)
{
	const char *equals = strchr(assignment, '=');

	if (!equals || equals == assignment)
		fail(c, START_ENVIRONMENT, EINVAL, "set the environment variable '%s'",
			assignment);
	if (putenv(assignment) != 0)
		fail(c, START_ENVIRONMENT, errno, "set the environment variable '%s'",
			assignment);
}

static void add_environment(const struct child *c, const struct exec_request *r)
{
	const char *s = r->env;

	for (uint32_t i = 0; i < r->envc; i++) {
		set_variable(c, (char *)s);
		s += strlen(s) + 1;
	}
}

/* As execvp() does, run a file that has no known format as a shell script. */
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

/* Does this mean that the search goes on in the next directory? */
static bool goes_on(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == EACCES ||
		errnum == ESTALE || errnum == ENAMETOOLONG || errnum == ELOOP;
}

/* An empty directory is the current one. -1: the path is too long. */
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

/* Returns the errno that tells most: that a file may not be executed says more than that
 * another directory does not have it. */
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

static _Noreturn void execute(const struct child *c, const struct exec_request *r)
{
	char **argv = calloc(r->argc + 1, sizeof(*argv));
	const char *s = r->argv;
	int errnum;

	if (!argv)
		fail(c, START_EXECUTE, ENOMEM, "execute '%s'", r->argv);
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
	fail(c, START_EXECUTE, errnum, "execute '%s'", argv[0]);
}

/* What does not depend on the command. */
static void prepare(struct child *c, const struct child_io *io, int request_fd)
{
	c->status_fd = io->status_fd;
	reset_signals();
	set_streams(c, io);
	close_all_but(io->status_fd, request_fd);
	c->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	become_user(c, "");
}

static _Noreturn void run(struct child *c, const struct exec_request *request)
{
	if (request->flags & EXEC_STDIN_CLOSED && dup2(c->null_fd, STDIN_FILENO) < 0)
		fail(c, START_PROCESS, errno, "open /dev/null");
	if (request->flags & EXEC_IN_HOST) {
		if (chroot(SHARE_HOST_ROOT) < 0 || chdir("/") < 0)
			fail(c, START_DIRECTORY, errno, "enter the host's tree");
		become_user(c, "");
	}
	if (request->user[0])
		become_user(c, request->user);
	if (request->cwd[0] && chdir(request->cwd) < 0)
		fail(c, START_DIRECTORY, errno, "change directory to '%s'", request->cwd);
	add_environment(c, request);
	execute(c, request);
}

_Noreturn void child_run(const struct child_io *io, const struct exec_request *request)
{
	static struct child c;

	prepare(&c, io, io->status_fd);
	run(&c, request);
}

_Noreturn void child_stand_by(const struct child_io *io, int request_fd)
{
	static struct child c;
	static uint8_t bytes[CHILD_REQUEST_MAX];
	struct exec_request request;
	size_t len = 0;
	ssize_t n;

	prepare(&c, io, request_fd);
	while ((n = read(request_fd, bytes + len, sizeof(bytes) - len)) > 0)
		len += n;
	if (n < 0 || exec_request_parse(bytes, len, &request) < 0)
		_exit(EXIT_UNSTARTED);
	run(&c, &request);
}
