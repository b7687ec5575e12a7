/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running one of the host's own programs. Its arguments are passed without a shell, its
 * messages are in English, and it can't outlive us.
 */
#pragma once

#include <signal.h>

#include "base/error.h"
#include "base/vector.h"

/* A line of its standard output or error; `line` may be changed. */
typedef void tool_line_fn(char *line, void *data);

struct tool {
	/* Where it runs. */
	const char *directory;
	/* Set by a signal handler; then the tool is killed and the call ends with EINTR. */
	const volatile sig_atomic_t *interrupted;
	/* May be NULL. */
	tool_line_fn *on_line;
	void *data;
};

/* argv[0] is looked up in PATH. If the tool fails, the error has its last lines. */
int tool_run(const struct tool *tool, struct strvec *argv, struct error *err);
