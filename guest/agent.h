/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The agent: it does what the host asks for on the port. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "protocol/protocol.h"

/* What the agent needs of the machine that it is in. A test brings its own. */
struct agent_machine {
	const char *sys;   /* "/sys", or a fixture */
	dev_t hidden_disk; /* the appliance's own */
	void (*set_clock)(uint64_t realtime_ns);
	/* in_use: commands have run. */
	int (*prepare_snapshot)(
		unsigned disk_slots, bool in_use, void *data, struct error *err);
	int (*resume)(const struct resume_request *r, void *data, struct error *err);
	int (*attach)(const struct attach_request *r, struct error *err);
	/* Was a process killed for lack of memory since the last call? Its name. */
	bool (*out_of_memory)(char ret_name[static PROCESS_NAME_MAX + 1], void *data);
	/* End all processes. */
	void (*end_processes)(void);
	/* Then unmount the file systems and write everything out. */
	void (*write_out)(void *data);
	void *data;
};

/* Serve until the host says stop: 0. -1: the host has closed the port, or has broken the
 * protocol. */
int agent_serve(int port, const struct agent_machine *machine, struct error *err);
