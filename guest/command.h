/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands that run: of each its process, its streams, and when it is over.
 *
 *	start ──► STARTING ──exec succeeded──► RUNNING ──process ended──► DRAINING ──► gone
 *	              └──could not become the command──► gone
 *
 * A command is over when its first process has ended and what that left in the pipes is
 * delivered. Background processes that it started go on, as under ssh or docker exec: they
 * may be services. They lose the streams (a write to them fails), and end with the machine.
 */
#pragma once

#include <sys/types.h>

#include "guest/standby.h"
#include "guest/streams.h"

enum command_state {
	COMMAND_STARTING,
	COMMAND_RUNNING,
	COMMAND_DRAINING,
};

struct command {
	enum command_state state;
	uint16_t number; /* the host's, from 1; 0: the host knows nothing of it */
	pid_t pid;	 /* and its process group and session; 0 when it has ended */
	int wait_status;
	int status_fd; /* where a child that fails to start writes a struct start_error */
	int terminal; /* our descriptor of the slave, so that the terminal lives; or -1 */
	uint64_t pending_signals; /* bit n - 1: to be sent when it runs */
	struct input input;
	struct output outputs[2]; /* stdout, stderr */
};

/* In no order. */
struct commands {
	struct command *items[COMMANDS_MAX];
	size_t len;
	struct standby standby; /* for the next one */
};

void commands_init(struct commands *commands);
/* End none of them, but close all their streams. */
void commands_done(struct commands *commands);
/* The host has forgotten those that run. They go on, without input. */
void commands_abandon(struct commands *commands);
/* Is there one that the host knows of? */
bool commands_are_heard(const struct commands *commands);
/* NULL: there is none with this number. */
struct command *commands_find(const struct commands *commands, uint16_t number);
/* Start it, in the process that stands by or in a new one. `r` is `bytes`, parsed. -1 with
 * the reason in ret_error. */
int commands_start(struct commands *commands, uint16_t number,
	const struct exec_request *r, const uint8_t *bytes, size_t len,
	struct start_error *ret_error);
/* A process has ended. Its command, or NULL. */
struct command *commands_find_process(struct commands *commands, pid_t pid);
/* Close everything of it, and free it. */
void commands_remove(struct commands *commands, struct command *c);

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
/* Its process has ended. */
void command_ended(struct command *c, int wait_status);
/* It has ended, and its output is delivered. */
bool command_is_over(const struct command *c);
