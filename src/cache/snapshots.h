/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Snapshots of booted VMs in the cache: a kind of the store (store.h) with two files,
 * `ram`, which VMs map, and `state`, what their devices knew. Found by an identity, the
 * text of all that a snapshot depends on; what that text says is its maker's matter.
 *
 * A snapshot is run as it is, so it has to be what was made: the state is checked against
 * its digest each time, the memory, which is too large for that, by its size and time,
 * and only who verifies the cache reads it whole.
 */
#pragma once

#include <jansson.h>

#include "cache/cache.h"

struct snapshot_files {
	int ram_fd, state_fd;
};

enum snapshots_found {
	SNAPSHOTS_FOUND,
	SNAPSHOTS_NONE,
	SNAPSHOTS_REFUSED, /* it was tried not long ago, and can't be made */
};

enum snapshots_found snapshots_find(
	const struct cache *cache, const char *identity, struct snapshot_files *ret);
/* It is no good. Who uses it can go on. */
void snapshots_discard(const struct cache *cache, const char *identity);

/* Read everything in a snapshot's directory, and compare. */
int snapshots_verify(
	const json_t *manifest, int dir_fd, const char *where, struct error *err);

struct snapshot_about {
	const char *identity;
	/* Its key: the snapshot goes when that goes. NULL: it is none of the cache's, and
	 * the snapshot goes when the file `root` is gone. */
	const char *appliance;
	const char *root;
	unsigned memory_mib, cpus;
	unsigned reserved_slots; /* for disks */
};

/*
 * Publish copies of the files; of the memory, what is not zero. Until all is on the disk
 * there is no name in the cache where the file system can do without.
 */
int snapshots_publish(const struct cache *cache, const struct snapshot_about *about,
	const struct snapshot_files *files, struct error *err);
/* Remember that there can't be one, so that it is not tried all the time. */
void snapshots_refuse(const struct cache *cache, const struct snapshot_about *about,
	const char *reason);
