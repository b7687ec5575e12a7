/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A machine that goes on from a snapshot becomes one of its own. */
#pragma once

#include <stdint.h>

#include "base/error.h"

struct resume {
	uint64_t realtime_ns;
	uint32_t new_disks;  /* which the machine has got since */
	const uint8_t *seed; /* RESUME_SEED_SIZE bytes that no other machine has */
};

/* Have ready what that takes. -1: a disk can't be let go. */
int resume_stand_by(uint32_t stand_ins, struct error *err);
int resume(const struct resume *r, struct error *err);
void resume_set_clock(uint64_t realtime_ns);
