/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a launcher's command line to the VMs that it can mean. */
#pragma once

#include "cache/cache.h"
#include "launch/line.h"
#include "vm/vm.h"

struct plan {
	struct launch_line line;
	char *qemu;
	char *cpu;
	/* No cache, no snapshots. */
	struct cache cache;
	struct vm_route route;
	struct vm_launcher launcher;
	/* A disk in place of the user's first one. */
	struct strvec placeholder;
	struct vm_snapshots snapshots;
	/* The cache has no snapshot but a refusal: one was tried not long ago, and failed. */
	bool refused;
};

enum plan_kind {
	/* Stopped at its hold point, without disks: what snapshots are of. */
	PLAN_HELD,
	/* The same with this launch's disks, to resume. */
	PLAN_RESUMED,
	/* All that the launcher has, booted at once. */
	PLAN_BOOTED,
};

/* The real qemu. NULL: there is none. A new string. */
char *plan_find_qemu(struct error *err);
/* -1: the line is not understood. */
int plan_make(int argc, char **argv, struct plan *ret, struct error *err);
void plan_done(struct plan *plan);
/* Valid until the next call. */
struct vm_config plan_config(struct plan *plan, enum plan_kind kind);
/* Resume from the snapshot, to its hold point. -1: there is none, or it is no good. */
int plan_try(struct plan *plan, struct error *err);
