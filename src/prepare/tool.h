/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running one of the host's own programs, for what only it can do. It gets its words as
 * they are, no shell sees them; its messages are in English, and it does not outlive us.
 */
#pragma once

#include <signal.h>

#include "base/error.h"
#include "base/vector.h"

/* A line of what it says, on either stream; `line` may be changed. */
typedef void tool_line_fn(char *line, void *data);

struct tool {
	const char *directory; /* where it runs */
	/* Set by a signal handler: the tool is ended, and the call ends with EINTR. */
	const volatile sig_atomic_t *interrupted;
	tool_line_fn *on_line; /* may be NULL */
	void *data;
};

/* argv[0] is looked for in PATH. Anything but exit status 0 is an error, with the last
 * lines that the tool said. */
int tool_run(const struct tool *tool, struct strvec *argv, struct error *err);
