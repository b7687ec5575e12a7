/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A launcher's start of its own appliance, from its command line for qemu. For the launcher
 * this process is qemu: in each of the four cases it becomes a qemu by exec.
 *
 *	not a launch, or a word of the line is not understood
 *	    ──► the real qemu, with the same command line
 *	a snapshot fits
 *	    ──► qemu that resumes from it; a child of this process gives the appliance its
 *	        disks (follow.h), and ends
 *	no snapshot fits
 *	    ──► qemu that boots with our settings for speed; a process in the background takes
 *	        a snapshot (take.h)
 *	a snapshot was tried not long ago, and could not be made or did not work (the cache
 *	has a refusal of it)
 *	    ──► the real qemu, with the same command line
 */
#pragma once

#include "base/error.h"

/* Only returns if there is no qemu: -1. */
int launch(int argc, char **argv, struct error *err);

/* The first argument of one that takes a snapshot for launches like the one that
 * follows. */
#define LAUNCH_TAKE "--take-snapshot"
