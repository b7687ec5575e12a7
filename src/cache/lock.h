/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Locks in the cache. All are open file description locks: they belong to what open()
 * returned and so to no thread, work between the machines of a network file system and
 * between containers, and are gone when the last process that has them ends, however it
 * ends. There are two uses:
 *
 * - A *turn*: of all that want to make the same thing one does, the others wait, and then
 *   find it made. The lock is on the file locks/NAME, which says who has it.
 * - A *hold* on what is published, so that it is not removed: see store.h.
 *
 * Some file systems refuse locks. There everybody has a turn at once: each makes the
 * thing for himself, and the first to publish it wins. What is held can't be told from
 * what is not, and so nothing is removed.
 */
#pragma once

#include <signal.h>

#include "base/mem.h"
#include "cache/cache.h"

enum lock_how { LOCK_SHARED, LOCK_ALONE };
enum lock_result {
	LOCK_TAKEN,
	LOCK_BUSY,    /* somebody else has it */
	LOCK_REFUSED, /* this file system has no locks */
};

/* The descriptor has to be open for reading if shared, for writing if alone. */
enum lock_result lock_try(int fd, enum lock_how how);
/* Has anybody else a lock on it? */
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
/* Without waiting; only with LOCK_TAKEN there is something to give back. */
enum lock_result turn_try(const struct cache *cache, const char *name, struct turn *ret);
void turn_give(struct turn *t);

#define CLEANUP_TURN CLEANUP(turn_give)
