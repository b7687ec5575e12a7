/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process that waits to become the next command. All that does not depend on which one
 * it will be is done: the fork, its streams, its session, the user and directory that
 * most commands have. A machine that goes on from a snapshot has such a process in it; it
 * would otherwise spend half of its short life on making one.
 */
#pragma once

#include <sys/types.h>

#include "guest/plumbing.h"

struct standby {
	pid_t pid;	/* 0: there is none */
	int request_fd; /* what is written here is what it does */
	struct plumbing plumbing;
};

void standby_init(struct standby *s);
/* Without one, if there can't be one: a command is then started from the beginning. */
void standby_make(struct standby *s);
/*
 * Let it become the command of this request: its pid, and *ret is the caller's to close.
 * 0 if there is nobody, or nobody who can do this; then nobody is left.
 */
pid_t standby_take(struct standby *s, const struct exec_request *request,
	const uint8_t *bytes, size_t len, struct plumbing *ret);
void standby_dismiss(struct standby *s);
