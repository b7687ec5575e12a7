/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The appliance: a kernel, an initrd and a root image, made from what the host has
 * installed, and kept in the cache.
 *
 *	request ──► appliance_open() ──stamp fits──────────────────────────► appliance
 *	                    │ no                                                ▲
 *	                    └──► the builder program ──► build_appliance() ─────┘
 *
 * This folder is the hot path, linked into the library: it uses libc, a JSON and a digest
 * library, and finds a cached appliance by stat calls alone. Building is the cold path: it
 * is in src/build, in a program with all the libraries that read packages, modules and
 * archives. Appliances in directories of the caller's are divided in the same way, into
 * assembly.h and src/assemble.
 */
#pragma once

#include <stdbool.h>

#include "base/architecture.h"
#include "base/error.h"
#include "base/sha256.h"
#include "base/vector.h"
#include "cache/cache.h"
#include "cache/snapshots.h"

struct image_config;

/* What is asked for. */
struct appliance_request {
	/* The root of the system that it is made of: the host's, "/", or another. */
	const char *root;
	/* Of that system. */
	const struct architecture *architecture;
	/* The version of the protocol that its agent has to speak. */
	unsigned agent_version;
	/* In addition to the default ones. */
	struct strvec packages;
	/* A kernel image, or NULL to find one. */
	const char *kernel;
	/* The directory of its modules, or NULL. */
	const char *modules_dir;
	/* The kernel as it is in its file: it unpacks itself, and thereby moves to a random
	 * address (KASLR). */
	bool packed_kernel;
	/* The image that the root is made of (image-name.h), and not of packages; or NULL.
	 * The kernel is the system's. */
	const char *image;
	/*
	 * Texts of routes (boot-route.h), the best first. The builder takes the first
	 * whose modules a kernel has, as files or built in. Empty: virtio-blk on a PCI
	 * bus.
	 */
	struct strvec routes;
	/* The builder does nothing unless all layers of its confinement are in force. What it
	 * makes is the same. */
	bool strict;
};

/* The request's name in the cache: a digest of all that is asked for and of hypermin's
 * version. */
void appliance_request_digest(
	const struct appliance_request *request, char ret[static SHA256_HEX_LEN + 1]);

/* What a fixed appliance's snapshot is of: a VM that had just booted, and can resume on other
 * hosts. Its files lie in the appliance's directory. */
struct appliance_snapshot {
	/* The text of all that it depends on beside the appliance: vm/snapshot.h. */
	char *identity;
	unsigned memory_mib;
	/* Of the file with the state of its devices. */
	char state_digest[SHA256_HEX_LEN + 1];
};

/* One that can be booted. It stays in the cache until appliance_done(), at least. */
struct appliance {
	char *directory;
	/* Paths. One that is not booted any more has no kernel and initrd: NULL. */
	char *kernel, *initrd, *root;
	char *kernel_version;
	const struct architecture *architecture;
	/* The name of the route that it was made for. */
	char *route;
	char root_uuid[37];
	/* Of a fixed appliance: a digest of what its manifest says of its files, which were
	 * not read. */
	char contents[SHA256_HEX_LEN + 1];
	/* And its kernel, initrd and root, open, as they were checked. NULL: it is of the
	 * cache. */
	int *part_fds;
	/* It was made from inputs, for a launcher: its /init decides what runs in it. */
	bool own_init;
	/* NULL: it has none. */
	struct appliance_snapshot *snapshot;
	/* What an image says of its command; NULL: it was not made of one. */
	struct image_config *image;
	/* appliance_open() had it built. False: it was in the cache. */
	bool built;
	/* -1: it is not of the cache. */
	int lock_fd;
	/* Of what appliance_confirm() waits for, or NULL. */
	struct stamp_check *check;
};

/*
 * The appliance for a request, from the cache or built. `builder` is the builder
 * program's path, or NULL to fail with ENOENT instead of building; control_fd
 * (base/control.h) can end the wait for it with EINTR. An appliance of the cache takes
 * thousands of files from the host; with `check_later` a thread looks at them while a VM
 * is started, and appliance_confirm() has to be called before it is used.
 */
int appliance_open(const struct appliance_request *request, const struct cache *cache,
	const char *builder, int control_fd, bool check_later, struct appliance *ret,
	struct error *err);
/* False: a file of the host was changed in place, and the appliance is not what the
 * request asks for any more. Waits for the check that appliance_open() has begun. */
bool appliance_confirm(struct appliance *a);
void appliance_done(struct appliance *a);
/* Whether the cache has it, so that appliance_open() would not build. */
bool appliance_is_current(
	const struct appliance_request *request, const struct cache *cache);

/*
 * A fixed appliance: kernel, initrd, root and manifest.json in a directory of the user's.
 * Opening checks what can be checked quickly; verifying reads all of it.
 */
int appliance_open_fixed(const char *dir, struct appliance *ret, struct error *err);
/* The same in a directory, whose real path this is, that was made from inputs and so has no
 * manifest.json. */
int appliance_open_own_init(const char *where, struct appliance *ret, struct error *err);
int appliance_verify_fixed(const char *dir, struct error *err);
/* Its snapshot, in new files without a name: nothing that happens in the directory later
 * matters, and nothing is ever written there. Damage is found. */
int appliance_open_snapshot(
	const struct appliance *a, struct snapshot_files *ret, struct error *err);
/* Copy one to `dir`, which must be new, empty, or an appliance, which is replaced; with this
 * snapshot, unless that is NULL. */
int appliance_export(const struct appliance *a, const struct snapshot_about *snapshot,
	const struct snapshot_files *files, const char *dir, int control_fd,
	struct error *err);
