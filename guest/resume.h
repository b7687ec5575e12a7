/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A machine that resumes from a snapshot stops being a clone of the others that do. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "guest/disk-slots.h"
#include "protocol/protocol.h"

/* Part of the snapshot: what is opened while there is time. */
struct resume_state {
	int random_fd;
	int machine_id_fd; /* -1: the appliance has no machine id */
	/* Somebody may have asked for the boot id, which is made then. */
	bool renew_boot_id;
	struct disk_slots slots;
};

#define RESUME_STATE_INIT           \
	{                           \
		.random_fd = -1, -1 \
	}

/* Before the snapshot; again before the next one. */
int resume_prepare(struct resume_state *state, unsigned disk_slots, struct error *err);
/* After it, before anything else runs. */
int resume_finish(const struct resume_state *state, const struct resume_request *r,
	struct error *err);
