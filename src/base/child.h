/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A child process that can't outlive us.
 *
 *	caller ──life socket──► supervisor ──PDEATHSIG──► child
 *	       ◄──status pipe──
 *
 * The supervisor is a fork that only waits. It kills the child when the life socket
 * closes, because the caller closed it, exited or was killed, or when the caller is gone
 * but a process that it has forked still holds the socket. When the supervisor itself is
 * killed, the kernel kills the child: the child's parent-death signal is tied to this
 * single-threaded process. Tied to the caller, it would fire when the *thread* that
 * started the child ends.
 *
 *	struct child c = {.argv = argv, .output_fd = fd};
 *	if (child_start(&c, err) < 0) …
 *	ended = child_wait(&c);			or child_kill(&c), on every way out
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define CHILD_PASS_MAX 256

struct child {
	/* Set by the caller, and not needed after child_start(): */

	/* argv[0] is a path. */
	char *const *argv;
	/* Where it runs, or NULL for the caller's own directory. */
	const char *directory;
	/* NAME=VALUE; NULL: the caller's environment. */
	char *const *env;
	/* The last that the child does before it executes the program, by async-signal-safe
	 * calls: confine/confine.h, say. NULL: nothing. What is not 0 is the errno of a child
	 * that could not be executed. */
	int (*before_exec)(void *data);
	void *before_exec_data;
	/* Its standard output and error; its standard input is /dev/null. */
	int output_fd;
	/* These are open in it under their own numbers, none of which is a standard
	 * stream's. All others are closed. */
	const int *pass;
	size_t n_pass;

	/*
	 * SIGTERM and the others that ask for an end do nothing to the child and its
	 * supervisor. A batch system or a service manager sends them to all processes of a
	 * job at once: then the caller decides how the child ends.
	 */
	bool shielded;

	/* Set by child_start(), zero before it and after child_wait(): */

	pid_t supervisor;
	/* A child of the supervisor: signals may be sent to it, but the caller can't wait
	 * for it. -1 if it could not be created. */
	pid_t pid;
	/* Its end kills the child. */
	int life_fd;
	/* Readable once the child has ended. */
	int status_fd;

	/* Set by child_wait(), with all processes of its own that it waited for; -1: unknown. */

	/* The most memory that one of them had at a time, in bytes, with what it shared. */
	int64_t peak_memory;
	/* Of processors, in microseconds. */
	int64_t cpu_us;
};

struct ended {
	enum ended_how {
		ENDED_EXITED,	/* value: exit code */
		ENDED_SIGNALED, /* value: signal */
		ENDED_NO_EXEC,	/* value: errno of execve() or what came before */
		ENDED_UNKNOWN,	/* the supervisor was killed */
	} how;
	int value;
};

int child_start(struct child *c, struct error *err);
/* Wait until it has ended, and reap. Does not block when status_fd is readable. */
struct ended child_wait(struct child *c);
/* Have it killed, and don't wait for that. */
void child_tell_to_kill(const struct child *c);
/* Kill it if it runs, and reap. Safe on a zeroed or finished one. */
void child_kill(struct child *c);

#define CLEANUP_CHILD CLEANUP(child_kill)

/* How it failed, for a sentence that begins with its name: "ended with exit status 3",
 * "was killed by signal 9 (Killed)". NULL for exit status 0. Caller frees. */
char *child_describe(struct ended ended);

/* ---- A child and the lines that it writes ---- */

/* A line that is not empty, without its newline; it may be changed. */
typedef void child_line_fn(char *line, void *data);

struct child_listener {
	child_line_fn *on_line;
	/*
	 * Asked at least twice a second, and at once when stop_fd is readable (-1: there
	 * is none): -1 with err set ends the child. NULL: nothing ends it.
	 */
	int (*stop)(void *data, struct error *err);
	int stop_fd;
	/* How long the child may take to tidy up after a SIGTERM before it is killed. */
	int grace_ms;
	void *data;
};

/* Start the child with a pipe as its output, pass on each line until it closes that, and
 * wait for its end. Whatever happens, the child has ended afterwards. */
int child_run(struct child *c, const struct child_listener *listener,
	struct ended *ret_ended, struct error *err);
