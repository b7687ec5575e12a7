/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a public handle holds. Private to src/api. */
#pragma once

#include "appliance/appliance.h"
#include "base/vector.h"
#include "hypermin.h"
#include "vm/vm.h"

struct hypermin {
	struct error error;
	int control[2];

	struct strvec packages;
	char *kernel, *modules_dir;
	char *cache_dir;
	char *fixed; /* directory of a fixed appliance */
	unsigned memory_mib, cpus, boot_timeout_ms, silence_timeout_ms;
	enum vm_accel accel;
	VECTOR(struct vm_disk) disks;

	struct cache cache;
	struct appliance appliance;
	struct vm *vm;
};

/*
 * One of our own programs: in $HYPERMIN_LIBEXECDIR, beside the running program (a build
 * tree), or where it was installed. A new string.
 */
char *handle_find_program(const char *name, struct error *err);
int handle_open_cache(struct hypermin *h);
/* What the settings ask for; it borrows from the handle. */
struct appliance_request handle_request(const struct hypermin *h);
int handle_check_not_started(struct hypermin *h);
