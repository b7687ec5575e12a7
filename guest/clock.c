/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CLOCK_BOOTTIME is the kernel's clock that starts with it and is never set. */
#include "guest/clock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "guest/log.h"

uint64_t clock_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

int64_t clock_now_ms(void)
{
	return clock_now_us() / 1000;
}

void clock_set_realtime(uint64_t ns)
{
	const struct timespec t = {
		.tv_sec = ns / 1000000000,
		.tv_nsec = ns % 1000000000,
	};

	if (clock_settime(CLOCK_REALTIME, &t) < 0)
		klog_error("set the clock: %s", strerror(errno));
}
