/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the time of a start went: spans, on one clock, from the caller's first moment to
 * the command's end. The guest's spans come from its agent, by the guest's clock. The two
 * clocks are aligned at the agent's first frame.
 *
 *	host      ▇▇                        ▇      what we do
 *	machine     ▇▇▇▇                           qemu and its firmware
 *	kernel          ▇▇▇▇▇▇▇▇▇▇                 by the times of its messages
 *	init                      ▇▇▇ ▇▇▇▇         and the modules it loaded
 *	command                             ▇▇▇▇▇
 *
 * Nothing here decides anything.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "base/strbuf.h"
#include "base/vector.h"

enum timeline_lane {
	LANE_HOST,
	LANE_MACHINE,
	LANE_KERNEL,
	LANE_INIT,
	LANE_MODULE,
	LANE_COMMAND,
	LANE_COUNT,
};

/* Microseconds since the origin. */
struct timeline_span {
	enum timeline_lane lane;
	int64_t begin, end;
	char *name;
};

struct timeline_message {
	int64_t at;
	char *text;
};

struct timeline {
	int64_t origin; /* monotonic_us() then */
	VECTOR(struct timeline_span) spans;
	VECTOR(struct timeline_message) messages; /* of the guest's kernel */
	char *machine;	       /* "pc, root on virtio-blk, TCG", or NULL */
	int64_t command_start; /* 0: it did not */
	int64_t root_bytes; /* read from the root disk before the command; -1: unknown */
	int64_t peak_kib;   /* of qemu's memory, in all; -1: unknown */
	int64_t pss_kib;    /* its proportional share before the command; -1: unknown */
};

struct timeline *timeline_new(void);
void timeline_free(struct timeline *t);
/* From `begin` until now, both by monotonic_us(). Of a NULL timeline, nothing happens. */
void timeline_add(
	struct timeline *t, enum timeline_lane lane, const char *name, int64_t begin);
void timeline_add_between(struct timeline *t, enum timeline_lane lane, const char *name,
	int64_t begin, int64_t end);

/* The guest's events. qemu was started at `started`, and the agent's first frame came at
 * `spoke`. In the guest's time that is the end of the last of `events`. */
void timeline_add_guest(struct timeline *t, int64_t started, int64_t spoke,
	const struct agent_boot_event *events, size_t n);

const char *timeline_lane_name(enum timeline_lane lane);
/* The whole as a picture, and for programs. New text is added to `ret`. */
void timeline_write_svg(const struct timeline *t, struct strbuf *ret);
void timeline_write_json(const struct timeline *t, struct strbuf *ret);
