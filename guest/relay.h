/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between the guest's kernel and the directory server on the host:
 *
 *	file system ──► /dev/fuse ──► thread ──► port ──► server
 *	            ◄──           ◄── thread ◄──      ◄──
 *
 * Both sides send whole FUSE messages, each with its length in front; the relay does not
 * look into them. These are threads of the first process, and not processes, because
 * nothing can kill them: when all processes are ended, the kernel still has to write out
 * what they have left in its cache. In an appliance with an /init of its own they are threads
 * of the companion, and live until somebody ends that.
 *
 * If the server goes away, the file system is given up, and whatever waits for it gets an
 * error.
 */
#pragma once

#include "base/error.h"

/* It takes both descriptors. `port` blocks: the first request waits in it until the host has
 * the server at the other end, which may be after a snapshot. */
int relay_start(int fuse_fd, int port, struct error *err);
/* The file of the kernel's by which the file system is given up. */
void relay_set_abort(int abort_fd);
/* Wait until the file system is unmounted or given up; not at all if the relay was never started. */
void relay_wait(void);
