/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The caller's terminal, while a command has it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "base/error.h"

struct terminal {
	int fd;
	bool raw;
	struct termios saved, own;
	/* ctrl-] typed in a row, and when the first was. */
	unsigned escapes;
	int64_t first_escape_ms;
};

/* Put the terminal into raw mode until terminal_restore(). */
int terminal_set_raw(struct terminal *t, int fd, struct error *err);
/* The same again, if it is to be so: a shell has its own modes while we are stopped. */
void terminal_renew_raw(struct terminal *t);
/*
 * Has the user typed ctrl-] three times within a second, to end a command that can't be
 * ended otherwise? Call with all input from a terminal. What is typed is the command's in
 * any case, so that the key keeps its meaning there.
 */
bool terminal_saw_escape(
	struct terminal *t, const char *data, size_t len, int64_t now_ms);
/* The same, if it is raw; with the error of the command that ends by it. */
bool terminal_has_ended(
	struct terminal *t, const char *data, size_t len, struct error *err);
/* If it is raw. */
void terminal_restore(struct terminal *t);
