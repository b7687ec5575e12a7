/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The caller's ends of a command's streams. */
#include "vm/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* `mode` is O_RDONLY or O_WRONLY. */
static struct stream_end open_end(int fd, int mode)
{
	struct stream_end end = {.fd = fd};
	struct stat st;
	char path[40];

	if (fd < 0 || fstat(fd, &st) < 0)
		return end;
	end.socket = S_ISSOCK(st.st_mode);
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return end;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int own = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own >= 0) {
		end.fd = own;
		end.owned = true;
	}
	return end;
}

static void close_end(struct stream_end *end)
{
	if (end->owned)
		close(end->fd);
	*end = (struct stream_end){.fd = -1};
}

/* nohup leaves a standard input that is only open for writing: treat it as no input. */
static bool is_readable(int fd)
{
	return fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY;
}

void streams_init(struct streams *s, int stdin_fd, int stdout_fd, int stderr_fd)
{
	*s = (struct streams){
		.in = open_end(is_readable(stdin_fd) ? stdin_fd : -1, O_RDONLY)};
	s->out[STREAM_STDOUT].end = open_end(stdout_fd, O_WRONLY);
	s->out[STREAM_STDERR].end = open_end(stderr_fd, O_WRONLY);
}

ssize_t streams_read(struct streams *s, void *buf, size_t size)
{
	if (s->in.socket)
		return recv(s->in.fd, buf, size, MSG_DONTWAIT);
	return read(s->in.fd, buf, size);
}

void streams_close_input(struct streams *s)
{
	close_end(&s->in);
}

/* A reader that went away is EPIPE for us, not the end of the program we are in. */
static ssize_t write_without_signal(int fd, const void *bytes, size_t len)
{
	static const struct timespec now = {0};
	sigset_t pipe, saved, pending;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe, &saved);
	ssize_t n = write(fd, bytes, len);
	int errnum = errno;
	if (n < 0 && errnum == EPIPE && !sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	errno = errnum;
	return n;
}

static ssize_t write_some(struct stream_out *out)
{
	size_t len = out->pending.len;

	if (out->end.socket)
		return send(
			out->end.fd, out->pending.data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!out->end.owned) {
		/* A regular file, or a pipe that could not be opened again: a pipe that
		 * polls as writable takes PIPE_BUF bytes without blocking. */
		struct pollfd pfd = {out->end.fd, POLLOUT, 0};
		if (poll(&pfd, 1, 0) == 0) {
			errno = EAGAIN;
			return -1;
		}
		len = MIN(len, (size_t)PIPE_BUF);
	}
	return write_without_signal(out->end.fd, out->pending.data, len);
}

ssize_t stream_flush(struct stream_out *out)
{
	size_t before = out->pending.len;
	size_t done = 0;

	while (done < before && out->end.fd >= 0 && !out->broken) {
		ssize_t n = write_some(out);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return done;
		if (n < 0 && errno == EPIPE) {
			out->broken = true;
			break;
		}
		if (n < 0)
			return -1;
		strbuf_consume(&out->pending, n);
		done += n;
	}
	strbuf_clear(&out->pending);
	return before;
}

void streams_done(struct streams *s)
{
	close_end(&s->in);
	for (int i = STREAM_STDOUT; i <= STREAM_STDERR; i++) {
		close_end(&s->out[i].end);
		strbuf_done(&s->out[i].pending);
	}
}
