/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A command line that a launcher wrote for qemu, taken apart. Pure.
 *
 * Only what is known in every word is understood, as libguestfs 1.48 to 1.60 writes it.
 * Of anything else the real qemu makes the best.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/vector.h"
#include "vm/vm.h"

struct launch_line {
	/* In the caller's argv. */
	const char *kernel, *initrd, *cpu;
	char *root;
	char root_uuid[37];
	unsigned memory_mib, cpus;
	enum vm_accel accel;
	bool verbose;
	/* Why it can't resume from a snapshot, though it can be booted; NULL: it can. */
	const char *boots_because;
	/* The socket that the launcher listens on for the appliance's daemon. */
	char *channel;
	/* The user's disks, each a SCSI disk. */
	unsigned n_disks;
	/* Everything that is attached, as it was written, in its order: disks, the root and
	 * the channel included. */
	struct strvec devices;
	/* The same without the root, and with nobody at the other end of the channel. */
	struct strvec held_devices, disks;
	/* The kernel's: all of them, and those that a snapshot depends on. */
	char *words, *held_words;
};

/* Does this start an appliance at all? */
bool launch_line_is_launch(int argc, char **argv);
/* -1: it is not understood, and the error says what of it. */
int launch_line_parse(int argc, char **argv, struct launch_line *ret, struct error *err);
void launch_line_done(struct launch_line *line);
