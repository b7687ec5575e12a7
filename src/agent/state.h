/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The agent's state, shared by its sending half (agent.c) and its receiving half
 * (receive.c). */
#pragma once

#include "agent/agent.h"
#include "base/strbuf.h"
#include "base/vector.h"

enum state {
	STATE_HELLO_AWAITED,
	STATE_BOOTING,
	STATE_RESUMING,
	STATE_UP,
	STATE_OVER, /* stopped, or the guest gave up: nothing more is expected */
	STATE_DEAD, /* the guest broke the protocol */
};

struct stream {
	size_t window; /* bytes that may still be sent: for stdin by us, else by the guest
			*/
	size_t held;   /* output that the owner has not taken yet */
	size_t credit; /* taken, and not yet told to the guest */
	bool closed;   /* stdin: no more may be sent */
};

enum command_state {
	COMMAND_STARTING,
	COMMAND_RUNNING,
	COMMAND_ENDED,
};

/* It exists as long as it has not ended or its owner has not released it. */
struct command {
	enum command_state state;
	bool released;	    /* `owner` is not valid any more */
	bool out_of_memory; /* said */
	void *owner;
	struct stream streams[STREAM_COUNT];
};

struct agent {
	struct agent_handler handler;
	void *data;
	enum state state;
	bool stopping;
	bool attaching;	      /* asked and not answered */
	bool frozen;	      /* it may be sent nothing now */
	unsigned boot_events; /* that have come */
	/* By number; NULL: the number is free. */
	struct command *commands[COMMANDS_MAX + 1];
	unsigned pings, lists; /* asked and not answered */
	VECTOR(struct agent_block_device) devices;
	struct strbuf in; /* the start of a frame whose end has not come */
	struct strbuf out;
	size_t out_sent; /* bytes of `out` that are gone */
	size_t out_held; /* bytes at its end that wait until the guest is thawed */
};

void agent_free_command(struct agent *a, unsigned command);
