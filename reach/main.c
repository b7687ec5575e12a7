/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hypermin-reach HOST PORT: one connection of a guest to one endpoint. qemu starts it when
 * the guest connects; its standard streams are a socket to the guest.
 *
 *	guest ◄──► qemu ◄──standard input──► hypermin-reach ◄──TCP──► HOST:PORT
 *
 * What ends on one side is passed on to the other. It says nothing: its words would reach the
 * guest.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes on their way from one socket to another. */
struct direction {
	int from, to;
	size_t len, sent;
	bool ended; /* `from` says no more, and `to` was told */
	char bytes[64 * 1024];
};

static int connect_to(const char *host, const char *port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -1;
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

/* Read if there is room, else write. -1: the connection is broken. */
static int move(struct direction *d)
{
	ssize_t n;

	if (d->len == 0) {
		n = recv(d->from, d->bytes, sizeof(d->bytes), MSG_DONTWAIT);
		if (n == 0) {
			d->ended = true;
			shutdown(d->to, SHUT_WR);
		} else if (n > 0) {
			d->len = n;
			d->sent = 0;
		}
	} else {
		n = send(d->to, d->bytes + d->sent, d->len - d->sent,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			d->sent += n;
		if (d->sent == d->len)
			d->len = 0;
	}
	return n < 0 && errno != EAGAIN && errno != EINTR ? -1 : 0;
}

static void relay(int guest, int endpoint)
{
	static struct direction directions[2];

	directions[0].from = directions[1].to = guest;
	directions[0].to = directions[1].from = endpoint;
	while (!directions[0].ended || !directions[1].ended) {
		struct pollfd p[2];

		for (int i = 0; i < 2; i++) {
			struct direction *d = &directions[i];
			p[i] = (struct pollfd){d->ended ? -1
					: d->len	? d->to
							: d->from,
				d->len ? POLLOUT : POLLIN, 0};
		}
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		for (int i = 0; i < 2; i++)
			if (p[i].revents && move(&directions[i]) < 0)
				return;
	}
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc != 3)
		return 1;
	int endpoint = connect_to(argv[1], argv[2]);
	if (endpoint < 0)
		return 1;
	relay(STDIN_FILENO, endpoint);
	return 0;
}
