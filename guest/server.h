/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The agent's state, shared by its loop (agent.c) and the handlers of frames
 * (frames.c). */
#pragma once

#include <stdbool.h>

#include "guest/agent.h"
#include "guest/channel.h"
#include "guest/command.h"

struct server {
	const struct agent_machine *machine;
	struct channel channel;
	struct commands commands;
	size_t next_output; /* whose turn it is: two for each command */
	int child_signals;  /* a signalfd */
	bool has_ended;	    /* processes have ended that were not waited for */
	bool stop;
	bool frozen;  /* it says nothing */
	pid_t writer; /* the process that writes everything out; 0: done, -1: failed */
	size_t request_len;
	uint8_t request[EXEC_REQUEST_MAX];
};

/* Handle all whole frames that have come, as long as there is room for answers. -1: the
 * host has broken the protocol. */
int server_handle_frames(struct server *s, struct error *err);
void server_say_start_failed(
	struct server *s, uint16_t command, const struct start_error *e);
