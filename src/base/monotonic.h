/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The time on CLOCK_MONOTONIC, which nobody sets: for deadlines and durations. */
#pragma once

#include <stdint.h>

int64_t monotonic_ms(void);
int64_t monotonic_us(void);
