/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nothing here waits: what can't be done now is done after the next poll().
 *
 * When a command has ended, what is in its pipes at that moment is still delivered, and no
 * more: a background process that it left may hold them open for ever, or fill them
 * without end.
 */
#include "guest/streams.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	/* A splice needs a separate write for its header, a copy does not. */
	SPLICE_MIN = 8 * 1024,
	/* More than the kernel's terminal buffers hold, which it does not tell. */
	TERMINAL_DRAIN_MAX = 128 * 1024,
	CREDIT_STEP = PROTOCOL_WINDOW / 4,
};

void input_init(struct input *in, int fd, bool terminal)
{
	in->fd = fd;
	in->terminal = terminal;
	in->ended = false;
	in->last = '\n';
	in->allowed = PROTOCOL_WINDOW;
	in->credit = 0;
	in->head = in->len = 0;
}

void input_close(struct input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
	in->len = 0;
}

static void queue(struct input *in, const uint8_t *bytes, size_t len)
{
	size_t tail = (in->head + in->len) % sizeof(in->ring);
	size_t first = MIN(len, sizeof(in->ring) - tail);

	memcpy(in->ring + tail, bytes, first);
	memcpy(in->ring, bytes + first, len - first);
	in->len += len;
}

/* Returns how many bytes were written, 0 if none can be now, -1 if there is no reader. */
static ssize_t write_some(struct input *in, const uint8_t *bytes, size_t len)
{
	ssize_t n = write(in->fd, bytes, len);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (!in->ended)
		in->credit += n;
	return n;
}

int input_add(struct input *in, const uint8_t *bytes, size_t len)
{
	ssize_t n = 0;

	if (len > in->allowed || in->ended)
		return -1;
	if (len == 0)
		return 0;
	in->allowed -= len;
	if (in->fd < 0)
		return 0;
	in->last = bytes[len - 1];
	/* Usually the pipe takes it all, and the ring is not needed. */
	if (in->len == 0)
		n = write_some(in, bytes, len);
	if (n < 0)
		n = 0; /* input_pump() will see it */
	queue(in, bytes + n, len - n);
	return 0;
}

/*
 * The end of file on a terminal is a character, which ends the read() under way. In the
 * middle of a line that read() returns the line's start, and a second one is needed.
 */
static void queue_terminal_end(struct input *in)
{
	struct termios t;

	if (tcgetattr(in->fd, &t) < 0 || !(t.c_lflag & ICANON))
		return;
	if (in->last != '\n')
		queue(in, &t.c_cc[VEOF], 1);
	queue(in, &t.c_cc[VEOF], 1);
}

void input_end(struct input *in)
{
	if (in->ended || in->fd < 0)
		return;
	in->ended = true;
	if (in->terminal)
		queue_terminal_end(in);
}

int input_pump(struct input *in)
{
	while (in->fd >= 0 && in->len > 0) {
		size_t run = MIN(in->len, sizeof(in->ring) - in->head);
		ssize_t n = write_some(in, in->ring + in->head, run);

		if (n <= 0)
			return n;
		in->head = (in->head + n) % sizeof(in->ring);
		in->len -= n;
	}
	if (in->ended && !in->terminal)
		input_close(in);
	return 0;
}

short input_events(const struct input *in)
{
	return in->len > 0 ? POLLOUT : 0;
}

uint32_t input_take_credit(struct input *in)
{
	uint32_t credit = in->credit;

	if (in->ended || credit < CREDIT_STEP)
		return 0;
	in->credit = 0;
	in->allowed += credit;
	return credit;
}

void output_init(
	struct output *out, uint16_t command, uint8_t stream, int fd, bool terminal)
{
	*out = (struct output){
		.fd = fd,
		.command = command,
		.stream = stream,
		.terminal = terminal,
		.window = PROTOCOL_WINDOW,
	};
}

void output_close(struct output *out)
{
	if (out->fd >= 0)
		close(out->fd);
	out->fd = -1;
}

int output_grow_window(struct output *out, uint32_t more)
{
	if (more > PROTOCOL_WINDOW - out->window)
		return -1;
	out->window += more;
	return 0;
}

/* With a closed window nothing can be sent, and what is known to be readable needs no
 * poll. */
bool output_wants_poll(const struct output *out)
{
	return out->fd >= 0 && !out->readable && !out->draining && out->window > 0;
}

bool output_is_ready(const struct output *out)
{
	return out->fd >= 0 && out->readable && out->window > 0;
}

void output_abandon(struct output *out)
{
	out->abandoned = true;
	out->window = PROTOCOL_WINDOW;
}

static long drop(struct output *out, size_t max)
{
	static uint8_t nowhere[FRAME_PAYLOAD_MAX];
	long n = read(out->fd, nowhere, max);

	if (n > 0)
		out->window += n;
	return n;
}

void output_move(struct output *out, struct channel *c)
{
	size_t max = MIN(out->window, FRAME_PAYLOAD_MAX);
	int waiting = 0;
	long n;

	if (out->draining)
		max = MIN(max, out->drain_left);
	if (out->abandoned)
		n = drop(out, max);
	else if (!out->terminal && max >= SPLICE_MIN &&
		ioctl(out->fd, FIONREAD, &waiting) == 0 && waiting >= SPLICE_MIN)
		n = channel_add_spliced(c, out->command, out->stream, out->fd, max);
	else
		n = channel_add_copied(c, out->command, out->stream, out->fd, max);

	if (n > 0) {
		out->window -= n;
		out->drain_left -= out->draining ? n : 0;
	} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		out->readable = false;
	} else {
		/* The end of a pipe; a terminal returns EIO. */
		output_close(out);
	}
	if (out->draining && (!out->readable || out->drain_left == 0))
		output_close(out);
}

void output_start_drain(struct output *out)
{
	int waiting = 0;

	if (out->fd < 0)
		return;
	out->draining = true;
	out->readable = true;
	out->drain_left = TERMINAL_DRAIN_MAX;
	if (!out->terminal && ioctl(out->fd, FIONREAD, &waiting) == 0)
		out->drain_left = waiting;
	if (out->drain_left == 0)
		output_close(out);
}
