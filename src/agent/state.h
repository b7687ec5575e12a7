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
	STATE_IDLE,
	STATE_STARTING,
	STATE_RUNNING,
	STATE_OVER, /* stopped, or the guest gave up: nothing more is expected */
	STATE_DEAD, /* the guest broke the protocol */
};

struct stream {
	size_t window; /* bytes that may still be sent: for stdin by us, else by the guest
			*/
	size_t held;   /* output that the caller has not taken yet */
	size_t credit; /* taken, and not yet told to the guest */
	size_t stale;  /* held from earlier commands */
	bool closed;   /* stdin: no more may be sent */
};

struct agent {
	struct agent_handler handler;
	void *data;
	enum state state;
	bool stopping;
	bool attaching;	      /* asked and not answered */
	bool out_of_memory;   /* said for this command */
	unsigned boot_events; /* that have come */
	struct stream streams[STREAM_COUNT];
	unsigned pings, lists; /* asked and not answered */
	VECTOR(struct agent_block_device) devices;
	struct strbuf in; /* the start of a frame whose end has not come */
	struct strbuf out;
	size_t out_sent; /* bytes of `out` that are gone */
};
