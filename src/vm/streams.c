/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The caller's ends of a command's streams. */
#include "vm/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ctrl-], this often within this time. */
#define ESCAPE_KEY   '\x1d'
#define ESCAPE_COUNT 3
#define ESCAPE_MS    1000

static void open_out(struct stream_out *out, int fd)
{
	struct stat st;
	char path[40];

	*out = (struct stream_out){.fd = fd};
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	out->socket = S_ISSOCK(st.st_mode);
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own >= 0) {
		out->fd = own;
		out->owned = true;
	}
}

/* nohup leaves a standard input that is only open for writing: treat it as no input. */
static bool is_readable(int fd)
{
	return fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY;
}

void streams_init(struct streams *s, int stdin_fd, int stdout_fd, int stderr_fd)
{
	sigset_t pipe;

	*s = (struct streams){.stdin_fd = is_readable(stdin_fd) ? stdin_fd : -1};
	open_out(&s->out[STREAM_STDOUT], stdout_fd);
	open_out(&s->out[STREAM_STDERR], stderr_fd);
	/* A reader that went away is EPIPE for us, not the end of the program we are
	 * in. */
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &s->saved_mask);
}

int streams_set_raw(struct streams *s, int terminal_fd, struct error *err)
{
	if (tcgetattr(terminal_fd, &s->saved) < 0)
		return error_set(err, errno,
			"give the command a terminal: standard input is none");
	s->own = s->saved;
	cfmakeraw(&s->own);
	/* In the background this stops the process; SIGCONT interrupts it when the terminal
	 * is ours again. */
	while (tcsetattr(terminal_fd, TCSADRAIN, &s->own) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "put the terminal into raw mode");
	s->terminal_fd = terminal_fd;
	s->raw = true;
	return 0;
}

void streams_renew_raw(struct streams *s)
{
	if (s->raw)
		tcsetattr(s->terminal_fd, TCSADRAIN, &s->own);
}

bool streams_saw_escape(struct streams *s, const char *data, size_t len, int64_t now_ms)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != ESCAPE_KEY) {
			s->escapes = 0;
			continue;
		}
		if (s->escapes == 0 || now_ms - s->first_escape_ms > ESCAPE_MS) {
			s->escapes = 0;
			s->first_escape_ms = now_ms;
		}
		if (++s->escapes == ESCAPE_COUNT)
			return true;
	}
	return false;
}

static ssize_t write_some(struct stream_out *out)
{
	size_t len = out->pending.len;

	if (out->socket)
		return send(out->fd, out->pending.data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!out->owned) {
		/* A regular file, or a pipe that could not be opened again: a pipe that
		 * polls as writable takes PIPE_BUF bytes without blocking. */
		struct pollfd pfd = {out->fd, POLLOUT, 0};
		if (poll(&pfd, 1, 0) == 0) {
			errno = EAGAIN;
			return -1;
		}
		len = MIN(len, (size_t)PIPE_BUF);
	}
	return write(out->fd, out->pending.data, len);
}

ssize_t stream_flush(struct stream_out *out)
{
	size_t before = out->pending.len;
	size_t done = 0;

	while (done < before && out->fd >= 0 && !out->broken) {
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
	struct timespec now = {0};
	sigset_t pipe;

	if (s->raw)
		tcsetattr(s->terminal_fd, TCSADRAIN, &s->saved);
	for (int i = STREAM_STDOUT; i <= STREAM_STDERR; i++) {
		if (s->out[i].owned)
			close(s->out[i].fd);
		strbuf_done(&s->out[i].pending);
	}
	if (!sigismember(&s->saved_mask, SIGPIPE)) {
		sigemptyset(&pipe);
		sigaddset(&pipe, SIGPIPE);
		sigtimedwait(&pipe, NULL, &now);
	}
	pthread_sigmask(SIG_SETMASK, &s->saved_mask, NULL);
}
