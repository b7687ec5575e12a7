/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In an appliance with an /init of its own: a process beside it that makes the machine
 * resumable.
 *
 *	own-init ──fork──► companion: waits until the appliance stands at its hold point
 *	   │                  │ ready
 *	   │                  ├──► the host takes a snapshot          (once)
 *	   │                  ◄─── the host resumes from it: resume    (each time)
 *	   │                  │ new identity, new disks, and the scans that a boot has run for them
 *	 exec /init           └──► the host lets go of the appliance, and the companion ends
 *
 * A hold point is a row of the table in companion.c: a place where the appliance waits
 * for its host by itself, so nothing in it has to be changed to stop it there.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* Is this the name of a hold point? */
bool companion_knows(const char *hold);
/* Fork it. It keeps nothing open, and ends by itself. */
int companion_start(const char *hold, struct error *err);
