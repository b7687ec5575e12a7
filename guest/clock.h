/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time since the kernel started, and the time of day. */
#pragma once

#include <stdint.h>

uint64_t clock_now_us(void);
int64_t clock_now_ms(void);
/* Nanoseconds since 1970. */
void clock_set_realtime(uint64_t ns);
