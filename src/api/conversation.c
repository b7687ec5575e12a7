/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A command in a session, as its client sees it. A command's descriptors are the keeper's to
 * read and write, with one exception: a terminal's input passes through us, so that the
 * terminal's modes, and stopping and continuing us, still work.
 *
 *	our terminal ──► struct typed ──socket──► keeper ──► the command
 *	a file, pipe or socket ═════════════════► keeper
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/job.h"
#include "base/monotonic.h"
#include "session/session.h"

/* For a keeper that was killed to be gone. */
#define ENDING_MS      1000
#define ENDING_STEP_MS 20

/* ---- What is typed ---- */

struct typed {
	struct terminal *terminal; /* raw or not */
	int terminal_fd;	   /* -1: nothing is typed, or no more */
	int socket;		   /* -1: there is no terminal, or its input has ended */
	struct strbuf waiting;
};

static void typed_done(struct typed *t)
{
	if (t->socket >= 0)
		close(t->socket);
	strbuf_done(&t->waiting);
}

/* The far end is for the keeper. */
static int typed_open(struct typed *t, int terminal_fd, int *ret_far, struct error *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return error_set(err, errno, "make a socket pair");
	t->terminal_fd = terminal_fd;
	t->socket = fds[0];
	*ret_far = fds[1];
	return 0;
}

static void typed_end(struct typed *t)
{
	close(t->socket);
	t->socket = t->terminal_fd = -1;
}

/* -1: the key that ends what can't be ended otherwise. */
static int typed_read(struct typed *t, struct error *err)
{
	char buf[4096];
	ssize_t n = read(t->terminal_fd, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		t->terminal_fd = -1;
		return 0;
	}
	strbuf_add(&t->waiting, buf, n);
	return terminal_has_ended(t->terminal, buf, n, err) ? -1 : 0;
}

static void typed_write(struct typed *t)
{
	if (t->socket < 0)
		return;
	if (t->waiting.len) {
		ssize_t n = send(t->socket, t->waiting.data, t->waiting.len,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			strbuf_consume(&t->waiting, n);
		else if (errno != EAGAIN && errno != EINTR)
			typed_end(t);
	}
	if (t->socket >= 0 && t->terminal_fd < 0 && !t->waiting.len)
		typed_end(t);
}

/* ---- A command ---- */

struct conversation {
	const char *session; /* the handle's */
	struct session_link link;
	struct typed typed;
};

static void put_request(struct session_link *link, const struct hypermin_command *command,
	const struct winsize *size, uint16_t flags)
{
	CLEANUP_FREE char *here = getcwd(NULL, 0);
	CLEANUP_STRBUF struct strbuf request = {0};
	uint8_t fixed[SESSION_EXEC_FIXED] = {0};
	const struct agent_command agent = {
		.argv = command->argv,
		.env = command->env,
		.cwd = command->cwd,
		.user = command->user,
		.terminal = command->terminal,
		.stderr_apart = command->terminal && !isatty(command->stderr_fd),
		.rows = size->ws_row,
		.columns = size->ws_col,
	};

	wire_put_u32(fixed, command->timeout_ms);
	wire_put_u16(fixed + 4, flags);
	strbuf_add(&request, fixed, sizeof(fixed));
	strbuf_add(&request, here ? here : "", here ? strlen(here) + 1 : 1);
	agent_command_encode(&agent, &request);
	for (size_t sent = 0; sent < request.len;) {
		size_t n = MIN(request.len - sent, FRAME_PAYLOAD_MAX);
		bool last = sent + n == request.len;

		memcpy(session_link_add(link, last ? SESSION_EXEC : SESSION_EXEC_PART, n),
			request.data + sent, n);
		sent += n;
	}
}

static int send_request(struct conversation *c, const struct hypermin_command *command,
	const struct winsize *size, struct error *err)
{
	CLEANUP_CLOSE int far = -1;
	int stdin_fd = command->stdin_fd, fds[3];
	uint16_t flags = 0;
	size_t n = 0;

	if (command->detached) {
		flags = SESSION_DETACHED;
	} else {
		if (stdin_fd >= 0 && isatty(stdin_fd)) {
			if (typed_open(&c->typed, stdin_fd, &far, err) < 0)
				return -1;
			stdin_fd = far;
		}
		const int streams[] = {stdin_fd, command->stdout_fd, command->stderr_fd};
		for (int i = 0; i < 3; i++) {
			if (streams[i] < 0)
				continue;
			fds[n++] = streams[i];
			flags |= SESSION_HAS_STDIN << i;
		}
	}
	put_request(&c->link, command, size, flags);
	if (session_link_pass(&c->link, fds, n) < 0)
		return error_set(
			err, errno, "pass the command to the session '%s'", c->session);
	return 0;
}

struct conversation *conversation_begin(const char *session,
	const struct hypermin_command *command, const struct winsize *size,
	struct terminal *terminal, struct error *err)
{
	if (!command->argv || !command->argv[0])
		return error_null(err, 0, "run a command: none is given");
	int fd = session_connect(session, err);
	if (fd < 0)
		return NULL;
	struct conversation *c = xcalloc(1, sizeof(*c));
	c->session = session;
	c->typed = (struct typed){terminal, -1, -1};
	session_link_init(&c->link, fd);
	if (send_request(c, command, size, err) == 0)
		return c;
	conversation_free(c);
	return NULL;
}

void conversation_free(struct conversation *c)
{
	session_link_done(&c->link);
	typed_done(&c->typed);
	free(c);
}

void conversation_signal(struct conversation *c, int signal)
{
	wire_put_u32(session_link_add(&c->link, SESSION_SIGNAL, 4), signal);
}

void conversation_resize(struct conversation *c, const struct winsize *size)
{
	uint8_t *p = session_link_add(&c->link, SESSION_RESIZE, 4);

	wire_put_u16(p, size->ws_row);
	wire_put_u16(p + 2, size->ws_col);
}

/* The keeper has closed the connection without an answer. One that was killed is still
 * there for others for a moment. */
static int error_lost(const char *session, bool may_wait, struct error *err)
{
	int64_t deadline = may_wait ? monotonic_ms() + ENDING_MS : 0;

	do {
		int fd = session_connect(session, err);
		if (fd < 0 && err->num != EAGAIN)
			return -1;
		if (fd >= 0)
			close(fd);
		if (may_wait)
			poll(NULL, 0, ENDING_STEP_MS);
	} while (monotonic_ms() < deadline);
	return error_set(err, ECONNRESET,
		"the keeper of the session '%s' has closed the connection", session);
}

static int take_result(
	const struct frame *f, struct hypermin_result *ret, struct error *err)
{
	if (f->len < SESSION_RESULT_FIXED)
		return error_set(err, 0,
			"the session's keeper says what this hypermin does not know; stop the session, and start it again");
	ret->outcome = wire_get_u32(f->payload);
	ret->status = wire_get_u32(f->payload + 4);
	error_set(err, 0, "%-.*s", (int)(f->len - SESSION_RESULT_FIXED),
		(const char *)f->payload + SESSION_RESULT_FIXED);
	return 1;
}

static int take_answers(struct conversation *c, bool may_wait,
	struct hypermin_result *ret, struct error *err)
{
	struct frame f;
	int received = session_link_receive(&c->link);

	while (session_link_next(&c->link, &f) > 0) {
		if (f.type == SESSION_FAILED)
			return session_take_failure(&f, err);
		if (f.type == SESSION_RESULT)
			return take_result(&f, ret, err);
		session_link_drop(&c->link);
	}
	return received == 0 ? 0 : error_lost(c->session, may_wait, err);
}

void conversation_list(
	const struct conversation *c, struct pollfd ret[static CONVERSATION_POLLED])
{
	const struct typed *t = &c->typed;

	ret[0] = (struct pollfd){c->link.fd, POLLIN | (c->link.out.len ? POLLOUT : 0), 0};
	ret[1] = (struct pollfd){t->waiting.len ? -1 : t->terminal_fd, POLLIN, 0};
	ret[2] = (struct pollfd){t->socket, t->waiting.len ? POLLOUT : 0, 0};
}

int conversation_serve(struct conversation *c,
	const struct pollfd fds[static CONVERSATION_POLLED], bool may_wait,
	struct hypermin_result *ret, struct error *err)
{
	struct typed *t = &c->typed;
	int result = 0;

	if (fds[1].revents && typed_read(t, err) < 0)
		return -1;
	/* The command has closed its input. */
	if (fds[2].revents & (POLLHUP | POLLERR))
		typed_end(t);
	typed_write(t);
	if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
		result = take_answers(c, may_wait, ret, err);
	session_link_flush(&c->link);
	return result;
}
