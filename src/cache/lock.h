/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Locks in the cache. All are open file description locks. They belong to what open()
 * returned, not to a thread. They work between the machines of a network file system and
 * between containers. They are gone when the last process that has them ends, however it
 * ends. There are two uses:
 *
 * - A *turn*: of all processes that want to make the same thing, one makes it. The others
 *   wait, and then find it made. The lock is on the file locks/NAME, which names the
 *   process that has it.
 * - A *hold* on a published thing, so that it is not removed: see store.h.
 *
 * Some file systems refuse locks. There every process has its turn at once: each makes
 * the thing, and the first to publish it wins. Nothing tells whether a thing is held, so
 * nothing is removed.
 */
#pragma once

#include <signal.h>

#include "base/mem.h"
#include "cache/cache.h"

enum lock_how { LOCK_SHARED, LOCK_ALONE };
enum lock_result {
	LOCK_TAKEN,
	/* Another process has it. */
	LOCK_BUSY,
	/* This file system has no locks. */
	LOCK_REFUSED,
};

/* The descriptor has to be open for reading if shared, for writing if alone. */
enum lock_result lock_try(int fd, enum lock_how how);
/* Does another process have a lock on it? */
bool lock_is_taken(int fd);

struct turn {
	int cache_fd;
	char *path; /* NULL: not taken */
	int fd;
};

/*
 * Wait for a turn at NAME; `what` is for the person who waits ("is building this
 * appliance"). A signal handler that sets *interrupted (may be NULL) ends the wait with
 * EINTR.
 */
int turn_take(const struct cache *cache, const char *name, const char *what,
	const volatile sig_atomic_t *interrupted, struct turn *ret, struct error *err);
/* Without waiting. Only after LOCK_TAKEN there is a turn to give back. */
enum lock_result turn_try(const struct cache *cache, const char *name, struct turn *ret);
void turn_give(struct turn *t);

#define CLEANUP_TURN CLEANUP(turn_give)
