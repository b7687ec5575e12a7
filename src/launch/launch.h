/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Somebody else's launch of an appliance, from its command line for qemu. For the
 * launcher this process is qemu: it becomes that by exec, whichever way it goes.
 *
 *	not a launch, or not understood ──► the real qemu, with the same command line
 *	a snapshot fits                 ──► qemu that goes on from it; a child of this process
 *	                                    gives the appliance its disks (follow.h), and ends
 *	none does                       ──► qemu that boots with our settings for speed; a process
 *	                                    in the background takes a snapshot (take.h)
 */
#pragma once

#include "base/error.h"

/* Only returns if there is no qemu: -1. */
int launch(int argc, char **argv, struct error *err);

/* The first argument of one that takes a snapshot for launches like the one that
 * follows. */
#define LAUNCH_TAKE "--take-snapshot"
