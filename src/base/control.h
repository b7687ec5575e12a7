/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a signal handler or another thread has to say to a call that is under way:
 * fixed-size messages through a non-blocking pipe, which the call's poll loop watches.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

enum control_what { CONTROL_INTERRUPT = 1, CONTROL_WINDOW };

struct control_message {
	enum control_what what;
	int signal; /* with CONTROL_INTERRUPT */
};

int control_open(int ret_fds[static 2], struct error *err);
/* Async-signal-safe. A full pipe drops the message: a thousand wait there already. */
void control_send(int write_fd, enum control_what what, int signal);
/* False if there is none. */
bool control_read(int read_fd, struct control_message *ret);
/* The error of a call that an interrupt ended: EINTR. Always -1. */
int control_error(int signal, struct error *err);
