/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process that waits to become the next command. It already has its streams, its session,
 * and the user and directory that most commands run with. A snapshot contains such a
 * process, since starting one would take half of the time of a short run.
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
/* If it can't be made there is none, and the next command starts in a new process. */
void standby_make(struct standby *s);
/*
 * Let it become the command of this request. Returns its pid; the caller closes *ret.
 * Returns 0 if there is no standby process, or none that fits the request: that one is
 * dismissed.
 */
pid_t standby_take(struct standby *s, const struct exec_request *request,
	const uint8_t *bytes, size_t len, struct plumbing *ret);
void standby_dismiss(struct standby *s);
