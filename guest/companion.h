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
 *	 exec /init           └──► the host lets go of the appliance, and the companion ends;
 *	                          if there are directories of the host's, once they are unmounted
 *
 * A hold point is the name of a virtio-serial port. Nobody has connected to that, so what
 * writes to it first waits there, and nothing in the appliance has to be changed to stop
 * it. libguestfs' daemon says its first word there; it has looked for no disk before that,
 * and /init's scans can be repeated.
 */
#pragma once

#include "base/error.h"

/* Fork it, to hold the appliance at this port. It keeps nothing open, and ends by itself. */
int companion_start(const char *port, struct error *err);
