/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The caller's ends of a command's streams. No read or write here blocks longer than a
 * regular file does, and the caller's descriptors keep their flags: a pipe or terminal is
 * opened once more, through /proc/self/fd, to have O_NONBLOCK on an open file description
 * of our own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/agent.h"
#include "base/error.h"
#include "base/strbuf.h"

/* One of the caller's descriptors. */
struct stream_end {
	int fd;	    /* -1: there is none, or no more */
	bool owned; /* fd is our own non-blocking one */
	bool socket;
};

struct stream_out {
	struct stream_end end; /* without one, what comes is thrown away */
	bool broken;	       /* nobody reads it any more */
	struct strbuf pending;
};

struct streams {
	struct stream_end in;
	struct stream_out out[3]; /* by enum stream_id; [0] is not used */
};

void streams_init(struct streams *s, int stdin_fd, int stdout_fd, int stderr_fd);
/* As read(): EAGAIN if there is nothing now. */
ssize_t streams_read(struct streams *s, void *buf, size_t size);
/* There is no more input, or nobody wants it. */
void streams_close_input(struct streams *s);
/* Write as much of what is pending as can be without blocking. The number of bytes
 * that are done with, or -1 (errno). Bytes to a broken or absent stream are done with
 * at once. */
ssize_t stream_flush(struct stream_out *out);
void streams_done(struct streams *s);
