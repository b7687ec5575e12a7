/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making an appliance in a directory, with the signals that may end it. */
#include "assemble.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct hypermin *running;
static volatile sig_atomic_t last_signal;

static void on_signal(int signal)
{
	last_signal = signal;
	hypermin_interrupt(running, signal);
}

/* One that the caller had ignored (nohup) stays so. */
static void catch_signals(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	const struct sigaction action = {.sa_handler = on_signal};
	struct sigaction before;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &before) == 0 &&
			before.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
}

/* As if the signal had not been caught: that is what callers look for. */
static void die_of_signal(void)
{
	signal(last_signal, SIG_DFL);
	raise(last_signal);
}

int assemble_run(
	const struct hypermin_assembly *assembly, const char *name, bool *ret_made)
{
	struct hypermin *h = hypermin_new();

	running = h;
	catch_signals();
	int result = hypermin_assemble(h, assembly, ret_made);
	if (result < 0 && last_signal)
		die_of_signal();
	if (result < 0)
		fprintf(stderr, "%s: %s\n", name, hypermin_error(h));
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
