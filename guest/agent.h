/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The agent: does what the host says on the port. Its loop waits in one place, for
 * everything. What concerns the machine as a whole comes from outside, so that a test can
 * be the machine.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "guest/resume.h"

struct machine {
	const char *sys;   /* "/sys", or a fixture */
	dev_t hidden_disk; /* the appliance's own */
	void (*set_clock)(uint64_t realtime_ns);
	/* Prepare for resume(), before a snapshot with so many disk slots is taken. */
	int (*stand_by)(uint32_t reserved_slots, struct error *err);
	/* -1: it can't go on. */
	int (*resume)(const struct resume *r, struct error *err);
	/* End all processes, and then unmount and write everything out. */
	void (*end_processes)(void);
	void (*write_out)(void);
};

/* All of it, waiting for the port. */
int agent_write(int port, const uint8_t *data, size_t len);
/* What the host hears first. */
int agent_say_hello(int port);
/* READY_TIMES microseconds. */
int agent_say_ready(int port, const uint64_t *times);
void agent_say_fatal(int port, const char *message);

/* Serve until the host says stop: 0. -1: the host is gone, or what it says makes no
 * sense. */
int agent_serve(int port, const struct machine *machine, struct error *err);
