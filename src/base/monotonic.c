/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/monotonic.h"

#include <time.h>

int64_t monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)1000000 + now.tv_nsec / 1000;
}

int64_t monotonic_ms(void)
{
	return monotonic_us() / 1000;
}
