/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The port with its buffers. */
#include "guest/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

int channel_init(struct channel *c, int port)
{
	c->port = port;
	c->staged = 0;
	c->in_start = c->in_end = 0;
	c->out_start = c->out_end = 0;
	return pipe2(c->staging, O_CLOEXEC | O_NONBLOCK);
}

void channel_done(struct channel *c)
{
	close(c->staging[0]);
	close(c->staging[1]);
}

/* Room behind what is buffered for at least one of the largest frames in whole. */
static void make_room(struct channel *c)
{
	if (c->in_start == c->in_end) {
		c->in_start = c->in_end = 0;
	} else if (sizeof(c->in) - c->in_start < FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX ||
		c->in_end == sizeof(c->in)) {
		memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
		c->in_end -= c->in_start;
		c->in_start = 0;
	}
}

int channel_receive(struct channel *c)
{
	make_room(c);
	/* One read brings no more than one of the port's 4 KiB buffers. */
	while (c->in_end < sizeof(c->in)) {
		ssize_t n = read(c->port, c->in + c->in_end, sizeof(c->in) - c->in_end);

		if (n > 0)
			c->in_end += n;
		else if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		else
			return -1;
	}
	return 0;
}

int channel_next(struct channel *c, struct frame *ret)
{
	long n = frame_parse(c->in + c->in_start, c->in_end - c->in_start, ret);

	if (n > 0)
		c->in_start += n;
	return n > 0 ? 1 : n;
}

bool channel_is_idle(const struct channel *c)
{
	return c->out_start == c->out_end && c->staged == 0;
}

/* What is staged comes behind what is in `out`, so nothing may be added after it. */
bool channel_has_room(const struct channel *c)
{
	return c->staged == 0 && sizeof(c->out) - c->out_end >= CHANNEL_OUT_RESERVE;
}

uint8_t *channel_add_command(struct channel *c, enum frame_type type, uint16_t command,
	uint8_t stream, uint32_t len)
{
	uint8_t *p = c->out + c->out_end;

	frame_put_command_header(p, type, command, stream, len);
	c->out_end += FRAME_HEADER_SIZE + len;
	return p + FRAME_HEADER_SIZE;
}

uint8_t *channel_add(struct channel *c, enum frame_type type, uint32_t len)
{
	return channel_add_command(c, type, 0, 0, len);
}

long channel_add_copied(
	struct channel *c, uint16_t command, uint8_t stream, int fd, size_t max)
{
	ssize_t n = read(fd, c->out + c->out_end + FRAME_HEADER_SIZE, max);

	/* The header comes last: only now is the frame's length known. */
	if (n > 0)
		channel_add_command(c, FRAME_DATA, command, stream, n);
	return n;
}

long channel_add_spliced(
	struct channel *c, uint16_t command, uint8_t stream, int pipe, size_t max)
{
	ssize_t n = splice(pipe, NULL, c->staging[1], NULL, max, SPLICE_F_NONBLOCK);

	if (n > 0) {
		/* The payload stays behind. */
		channel_add_command(c, FRAME_DATA, command, stream, n);
		c->out_end -= n;
		c->staged = n;
	}
	return n;
}

int channel_flush(struct channel *c)
{
	while (!channel_is_idle(c)) {
		size_t out = c->out_end - c->out_start;
		ssize_t n = out > 0 ? write(c->port, c->out + c->out_start, out)
				    : splice(c->staging[0], NULL, c->port, NULL,
					      c->staged, SPLICE_F_NONBLOCK);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return -1;
		if (out > 0)
			c->out_start += n;
		else
			c->staged -= n;
		if (c->out_start == c->out_end)
			c->out_start = c->out_end = 0;
	}
	return 0;
}

int channel_flush_all(struct channel *c)
{
	while (!channel_is_idle(c)) {
		struct pollfd p = {.fd = c->port, .events = POLLOUT};

		if (channel_flush(c) < 0)
			return -1;
		if (!channel_is_idle(c) && poll(&p, 1, -1) < 0 && errno != EINTR)
			return -1;
	}
	return 0;
}
