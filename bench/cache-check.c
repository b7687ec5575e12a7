/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long it takes, within a process, to find out that the appliance is up to date: for
 * bench/cache. */
#include <hypermin.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 201 };

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

int main(void)
{
	double times[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double start = now_ms();
		struct hypermin *vm = hypermin_new();
		int prepared = hypermin_is_prepared(vm);
		times[i] = now_ms() - start;
		if (prepared != 1) {
			fprintf(stderr, "it is not up to date: %s\n", hypermin_error(vm));
			return EXIT_FAILURE;
		}
		hypermin_free(vm);
	}
	qsort(times, ROUNDS, sizeof(times[0]), compare);
	printf("%.3f\n", times[ROUNDS / 2]);
	return EXIT_SUCCESS;
}
