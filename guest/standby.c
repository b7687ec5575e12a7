/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The init's side of the standby process. */
#include "guest/standby.h"

#include <fcntl.h>
#include <unistd.h>

void standby_init(struct standby *s)
{
	s->pid = 0;
	s->request_fd = -1;
}

void standby_make(struct standby *s)
{
	int request[2];

	standby_dismiss(s);
	if (pipe2(request, O_CLOEXEC) < 0)
		return;
	if (plumbing_make(&s->plumbing, 0, 0, 0) < 0) {
		close(request[0]);
		close(request[1]);
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(request[1]);
		child_stand_by(&s->plumbing.child, request[0]);
	}
	close(request[0]);
	plumbing_close_child_side(&s->plumbing);
	s->request_fd = request[1];
	s->pid = pid;
	if (pid < 0)
		standby_dismiss(s);
}

/* The standby process has pipes and no terminal. A request that its pipe takes at once
 * does not block us. */
static bool can_do(const struct exec_request *request, size_t len)
{
	return !(request->flags & EXEC_TERMINAL) && len <= CHILD_REQUEST_MAX;
}

pid_t standby_take(struct standby *s, const struct exec_request *request,
	const uint8_t *bytes, size_t len, struct plumbing *ret)
{
	pid_t pid = s->pid;

	if (pid == 0)
		return 0;
	if (!can_do(request, len) || write(s->request_fd, bytes, len) != (ssize_t)len) {
		standby_dismiss(s);
		return 0;
	}
	close(s->request_fd);
	*ret = s->plumbing;
	standby_init(s);
	return pid;
}

/* The process exits when its pipe closes. */
void standby_dismiss(struct standby *s)
{
	if (s->request_fd >= 0) {
		close(s->request_fd);
		plumbing_close(&s->plumbing);
	}
	standby_init(s);
}
