/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command that runs: its process, its streams, and when it is over.
 *
 *	NONE ──start──► STARTING ──exec succeeded──► RUNNING ──process ended──► DRAINING ──► NONE
 *	  ▲                 │ could not become the command
 *	  └─────────────────┘
 *
 * It is over when its first process has ended and what that left in the pipes is delivered.
 * Background processes that it started go on, as under ssh or docker exec: they may be
 * services. They lose the streams (a write to them fails), and end with the machine.
 */
#pragma once

#include <sys/types.h>

#include "guest/standby.h"
#include "guest/streams.h"

enum command_state {
	COMMAND_NONE,
	COMMAND_STARTING,
	COMMAND_RUNNING,
	COMMAND_DRAINING,
};

struct command {
	enum command_state state;
	pid_t pid; /* and its process group and session; 0 when it has ended */
	int wait_status;
	int status_fd; /* where a child that fails to start writes a struct start_error */
	int terminal; /* our descriptor of the slave, so that the terminal lives; or -1 */
	uint64_t pending_signals; /* bit n - 1: to be sent when it runs */
	struct input input;
	struct output outputs[2]; /* stdout, stderr */
	struct standby standby;	  /* for the next one */
};

void command_init(struct command *c);
/* Start it, in the process that stands by or in a new one. `r` is `bytes`, parsed. -1 with
 * the reason in ret_error. */
int command_start(struct command *c, const struct exec_request *r, const uint8_t *bytes,
	size_t len, struct start_error *ret_error);
enum command_start_result {
	COMMAND_START_PENDING,
	COMMAND_STARTED,
	COMMAND_START_FAILED,
};
/* Has the child become the command? Call when status_fd is readable. */
enum command_start_result command_check_start(
	struct command *c, struct start_error *ret_error);
void command_signal(struct command *c, int signal);
void command_resize(struct command *c, uint16_t rows, uint16_t columns);
/* A process has ended: perhaps this command's. */
void command_reaped(struct command *c, pid_t pid, int wait_status);
/* It has ended, and its output is delivered. */
bool command_is_over(const struct command *c);
/* Close everything. */
void command_done(struct command *c);
