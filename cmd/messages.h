/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What hypermin itself has to say, on standard error: lines that begin with its name. Where
 * a CI system understands more than lines, by its variables in the environment, it gets that
 * too: errors and warnings as GitHub's annotations, and sections of the log that fold.
 * Nothing here touches what a command says.
 */
#pragma once

#include <hypermin.h>

void message_error(const char *text);
void message_warning(const char *text);

/* The lines that follow belong together, up to the end. Sections do not nest. */
void message_section_begin(const char *name, const char *title);
void message_section_end(const char *name);

/* ---- The log ---- */

struct command_log {
	/* How often -v is given: 1 for what is chosen, 2 for each step. */
	int verbose;
	/* The terminal may be in raw mode. */
	bool raw;
};

/* From here on, the library's messages go to standard error. */
void command_log_start(struct command_log *log);
