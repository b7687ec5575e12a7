/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals that are to end what a handle is doing, so that it ends in order and leaves
 * nothing behind. One handle a process: a handler has to find it.
 */
#pragma once

#include <hypermin.h>

/* From now on SIGHUP, SIGINT, SIGQUIT and SIGTERM go to hypermin_interrupt(). */
void interrupt_by_signals(struct hypermin *h);
/* Before the handle is freed: from now on they end the process. */
void interrupt_release(void);
/* The last of them that came, or 0. */
int interrupt_signal(void);

/* One that the caller had ignored (nohup) stays so. */
void interrupt_catch(int signal, void (*handler)(int));
