/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cache directory: where it is, and that it is ours alone.
 *
 *	requests/DIGEST      what was asked for ──► the key of its appliance, and the stamp: what to stat
 *	appliances/KEY/      kernel, initrd, root, manifest.json; never changed once it is there
 *	parts/KEY/           one of those three, by what it is made of: appliances share it by hard links
 *	snapshots/KEY/       VMs to resume from
 *	temporary/…          what is being made or removed
 *	locks/…              who is making what
 *	verdicts             see vm/verdicts.h
 *
 * All of this folder is on the hot path and is linked into the library. The headers beside
 * this one are for others, too: store.h has the kinds of things and how one is published
 * and used, entry.h and snapshots.h two of these kinds, stamp.h what tells that an answer
 * stands, collect.h and verify.h what keeps the directory small and sound.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/outlive.h"

/* Opened, and found to be ours alone. */
struct cache {
	char *path;
	int fd;
	struct afterwards removal; /* of a private one */
};

/* NULL: $XDG_CACHE_HOME/hypermin, ~/.cache/hypermin, or /var/tmp/hypermin-UID without a
 * home. Made if it is missing. Refused (with an error without a number) if another user
 * owns it, may write to it, or may put another in its place. */
int cache_open(const char *path, struct cache *ret, struct error *err);
void cache_close(struct cache *c);

/* Is this what fails where a cache can't be written to: full, read-only? `c` may not be
 * open. */
bool cache_is_unwritable(const struct cache *c, const struct error *err);
/*
 * A new and empty one in $TMPDIR or /tmp, for this process alone: cache_close() removes
 * it, and if it does not come to that the builder program does.
 */
int cache_open_private(const char *builder, struct cache *ret, struct error *err);
/* What the builder then does, also with other directories of a process that has ended:
 * all that is there goes. */
int cache_remove_private(const char *path, struct error *err);
