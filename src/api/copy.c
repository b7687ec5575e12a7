/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies between host and guest, as tar streams: hypermin-copy (copy/main.c) makes or
 * unpacks them here, and tar there.
 *
 *	host: hypermin-copy pack   ──pipe──► a command in the guest: tar -x
 *	host: hypermin-copy unpack ◄──pipe── a command in the guest: tar -c
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/handle.h"
#include "base/fork.h"
#include "base/path.h"

/* ---- Paths ---- */

/* "dir/." and "/" stand for what is in the directory. */
struct place {
	char *directory, *name;
};

static void place_done(struct place *p)
{
	free(p->directory);
	free(p->name);
}

static void split(const char *path, struct place *ret)
{
	size_t len = path_trimmed_len(path, strlen(path));
	size_t start = len;

	while (start > 0 && path[start - 1] != '/')
		start--;
	if (len == 0 || (len - start == 1 && path[start] == '.')) {
		ret->directory = xstrdup(path);
		ret->name = xstrdup(".");
		return;
	}
	ret->name = xstrndup(path + start, len - start);
	ret->directory = start == 0 ? xstrdup(".") : xstrndup(path, start);
}

static int check_guest_path(struct hypermin *h, const char *path)
{
	if (*path == '/')
		return 0;
	return error_set(&h->error, EINVAL,
		"copy: '%s' has to be an absolute path in the guest", path);
}

/* ---- The guest's side ---- */

static int error_time_over(struct hypermin *h)
{
	return error_set(&h->error, ETIMEDOUT, "copy: %u.%u s did not suffice",
		h->copy_timeout_ms / 1000, h->copy_timeout_ms % 1000 / 100);
}

/* What test(1) says there. 1: yes. */
static int test_in_guest(struct hypermin *h, const char *const *argv)
{
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;
	struct hypermin_result result;

	command.argv = argv;
	command.entrypoint = "";
	command.cwd = "/";
	command.stdout_fd = -1;
	command.timeout_ms = h->copy_timeout_ms;
	if (hypermin_exec(h, &command, &result) < 0)
		return -1;
	if (result.outcome == HYPERMIN_TIMED_OUT)
		return error_time_over(h);
	return result.outcome == HYPERMIN_EXITED && result.status == 0;
}

static int is_guest_directory(struct hypermin *h, const char *path)
{
	return test_in_guest(h, (const char *const[]){"test", "-d", path, NULL});
}

/* Also a link that leads nowhere. tar would only say that it has failed. */
static int check_guest_has(struct hypermin *h, const char *path)
{
	int has = test_in_guest(
		h, (const char *const[]){"test", "-e", path, "-o", "-L", path, NULL});

	if (has == 0)
		return error_set(&h->error, ENOENT, "copy '%s' from the guest", path);
	return has < 0 ? -1 : 0;
}

/* Run tar there. */
static int run_tar(
	struct hypermin *h, const char *const *argv, int stdin_fd, int stdout_fd)
{
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;
	struct hypermin_result result;

	command.argv = argv;
	command.entrypoint = "";
	command.cwd = "/";
	command.stdin_fd = stdin_fd;
	command.stdout_fd = stdout_fd;
	command.timeout_ms = h->copy_timeout_ms;
	if (hypermin_exec(h, &command, &result) < 0)
		return -1;
	if (result.outcome == HYPERMIN_TIMED_OUT)
		return error_time_over(h);
	if (result.outcome == HYPERMIN_NOT_FOUND)
		return error_set(&h->error, ENOENT,
			"copy: the guest has no tar; --package tar gives it one");
	if (result.status != 0)
		return error_set(&h->error, 0,
			"copy: tar in the guest ended with status %d", result.status);
	return 0;
}

/*
 * With tar's usual blocks of 10 KiB a guest with one processor goes to and fro between tar and
 * what carries the stream: many small files take more than twice as long.
 */
#define BLOCKING_FACTOR "--blocking-factor=512"

/* tar's option for ACLs costs a few system calls a file. hypermin-copy has them as extended
 * attributes, a stream of others may have them only as text. */
static int unpack_in_guest(
	struct hypermin *h, const char *directory, int stdin_fd, bool is_foreign)
{
	const char *const argv[] = {"tar", "-x", "-p", "--numeric-owner", "--same-owner",
		"--xattrs", "--xattrs-include=*", BLOCKING_FACTOR, "-f", "-", "-C",
		directory, is_foreign ? "--acls" : NULL, NULL};

	return run_tar(h, argv, stdin_fd, -1);
}

static int pack_in_guest(
	struct hypermin *h, const struct place *place, int stdout_fd, bool is_foreign)
{
	const char *const argv[] = {"tar", "-c", "--format=posix", "--numeric-owner",
		"--xattrs", "--xattrs-include=*", "--sparse", BLOCKING_FACTOR,
		is_foreign ? "--acls" : "--no-acls", "-f", "-", "-C", place->directory,
		"--", place->name, NULL};

	return run_tar(h, argv, -1, stdout_fd);
}

/* ---- Our side ---- */

/* hypermin-copy with these standard streams, and ours for its messages. */
static pid_t start_program(
	struct hypermin *h, const struct strvec *argv, int stdin_fd, int stdout_fd)
{
	CLEANUP_FREE char *program = handle_find_program("hypermin-copy", &h->error);

	if (!program)
		return -1;
	pid_t pid = fork_quietly();
	if (pid < 0)
		return error_set(&h->error, errno, "start '%s'", program);
	if (pid == 0) {
		int null = fork_open_null();

		fork_reset_signals();
		if (dup2(stdin_fd < 0 ? null : stdin_fd, STDIN_FILENO) >= 0 &&
			dup2(stdout_fd < 0 ? null : stdout_fd, STDOUT_FILENO) >= 0) {
			fork_close_others(STDERR_FILENO + 1, NULL, 0);
			execv(program, argv->items);
		}
		_exit(127);
	}
	return pid;
}

/* The end of the copy, of which tar's was `result`. When one of the two gives up, the other
 * is ended by that: it has nothing to say. */
static int wait_for_program(struct hypermin *h, pid_t pid, int result)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(
				&h->error, errno, "copy: wait for hypermin-copy");
	if (result < 0 && h->error.num == ETIMEDOUT)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return error_set(&h->error, 0,
			"copy: not all was copied; hypermin-copy has said what is missing");
	if (result == 0 && status != 0)
		return error_set(&h->error, 0, "copy: hypermin-copy was killed");
	return result;
}

void hypermin_set_copy_timeout(struct hypermin *h, unsigned ms)
{
	h->copy_timeout_ms = ms;
}

int hypermin_copy_in(struct hypermin *h, const char *from, const char *to)
{
	CLEANUP(place_done) struct place target = {0};
	CLEANUP_STRVEC struct strvec argv = {0};
	int pipe_fds[2];

	if (check_guest_path(h, to) < 0)
		return -1;
	int is_directory = is_guest_directory(h, to);
	if (is_directory < 0)
		return -1;
	if (strcmp(from, "-") == 0) {
		if (!is_directory)
			return error_set(&h->error, ENOTDIR,
				"copy: unpack a tar stream in '%s' in the guest", to);
		return unpack_in_guest(h, to, STDIN_FILENO, true);
	}
	split(to, &target);
	strvec_add(&argv, "hypermin-copy");
	strvec_add(&argv, "pack");
	if (!is_directory)
		strvec_addf(&argv, "--name=%s", target.name);
	strvec_add(&argv, "--");
	strvec_add(&argv, from);
	strvec_argv(&argv);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_set(&h->error, errno, "make a pipe");
	pid_t pid = start_program(h, &argv, -1, pipe_fds[1]);
	close(pipe_fds[1]);
	int result = -1;
	if (pid > 0)
		result = unpack_in_guest(
			h, is_directory ? to : target.directory, pipe_fds[0], false);
	close(pipe_fds[0]);
	return pid > 0 ? wait_for_program(h, pid, result) : -1;
}

int hypermin_copy_out(struct hypermin *h, const char *from, const char *to,
	uint64_t max_bytes, bool same_owner)
{
	CLEANUP(place_done) struct place source = {0}, target = {0};
	CLEANUP_STRVEC struct strvec argv = {0};
	CLEANUP_FREE char *real = NULL;
	int pipe_fds[2];

	if (check_guest_path(h, from) < 0)
		return -1;
	if (check_guest_has(h, from) < 0)
		return -1;
	split(from, &source);
	if (strcmp(to, "-") == 0)
		return pack_in_guest(h, &source, STDOUT_FILENO, true);
	strvec_add(&argv, "hypermin-copy");
	strvec_add(&argv, "unpack");
	/* What is in a directory goes into `to` itself: that is the one name in its parent. */
	bool is_contents = strcmp(source.name, ".") == 0;
	if (is_contents) {
		real = realpath(to, NULL);
		split(real ? real : to, &target);
	}
	strvec_addf(&argv, "--name=%s", is_contents ? target.name : source.name);
	if (max_bytes)
		strvec_addf(&argv, "--max-size=%llu", (unsigned long long)max_bytes);
	if (same_owner)
		strvec_add(&argv, "--same-owner");
	strvec_add(&argv, "--");
	strvec_add(&argv, is_contents ? target.directory : to);
	strvec_argv(&argv);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_set(&h->error, errno, "make a pipe");
	pid_t pid = start_program(h, &argv, pipe_fds[0], -1);
	close(pipe_fds[0]);
	int result = -1;
	if (pid > 0)
		result = pack_in_guest(h, &source, pipe_fds[1], false);
	close(pipe_fds[1]);
	return pid > 0 ? wait_for_program(h, pid, result) : -1;
}
