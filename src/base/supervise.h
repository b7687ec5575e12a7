/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A child that can't outlive us.
 *
 *	caller ──life socket──► supervisor ──PDEATHSIG──► child
 *	       ◄──status pipe──
 *
 * The supervisor is a fork that does nothing but wait: when the life socket closes (the
 * caller ended it, exited, or was killed), or the caller is gone while a process that it
 * has forked still has that, it kills the child; when it is killed itself, the kernel
 * kills the child, whose parent-death signal is tied to this one single-threaded process.
 * A parent-death signal tied to the caller would fire when the *thread* that started the
 * child ends.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct supervised {
	pid_t supervisor;
	pid_t child;   /* of the supervisor: for information, not to be waited for */
	int life_fd;   /* its end kills the child */
	int status_fd; /* readable once the child has ended */
};

enum ended_how {
	ENDED_EXITED,	/* value: exit code */
	ENDED_SIGNALED, /* value: signal */
	ENDED_NO_EXEC,	/* value: errno of execve() */
	ENDED_UNKNOWN,	/* the supervisor was killed */
};

struct ended {
	enum ended_how how;
	int value;
};

#define SUPERVISE_PASS_MAX 256

/*
 * Run argv[0] (a path) with stdin from /dev/null, stdout and stderr to stderr_fd, and the
 * `n_pass` descriptors of `pass`, none of them a standard stream's number, open under
 * their own; all others are closed in it.
 */
int supervise_start(struct supervised *s, char *const *argv, int stderr_fd,
	const int *pass, size_t n_pass, struct error *err);
/* Read how it ended; call when status_fd is readable, or to wait for it. */
struct ended supervise_wait(struct supervised *s);
/* Have it killed, and don't wait for that. */
void supervise_tell_to_kill(const struct supervised *s);
/* Kill it if it runs, and reap. Safe on a zeroed or finished one. */
void supervise_kill(struct supervised *s);
