/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last lines of a text that others write: the guest's console, qemu's stderr. A ring
 * of fixed size; what comes out is printable, since a hostile guest could send terminal
 * escapes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

#define CONSOLE_RING_SIZE (32 * 1024)

struct console {
	char *ring;
	size_t total;	    /* bytes ever added */
	struct strbuf line; /* the unfinished line, for on_line */
	/* Each whole line as it comes, printable; may be NULL. */
	void (*on_line)(const char *line, const char *name);
	const char *name;
};

void console_add(struct console *c, const char *bytes, size_t len);
/* Up to `n` last lines, each with `indent` in front and a newline behind. "" if there are
 * none. */
char *console_tail(const struct console *c, unsigned n, const char *indent);
/* The last line that contains `what`, from there on, or NULL. Caller frees. */
char *console_find(const struct console *c, const char *what);
/* How many bytes had come when the last `what` was complete; 0: it is not in what is
 * kept. */
size_t console_end_of(const struct console *c, const char *what);
void console_done(struct console *c);
