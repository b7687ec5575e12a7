/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The child's side of a fork: from a copy of the init to the command. */
#pragma once

#include "protocol/protocol.h"

/* The longest request for a child that stands by: what an empty pipe takes at once. */
#define CHILD_REQUEST_MAX (64 * 1024)

/* What the child writes to its status pipe if it can't become the command. If it can, exec
 * closes the pipe. It is shorter than PIPE_BUF, so it arrives in one piece. */
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

/* Become the command of this request. */
_Noreturn void child_run(const struct child_io *io, const struct exec_request *request);
/* The same with a request that comes later, through request_fd. All that does not depend on
 * it is done before. If the pipe closes without a request, the child exits. */
_Noreturn void child_stand_by(const struct child_io *io, int request_fd);
