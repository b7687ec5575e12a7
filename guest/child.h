/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command's side of a fork: from a copy of the init to the command itself. */
#pragma once

#include "protocol/protocol.h"

/* Bytes of a request that a waiting child takes: what an empty pipe does. */
#define CHILD_REQUEST_MAX (64 * 1024)

/* What the child writes to its status pipe when it can't become the command; the pipe
 * closes by itself when it can. Below PIPE_BUF, so it comes whole. */
struct start_error {
	enum start_failure failure;
	int errnum;
	char step[MESSAGE_MAX];
};

struct child_io {
	int stdin_fd, stdout_fd, stderr_fd;
	int status_fd;
	bool terminal; /* stdin_fd becomes the controlling terminal */
};

/* What does not depend on the command. */
void child_prepare(const struct child_io *io);
/* The rest, after that. */
_Noreturn void child_run(const struct exec_request *request);
/* Both, with a wait for the request between them. Its end without one is the child's. */
_Noreturn void child_stand_by(const struct child_io *io, int request_fd);
