/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which accelerator: KVM where stock kernels truly run on it, else TCG. The verdict of
 * the probe is remembered (verdicts.h).
 */
#pragma once

#include <stdbool.h>

#include "vm/verdicts.h"
#include "vm/vm.h"

struct accel_choice {
	bool kvm;
	bool chosen_by_us; /* "auto": falling back is allowed */
	char *reason;	   /* why not KVM, or why KVM */
};

void accel_choose(enum vm_accel wanted, const struct architecture *guest,
	const struct verdict_key *key, struct accel_choice *ret);
void accel_choice_done(struct accel_choice *c);
/* The probe was passed, but no guest booted under KVM: choose TCG from now on. */
void accel_remember_tcg(const struct verdict_key *key, const char *reason);
