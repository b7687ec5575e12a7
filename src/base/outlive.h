/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs that run when we have ended. Each is in a session of its own, so that signals
 * to a terminal's process group do not reach it; its standard streams are /dev/null, and
 * it has no other descriptor. argv[0] is a path.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/* A program that begins when we end, in whatever way: a fork waits for the end of a
 * socket that we hold, and then executes it. */
struct afterwards {
	pid_t pid; /* 0: none */
	int life_fd;
};

int afterwards_start(struct afterwards *a, char *const *argv, struct error *err);
/* Begin now, and wait for its end. Safe on a zeroed or finished one. */
void afterwards_run(struct afterwards *a);

/* A program that begins now, as a child of init, in "/", at the lowest priority for
 * processor and disk. Its exit status is never known. */
int outlive_start(char *const *argv, struct error *err);
