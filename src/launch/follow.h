/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process beside a qemu that resumes from a snapshot, until the launch is complete:
 *
 *	QMP         the state is loaded, the guest runs
 *	companion   it is a machine of its own, and has its disks
 *	QMP         the channel leads to the launcher's socket: the appliance's daemon says there
 *	            that it is ready
 *	companion   ends, and so does this process
 */
#pragma once

#include "launch/plan.h"

struct follow {
	/* Our ends. */
	int agent_fd, qmp_fd;
	/* qemu's number for the state. */
	int state_fd;
	struct plan *plan;
	/* Of the snapshot. */
	const char *identity;
};

/* It ends when qemu does, too. */
int follow_start(const struct follow *f, struct error *err);
