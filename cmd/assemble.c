/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making an appliance in a directory; a signal interrupts it. */
#include "assemble.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "interrupt.h"

/* The exit status is then as if the signal had not been caught: callers look at it. */
static void die_of_signal(void)
{
	signal(interrupt_signal(), SIG_DFL);
	raise(interrupt_signal());
}

int assemble_run(
	const struct hypermin_assembly *assembly, const char *name, bool *ret_made)
{
	struct hypermin *h = hypermin_new();

	interrupt_by_signals(h);
	int result = hypermin_assemble(h, assembly, ret_made);
	if (result < 0 && interrupt_signal())
		die_of_signal();
	if (result < 0)
		fprintf(stderr, "%s: %s\n", name, hypermin_error(h));
	interrupt_release();
	hypermin_free(h);
	return result;
}

int assemble_take_epoch(struct hypermin_assembly *assembly, const char *name)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	char *end;

	if (!text || !*text)
		return 0;
	errno = 0;
	long long seconds = strtoll(text, &end, 10);
	if (errno || *end) {
		fprintf(stderr,
			"%s: SOURCE_DATE_EPOCH is a number of seconds since 1970, not '%s'\n",
			name, text);
		return -1;
	}
	assembly->clamp_times = true;
	assembly->clamp_to = seconds;
	return 0;
}
