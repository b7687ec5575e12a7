/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Snapshots of booted VMs: a kind of the store (store.h) with two files, `ram`, which VMs
 * map, and `state`, that of their devices. A snapshot is found by its identity, a text of
 * all that it depends on, which its maker writes.
 *
 * A snapshot is run as it is, so it has to be what was made. At each use the state is read
 * and compared with its digest. The RAM is too large for that: its size, inode and time of
 * change are compared, and only verifying the cache reads it.
 */
#pragma once

#include "cache/store.h"

struct snapshot_files {
	int ram_fd, state_fd;
};

enum snapshots_found {
	SNAPSHOTS_FOUND,
	SNAPSHOTS_NONE,
	/* It was tried not long ago, and can't be made. */
	SNAPSHOTS_REFUSED,
};

enum snapshots_found snapshots_find(
	const struct cache *cache, const char *identity, struct snapshot_files *ret);
/* Remove one that is no good. A VM that uses it goes on. */
void snapshots_discard(const struct cache *cache, const char *identity);

struct snapshot_about {
	const char *identity;
	/* The key of an appliance in the cache, or NULL. A snapshot is removed when its
	 * appliance is. */
	const char *appliance;
	/* The path of the root disk of an appliance that is elsewhere. Its snapshot is
	 * removed when the file is gone, or is another. */
	const char *root;
	unsigned memory_mib, cpus;
	/* For disks. */
	unsigned reserved_slots;
};

/* Open the files of a thing that has a snapshot in it. `where` is its name, for errors. */
int snapshots_open_files(const json_t *manifest, int dir_fd, const char *where,
	struct snapshot_files *ret, struct error *err);
/* Add copies of the files to a draft, and enter them in its manifest as far as that has to
 * be done here. */
int snapshots_add_files(struct draft *d, const struct snapshot_files *files,
	json_t *manifest, struct error *err);

/* Publish copies of the files. Where the file system can, the RAM has no name in the cache
 * until all of it is on the disk. */
int snapshots_publish(const struct cache *cache, const struct snapshot_about *about,
	const struct snapshot_files *files, struct error *err);
/* Remember for a day that there can't be one, so that it is not tried each time. */
void snapshots_refuse(const struct cache *cache, const struct snapshot_about *about,
	const char *reason);
