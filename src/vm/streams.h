/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The caller's ends of a command's streams. No write here blocks longer than a regular
 * file does, and the caller's descriptors keep their flags: a pipe or terminal is opened
 * once more, through /proc/self/fd, to have O_NONBLOCK on an open file description of our
 * own.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "agent/agent.h"
#include "base/error.h"
#include "base/strbuf.h"

struct stream_out {
	int fd;	    /* -1: thrown away */
	bool owned; /* fd is our own non-blocking one */
	bool socket;
	bool broken; /* nobody reads it any more */
	struct strbuf pending;
};

struct streams {
	int stdin_fd;		  /* -1: none, or at its end */
	struct stream_out out[3]; /* by enum stream_id; [0] is not used */
	bool raw;
	int terminal_fd;
	struct termios saved, own;
	/* ctrl-] typed in a row, and when the first was. */
	unsigned escapes;
	int64_t first_escape_ms;
	sigset_t saved_mask;
};

void streams_init(struct streams *s, int stdin_fd, int stdout_fd, int stderr_fd);
/* Put the terminal into raw mode until streams_done(). */
int streams_set_raw(struct streams *s, int terminal_fd, struct error *err);
/* The same again, if it is to be so: a shell has its own modes while we are stopped. */
void streams_renew_raw(struct streams *s);
/*
 * Has the user typed ctrl-] three times within a second, to end a command that can't be
 * ended otherwise? Call with all input from a terminal. What is typed is the command's in
 * any case, so that the key keeps its meaning there.
 */
bool streams_saw_escape(struct streams *s, const char *data, size_t len, int64_t now_ms);
/* Write as much of what is pending as can be without blocking. The number of bytes
 * that are done with, or -1 (errno). Bytes to a broken or absent stream are done with
 * at once. */
ssize_t stream_flush(struct stream_out *out);
void streams_done(struct streams *s);
