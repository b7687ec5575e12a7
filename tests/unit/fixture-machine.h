/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qemu's command line for a small machine, and where to look in it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "vm/machine.h"

static const struct machine_fds fds = {.agent = 10, .qmp = 11, .console = 12};

static inline struct vm_config config_with(const struct vm_disk *disks, size_t n)
{
	return (struct vm_config){
		.qemu = "/usr/bin/qemu",
		.kernel = "/c/kernel",
		.initrd = "/c/initrd",
		.root = "/c/root",
		.root_size = 200 << 20,
		.boot_timeout_ms = 120000,
		.root_uuid = "01234567-89ab-cdef-0123-456789abcdef",
		.memory_mib = 256,
		.cpus = 1,
		.disks = disks,
		.n_disks = n,
	};
}

static inline struct profile profile_of(const char *machine, const char *root_bus)
{
	const struct profile p = {.machine = machine_type_find(machine),
		.root_bus = root_bus_find(root_bus),
		.cpus = 1};

	assert_non_null(p.machine);
	assert_non_null(p.root_bus);
	return p;
}

static inline struct strvec line_along(
	const struct vm_config *config, const struct profile *profile)
{
	struct strvec argv = {0};

	machine_argv(config, profile, &fds, &argv);
	return argv;
}

static inline struct profile usual(const struct vm_config *config, bool kvm)
{
	struct profile profile = profile_of("pc", "virtio-blk");

	profile.kvm = kvm;
	profile.cpus = config->cpus;
	return profile;
}

static inline struct strvec line_of(const struct vm_config *config, bool kvm)
{
	const struct profile profile = usual(config, kvm);
	return line_along(config, &profile);
}

/* The nth value of an option, or NULL. */
static inline const char *value_of(
	const struct strvec *argv, const char *option, size_t n)
{
	for (size_t i = 0; i + 1 < argv->len; i++)
		if (strcmp(argv->items[i], option) == 0 && n-- == 0)
			return argv->items[i + 1];
	return NULL;
}

static inline bool is_of(const char *device, const char *driver)
{
	size_t len = strlen(driver);
	return strncmp(device, driver, len) == 0 && (!device[len] || device[len] == ',');
}

/* The nth -device of this driver; NULL behind the last. */
static inline const char *nth_device(
	const struct strvec *argv, const char *driver, size_t n)
{
	const char *value;

	for (size_t i = 0; (value = value_of(argv, "-device", i)); i++)
		if (is_of(value, driver) && n-- == 0)
			return value;
	return NULL;
}

/* Does a device have this property? */
static inline bool has(const char *device, const char *property)
{
	CLEANUP_FREE char *padded = xasprintf("%s,", device ? device : "");
	CLEANUP_FREE char *word = xasprintf(",%s,", property);

	return strstr(padded, word) != NULL;
}
