/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program that runs when we are gone, in whatever way: a fork waits for the end of a
 * pipe that we hold, and then becomes it. It is in a session of its own, so that what is
 * sent to all of a terminal's processes does not reach it.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"

struct afterwards {
	pid_t pid; /* 0: none */
	int life_fd;
};

/* argv[0] is a path; its streams are /dev/null, and nothing else is open. */
int afterwards_start(struct afterwards *a, char *const *argv, struct error *err);
/* Run it now, and wait for its end. Safe on a zeroed or finished one. */
void afterwards_run(struct afterwards *a);
