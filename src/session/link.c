/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One end of a connection between a keeper and a client. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "session/session.h"

#define READ_SIZE (64 * 1024)
/* What may wait in `in`: a request is taken out piece by piece. */
#define IN_MAX (4 * (FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX))

void session_link_init(struct session_link *link, int fd)
{
	*link = (struct session_link){.fd = fd};
}

void session_link_close_fds(struct session_link *link)
{
	for (size_t i = 0; i < link->n_fds; i++)
		close(link->fds[i]);
	link->n_fds = 0;
}

void session_link_done(struct session_link *link)
{
	/* The other end may wait for these to be closed. */
	session_link_close_fds(link);
	if (link->fd >= 0)
		close(link->fd);
	strbuf_done(&link->in);
	strbuf_done(&link->out);
	*link = (struct session_link){.fd = -1};
}

/* -1: there are too many. */
static int take_descriptors(struct session_link *link, struct msghdr *message)
{
	int result = message->msg_flags & MSG_CTRUNC ? -1 : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (link->n_fds < ARRAY_SIZE(link->fds)) {
				link->fds[link->n_fds++] = fd;
			} else {
				close(fd);
				result = -1;
			}
		}
	}
	return result;
}

int session_link_receive(struct session_link *link)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(SESSION_FDS_MAX * sizeof(int))];
	} control;

	while (link->in.len < IN_MAX) {
		struct iovec io = {strbuf_grow(&link->in, READ_SIZE), READ_SIZE};
		struct msghdr message = {
			.msg_iov = &io,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes),
		};
		ssize_t n = recvmsg(link->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n < 0 || take_descriptors(link, &message) < 0 || n == 0)
			return -1;
		link->in.len += n;
	}
	return 0;
}

int session_link_next(const struct session_link *link, struct frame *ret)
{
	long n = link->in.len
		? frame_parse((const uint8_t *)link->in.data, link->in.len, ret)
		: 0;

	if (n > 0 && !frame_concerns(ret, OF_THE_MACHINE))
		return -1;
	return n > 0 ? 1 : n;
}

void session_link_drop(struct session_link *link)
{
	strbuf_consume(
		&link->in, frame_want((const uint8_t *)link->in.data, link->in.len));
}

uint8_t *session_link_add(
	struct session_link *link, enum session_message type, size_t len)
{
	uint8_t *p = (uint8_t *)strbuf_grow(&link->out, FRAME_HEADER_SIZE + len);

	frame_put_header(p, type, len);
	link->out.len += FRAME_HEADER_SIZE + len;
	return p + FRAME_HEADER_SIZE;
}

void session_link_add_text(struct session_link *link, enum session_message type,
	const uint8_t *fixed, size_t fixed_len, const char *text)
{
	size_t len = strnlen(text, FRAME_PAYLOAD_MAX - fixed_len);
	uint8_t *p = session_link_add(link, type, fixed_len + len);

	if (fixed_len)
		memcpy(p, fixed, fixed_len);
	memcpy(p + fixed_len, text, len);
}

int session_link_flush(struct session_link *link)
{
	while (link->out.len > 0) {
		ssize_t n = send(link->fd, link->out.data, link->out.len,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n < 0)
			return -1;
		strbuf_consume(&link->out, n);
	}
	return 0;
}

int session_link_pass(struct session_link *link, const int *fds, size_t n)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(SESSION_FDS_MAX * sizeof(int))];
	} control = {0};
	struct iovec io = {link->out.data, link->out.len};
	struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};

	if (n > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(n * sizeof(int));
		struct cmsghdr *c = &control.header;
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	ssize_t sent = sendmsg(link->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return -1;
	strbuf_consume(&link->out, sent);
	return 0;
}
