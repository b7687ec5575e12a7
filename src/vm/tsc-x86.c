/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measured against CLOCK_MONOTONIC_RAW. The process may be suspended between reading one
 * clock and the other, so of a few tries the shortest one counts.
 */
#include "vm/tsc.h"

#include <cpuid.h>
#include <stdint.h>
#include <time.h>
#include <x86intrin.h>

#define MEASURE_NS (20 * 1000 * 1000)
#define TRIES	   8

struct moment {
	uint64_t ticks, ns;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return now.tv_sec * (uint64_t)1000000000 + now.tv_nsec;
}

static struct moment look(void)
{
	struct moment best = {0};
	uint64_t shortest = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = __rdtsc();
		uint64_t ns = now_ns();
		uint64_t after = __rdtsc();
		if (after - before >= shortest)
			continue;
		shortest = after - before;
		best = (struct moment){before + (after - before) / 2, ns};
	}
	return best;
}

/* CPUID says whether it runs at one speed in all states of the processor. */
static int is_invariant(void)
{
	unsigned eax, ebx, ecx, edx;

	return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) && (edx & 1 << 8);
}

unsigned tsc_measure_khz(void)
{
	const struct timespec pause = {.tv_nsec = MEASURE_NS};

	if (!is_invariant())
		return 0;
	struct moment start = look();
	nanosleep(&pause, NULL);
	struct moment end = look();
	return (end.ticks - start.ticks) * 1000000 / (end.ns - start.ns);
}
