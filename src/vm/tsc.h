/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How fast the host's time stamp counter runs, for an emulated machine that has no timer
 * to measure it by: under TCG the guest reads the host's. Private to src/vm.
 */
#pragma once

#include "vm/profile.h"

/* In kHz; 0 where the profile does not need it, or the counter does not run evenly. */
unsigned tsc_khz_if_needed(const struct profile *p);
