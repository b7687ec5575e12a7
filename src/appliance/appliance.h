/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The appliance: a kernel, an initrd and a root image, made from what the host has
 * installed, and kept in the cache.
 *
 *	request ──► appliance_open() ──stamp fits──────────────────────────► appliance
 *	                    │ no                                                ▲
 *	                    └──► the builder program ──► appliance_build() ─────┘
 *
 * This folder is the hot path, linked into the library: it needs nothing but libc and
 * finds a cached appliance by a few stat calls. What the builder does is in src/build,
 * with all the libraries that reading packages, modules and archives needs. The same
 * division for appliances in directories of the caller's: assembly.h, and src/assemble.
 */
#pragma once

#include <stdbool.h>

#include "base/architecture.h"
#include "base/error.h"
#include "base/sha256.h"
#include "base/vector.h"
#include "cache/cache.h"

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

/* What the cache knows it by: a digest over all that is asked for, and our version. */
void appliance_request_digest(
	const struct appliance_request *request, char ret[static SHA256_HEX_LEN + 1]);

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
