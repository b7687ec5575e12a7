/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signals that interrupt a handle: see interrupt.h. */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>

static struct hypermin *interrupted;
static volatile sig_atomic_t last_signal;

static void on_interrupt(int signal)
{
	last_signal = signal;
	hypermin_interrupt(interrupted, signal);
}

void interrupt_catch(int signal, void (*handler)(int))
{
	const struct sigaction action = {.sa_handler = handler};
	struct sigaction before;

	if (sigaction(signal, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		sigaction(signal, &action, NULL);
}

void interrupt_by_signals(struct hypermin *h)
{
	interrupted = h;
	interrupt_catch(SIGHUP, on_interrupt);
	interrupt_catch(SIGINT, on_interrupt);
	interrupt_catch(SIGQUIT, on_interrupt);
	interrupt_catch(SIGTERM, on_interrupt);
}

void interrupt_release(void)
{
	static const int caught[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH, SIGCONT};

	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		interrupt_catch(caught[i], SIG_DFL);
}

int interrupt_signal(void)
{
	return last_signal;
}
