/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which accelerator: KVM where stock kernels truly run on it, else TCG. The verdict of
 * the probe is remembered in the cache directory, for this boot of the host, this qemu
 * and this kernel.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "vm/vm.h"

struct accel_choice {
	bool kvm;
	bool chosen_by_us; /* "auto": falling back is allowed */
	char *reason;	   /* why not KVM, or why KVM */
};

/* The key of what is remembered. */
struct accel_key {
	int cache_fd;	  /* directory, or -1: nothing is remembered */
	const char *qemu; /* path */
	const char *kernel_version;
};

void accel_choose(
	enum vm_accel wanted, const struct accel_key *key, struct accel_choice *ret);
void accel_choice_done(struct accel_choice *c);
/* KVM looked good and did not boot: TCG from now on. */
void accel_remember_tcg(const struct accel_key *key, const char *reason);
