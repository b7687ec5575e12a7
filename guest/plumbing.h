/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Both ends of a command's streams, made before its process. */
#pragma once

#include "guest/child.h"

struct plumbing {
	struct child_io child;
	/* Ours: -1 where there is none. */
	int input, output, error;
	int status;
	int terminal; /* the slave, so that the terminal lives */
};

/* Pipes, or the terminal that the flags ask for. -1 with errno; then it is closed. */
int plumbing_make(struct plumbing *p, uint16_t flags, uint16_t rows, uint16_t columns);
/* If it is open; then it is -1. */
void plumbing_close_end(int *fd);
/* Once the child has its own copies. */
void plumbing_close_child_side(struct plumbing *p);
void plumbing_close(struct plumbing *p);
void plumbing_set_size(int terminal, uint16_t rows, uint16_t columns);
