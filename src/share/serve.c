/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server's loop. While the guest takes no replies it may still send requests, or a
 * relay that writes before it reads would wait for us, and we for it.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "share/server.h"

#define INPUT_SIZE (4 * SHARE_MESSAGE_MAX)

/* What the guest takes without waiting. Returns 0, or -1 with errno. */
static int send_output(struct share *s, int socket)
{
	size_t len;

	for (;;) {
		const void *data = share_output(s, &len);

		if (len == 0)
			return 0;
		ssize_t n = send(socket, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0)
			share_output_sent(s, n);
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			return -1;
	}
}

int share_serve(struct share *s, int socket, struct error *err)
{
	CLEANUP_FREE char *input = xmalloc(INPUT_SIZE);
	size_t have = 0, waiting;

	/* The guest's kernel has applied the caller's. */
	umask(0);
	for (;;) {
		ssize_t taken = share_take(s, input, have, err);

		if (taken < 0)
			return -1;
		have -= taken;
		if (taken > 0 && have > 0)
			memmove(input, input + taken, have);
		if (send_output(s, socket))
			/* It is gone: a VM may be killed at any time. */
			return errno == EPIPE || errno == ECONNRESET
				? 0
				: error_set(err, errno, "write to the guest");
		share_output(s, &waiting);
		if (waiting > 0) {
			struct pollfd p = {.fd = socket,
				.events = have < INPUT_SIZE ? POLLIN | POLLOUT : POLLOUT};

			poll(&p, 1, -1);
		}
		if (have == INPUT_SIZE)
			continue;
		ssize_t n = recv(socket, input + have, INPUT_SIZE - have,
			waiting > 0 ? MSG_DONTWAIT : 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n > 0)
			have += n;
		else if (errno != EINTR && errno != EAGAIN)
			return error_set(err, errno, "read from the guest");
	}
}
