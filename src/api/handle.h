/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a public handle holds. */
#pragma once

#include "appliance/appliance.h"
#include "base/vector.h"
#include "hypermin.h"
#include "vm/vm.h"

struct hypermin {
	struct error error;
	int control[2];

	struct strvec packages;
	char *root;				 /* the system that the VM is made of */
	const struct architecture *architecture; /* of that; NULL: not found out yet */
	char *kernel, *modules_dir;
	char *cache_dir;
	char *fixed; /* directory of a fixed appliance */
	unsigned memory_mib, cpus, boot_timeout_ms, silence_timeout_ms;
	enum vm_accel accel;
	char *machine, *root_bus; /* NULL: the best */
	bool plain;
	bool cold;	 /* always boot */
	bool only_built; /* never build an appliance */
	VECTOR(struct vm_disk) disks;

	struct timeline *timeline; /* NULL: not kept */
	char *timeline_path;
	int timeline_fd;

	struct vm_routes routes; /* not known to be closed */
	struct cache cache;
	struct cache private_cache; /* where that can't be written to */
	struct appliance appliance;
	struct vm *vm;
	unsigned reserved_slots; /* for disks, in the snapshot that is taken */
	bool wants_snapshot;	 /* the best for it is not there, or was no good */
};

/*
 * One of our own programs: in $HYPERMIN_LIBEXECDIR, beside the running program (a build
 * tree), or where it was installed. A new string.
 */
char *handle_find_program(const char *name, struct error *err);
int handle_open_cache(struct hypermin *h);
int handle_check_not_started(struct hypermin *h);
/* Find out h->architecture by the settings, unless that was done. */
int handle_find_architecture(struct hypermin *h);
/* The same with h->routes. */
int handle_find_routes(struct hypermin *h);
/* What to ask for, by the settings. The route's texts are new: appliance_request.routes
 * is the caller's to free. */
int handle_appliance_request(struct hypermin *h, struct appliance_request *ret);
void handle_drop_timeline(struct hypermin *h);
/* The one that the open appliance is for. */
const struct vm_route *handle_route(const struct hypermin *h);
/* It can't be taken: forget it, and the appliance. False if there is no other. */
bool handle_close_route(struct hypermin *h);

/* ---- start.c ---- */

/* hypermin_start(); with `record` as in vm.h, or NULL. */
int handle_start(struct hypermin *h, const struct vm_snapshot *record);

/* ---- warm.c ---- */

/* What the cache has, as vm_start() wants it. */
struct vm_snapshots handle_snapshots(struct hypermin *h);
/* After a cold start: have a snapshot made for the next one, by a process of its own for
 * which nobody waits. */
void handle_warm_later(const struct hypermin *h);
