/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The appliance: a kernel, an initrd and a root image, made from what the host has
 * installed, and kept in the cache.
 *
 *	request ──► appliance_open() ──stamp fits──────────────────────────► appliance
 *	                    │ no                                                ▲
 *	                    └──► the builder program ──► appliance_build() ─────┘
 *
 * Two halves in two programs: this header's is the hot path, linked into the library,
 * needs nothing but libc and finds a cached appliance by a few stat calls. build.h's is
 * the cold path, with all the libraries that reading packages, modules and archives
 * needs.
 *
 * In the cache directory (store.h):
 *
 *	requests/DIGEST      what was asked for ──► the key of its appliance, and the stamp: what to stat
 *	appliances/KEY/      kernel, initrd, root, manifest.json; never changed once it is there
 *	parts/KEY/           one of those three, by what it is made of: appliances share it by hard links
 *	snapshots/KEY/       VMs to go on from
 *	temporary/…          what is being made or removed
 *	locks/…              who is making what
 *	verdicts             see vm/verdicts.h
 */
#pragma once

#include <stdbool.h>

#include "base/afterwards.h"
#include "base/architecture.h"
#include "base/error.h"
#include "base/vector.h"

/* What is asked for. */
struct appliance_request {
	const char *root; /* the system it is made of: the host's, "/", or another */
	const struct architecture *architecture; /* of that system */
	unsigned agent_version;	 /* of the protocol that its agent has to speak */
	struct strvec packages;	 /* beyond the default ones */
	const char *kernel;	 /* a kernel image, or NULL to find one */
	const char *modules_dir; /* with it, or NULL */
	/*
	 * Ways to boot, "NAME:MODULE,MODULE…", the best first: taken is the first for
	 * which a kernel has all modules (or has them built in). None: virtio-blk on a
	 * PCI bus.
	 */
	struct strvec routes;
};

/* One that is there to be booted. It stays in the cache at least until
 * appliance_done(). */
struct appliance {
	char *directory;
	char *kernel, *initrd, *root; /* paths, in it */
	char *kernel_version;
	const struct architecture *architecture;
	char *route; /* the name of the one taken */
	char root_uuid[37];
	bool built; /* just now */
	int lock_fd;
};

/* The cache directory, opened and found to be ours alone. */
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

/*
 * The appliance for a request, from the cache or built. `builder` is the builder
 * program's path, or NULL to fail with ENOENT instead of building; control_fd
 * (base/control.h) can end the wait for it with EINTR.
 */
int appliance_open(const struct appliance_request *request, const struct cache *cache,
	const char *builder, int control_fd, struct appliance *ret, struct error *err);
void appliance_done(struct appliance *a);
/* Would it come from the cache at once? */
bool appliance_is_current(
	const struct appliance_request *request, const struct cache *cache);

/*
 * A fixed appliance: kernel, initrd, root and manifest.json in a directory of the user's.
 * Opening checks what can be checked quickly; verifying reads all of it.
 */
int appliance_open_fixed(const char *dir, struct appliance *ret, struct error *err);
int appliance_verify_fixed(const char *dir, struct error *err);
/* Copy one to `dir`, which must be new, empty, or an appliance, which is replaced. */
int appliance_export(
	const struct appliance *a, const char *dir, int control_fd, struct error *err);
