/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cache directory: where it is, and that it is ours alone.
 *
 *	requests/DIGEST      a request ──► the key of its appliance, and the stamp: what to stat
 *	appliances/KEY/      kernel, initrd, root, manifest.json; never changed once it is there
 *	parts/KEY/           a kernel, an initrd or a root; appliances that share it link to its file
 *	snapshots/KEY/       booted VMs, to resume from
 *	states/NAME/         saved states: VMs in use, to resume from
 *	temporary/…          what is being made or removed
 *	locks/…              a file for each thing that is being made
 *	verdicts             see vm/verdicts.h
 *
 * All of this folder is on the hot path and is linked into the library. The headers beside
 * this one are for other folders, too: store.h tells which kinds of things there are, and
 * how one is published and used; request.h and snapshots.h are two of these kinds; stamp.h
 * tells whether an answer still holds; collect.h and verify.h keep the directory small and
 * undamaged.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/outlive.h"

/* Opened, and found to be ours alone. */
struct cache {
	char *path;
	int fd;
	/* Of a private cache. */
	struct afterwards removal;
};

/* NULL: $XDG_CACHE_HOME/hypermin, ~/.cache/hypermin, or /var/tmp/hypermin-UID without a
 * home. It is made if it is missing. It is an error without a number if another user owns
 * it, may write to it, or may put another in its place. */
int cache_open(const char *path, struct cache *ret, struct error *err);
void cache_close(struct cache *c);

/* May this user, and is the file system writable? */
bool cache_may_write(const struct cache *c);
/* Has its file system so much free? */
bool cache_has_room(const struct cache *c, uint64_t bytes);
/* Does the error mean that the cache can't be written to (full, read-only)? `c` need not be
 * open. */
bool cache_is_unwritable(const struct cache *c, const struct error *err);
/*
 * A new, empty cache in $TMPDIR or /tmp, for this process alone. cache_close() removes it;
 * if this process is killed, the builder program does.
 */
int cache_open_private(const char *builder, struct cache *ret, struct error *err);
/* What the builder then does, also with other directories of a process that has ended: it
 * removes everything in it. */
int cache_remove_private(const char *path, struct error *err);
