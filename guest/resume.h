/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A machine that goes on from a snapshot becomes one of its own. */
#pragma once

#include <stdint.h>

#include "base/error.h"

struct resume {
	uint64_t realtime_ns;
	uint32_t disks;	     /* which the machine has got since */
	const uint8_t *seed; /* RESUME_SEED_SIZE bytes that no other machine has */
};

/* Prepare for it, before the snapshot is taken. */
int resume_stand_by(uint32_t reserved_slots, struct error *err);
int resume(const struct resume *r, struct error *err);
void resume_set_clock(uint64_t realtime_ns);
