/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client's side of sessions. A command's descriptors are the keeper's to read and
 * write, with one exception: a terminal's input passes through us, so that the terminal's
 * modes, and stopping and continuing us, still work.
 *
 *	our terminal ──► struct typed ──socket──► keeper ──► the command
 *	a file, pipe or socket ═════════════════► keeper
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/handle.h"
#include "base/control.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/name.h"
#include "session/session.h"
#include "vm/network.h"
#include "vm/terminal.h"

/* For a keeper to say what its session is. */
#define DESCRIBE_MS 2000
/* For one to say that its VM is ours now. */
#define TAKE_MS 1000
/* For a keeper that was killed to be gone. */
#define ENDING_MS      1000
#define ENDING_STEP_MS 20

/* Those that say what a VM is made of, and what it can reach. */
static bool has_settings(const struct hypermin *h)
{
	return h->packages.len || h->kernel || h->image || h->fixed || h->from ||
		h->disks.len || h->shares.len || h->host ||
		vm_network_is_wanted(&h->network) || handle_is_special(h);
}

int hypermin_open_session(struct hypermin *h, const char *name)
{
	if (name_check("a session", name, &h->error) < 0)
		return -1;
	if (h->vm || h->stopped || h->session)
		return error_set(&h->error, 0,
			"open the session '%s': the handle stands for another VM", name);
	if (has_settings(h))
		return error_set(&h->error, EINVAL,
			"open the session '%s': its VM is made already; what it is made of and "
			"what it can reach was said when it was started",
			name);
	int fd = session_connect(name, &h->error);
	if (fd < 0)
		return -1;
	close(fd);
	h->session = xstrdup(name);
	return 0;
}

/* The keeper has closed the connection without an answer. One that was killed is still
 * there for others for a moment. */
static int error_lost(struct hypermin *h, const char *name)
{
	int64_t deadline = monotonic_ms() + ENDING_MS;

	do {
		int fd = session_connect(name, &h->error);
		if (fd < 0 && h->error.num != EAGAIN)
			return -1;
		if (fd >= 0)
			close(fd);
		poll(NULL, 0, ENDING_STEP_MS);
	} while (monotonic_ms() < deadline);
	return error_set(&h->error, ECONNRESET,
		"the keeper of the session '%s' has closed the connection", name);
}

static int take_failure(struct hypermin *h, const struct frame *f)
{
	if (f->len < SESSION_FAILED_FIXED)
		return error_set(&h->error, 0, "the session's keeper makes no sense");
	error_set(&h->error, 0, "%.*s", (int)(f->len - SESSION_FAILED_FIXED),
		(const char *)f->payload + SESSION_FAILED_FIXED);
	h->error.num = wire_get_u32(f->payload);
	return -1;
}

/* ---- What is typed ---- */

struct typed {
	struct terminal terminal; /* raw or not */
	int terminal_fd;	  /* -1: nothing is typed, or no more */
	int socket;		  /* -1: there is no terminal, or its input has ended */
	struct strbuf waiting;
};

static void typed_done(struct typed *t)
{
	terminal_restore(&t->terminal);
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
	if (t->terminal.raw &&
		terminal_saw_escape(&t->terminal, buf, n, monotonic_ms())) {
		control_error(SIGHUP, err);
		return error_prefix(err, "ctrl-] was typed three times");
	}
	return 0;
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
	struct hypermin *h;
	struct session_link link;
	struct typed typed;
	int size_fd; /* whose size the command's terminal has */
	bool interrupted;
	bool answered;
	struct hypermin_result *result;
};

static struct winsize terminal_size(int fd)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};

	ioctl(fd, TIOCGWINSZ, &size);
	return size;
}

static void put_request(
	struct session_link *link, const struct hypermin_command *command, uint16_t flags)
{
	struct winsize size = terminal_size(command->stdout_fd);
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
		.rows = size.ws_row,
		.columns = size.ws_col,
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

static int send_request(struct conversation *c, const struct hypermin_command *command)
{
	CLEANUP_CLOSE int far = -1;
	int stdin_fd = command->stdin_fd, fds[3];
	uint16_t flags = 0;
	size_t n = 0;

	if (command->detached) {
		flags = SESSION_DETACHED;
	} else {
		if (stdin_fd >= 0 && isatty(stdin_fd)) {
			if (typed_open(&c->typed, stdin_fd, &far, &c->h->error) < 0)
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
	put_request(&c->link, command, flags);
	if (session_link_pass(&c->link, fds, n) < 0)
		return error_set(&c->h->error, errno,
			"pass the command to the session '%s'", c->h->session);
	return 0;
}

static int take_result(struct conversation *c, const struct frame *f)
{
	if (f->len < SESSION_RESULT_FIXED)
		return error_set(&c->h->error, 0, "the session's keeper makes no sense");
	c->result->outcome = wire_get_u32(f->payload);
	c->result->status = wire_get_u32(f->payload + 4);
	error_set(&c->h->error, 0, "%.*s", (int)(f->len - SESSION_RESULT_FIXED),
		(const char *)f->payload + SESSION_RESULT_FIXED);
	c->answered = true;
	return 0;
}

static int take_answers(struct conversation *c)
{
	struct frame f;
	int received = session_link_receive(&c->link), n;

	while (!c->answered && (n = session_link_next(&c->link, &f)) > 0) {
		if (f.type == SESSION_FAILED)
			return take_failure(c->h, &f);
		if (f.type == SESSION_RESULT && take_result(c, &f) < 0)
			return -1;
		session_link_drop(&c->link);
	}
	return c->answered || received == 0 ? 0 : error_lost(c->h, c->h->session);
}

static int take_control(struct conversation *c)
{
	struct control_message message;

	if (!control_read(c->h->control[0], &message))
		return 0;
	if (message.what == CONTROL_INTERRUPT) {
		if (c->interrupted)
			return control_error(message.signal, &c->h->error);
		c->interrupted = true;
		wire_put_u32(
			session_link_add(&c->link, SESSION_SIGNAL, 4), message.signal);
		log_info("passing signal %d to the command; a second one leaves it",
			message.signal);
	} else if (c->size_fd >= 0) {
		struct winsize size = terminal_size(c->size_fd);
		uint8_t *p = session_link_add(&c->link, SESSION_RESIZE, 4);

		wire_put_u16(p, size.ws_row);
		wire_put_u16(p + 2, size.ws_col);
		terminal_renew_raw(&c->typed.terminal);
	}
	return 0;
}

static int talk(struct conversation *c)
{
	struct typed *t = &c->typed;

	while (!c->answered) {
		struct pollfd fds[] = {
			{c->link.fd, POLLIN | (c->link.out.len ? POLLOUT : 0), 0},
			{c->h->control[0], POLLIN, 0},
			{t->waiting.len ? -1 : t->terminal_fd, POLLIN, 0},
			{t->socket, t->waiting.len ? POLLOUT : 0, 0},
		};
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return error_set(&c->h->error, errno, "poll");
		if (fds[1].revents && take_control(c) < 0)
			return -1;
		if (fds[2].revents && typed_read(t, &c->h->error) < 0)
			return -1;
		/* The command has closed its input. */
		if (fds[3].revents & (POLLHUP | POLLERR))
			typed_end(t);
		typed_write(t);
		if (fds[0].revents & (POLLIN | POLLHUP | POLLERR) && take_answers(c) < 0)
			return -1;
		session_link_flush(&c->link);
	}
	return 0;
}

int session_exec(struct hypermin *h, const struct hypermin_command *command,
	struct hypermin_result *ret)
{
	struct conversation c = {.h = h,
		.typed = {.terminal_fd = -1, .socket = -1},
		.size_fd = command->terminal ? command->stdout_fd : -1,
		.result = ret};

	if (!command->argv || !command->argv[0])
		return error_set(&h->error, 0, "run a command: none is given");
	int fd = session_connect(h->session, &h->error);
	if (fd < 0)
		return -1;
	session_link_init(&c.link, fd);
	int result = 0;
	if (command->terminal)
		result =
			terminal_set_raw(&c.typed.terminal, command->stdin_fd, &h->error);
	if (result == 0)
		result = send_request(&c, command);
	if (result == 0)
		result = talk(&c);
	session_link_done(&c.link);
	typed_done(&c.typed);
	return result;
}

/* ---- The session ---- */

/* Wait for one message, which stays in the link; `ms` -1: for ever. */
static int await(struct hypermin *h, struct session_link *link, int ms, struct frame *ret)
{
	struct control_message message;
	int64_t deadline = ms < 0 ? 0 : monotonic_ms() + ms;
	int n;

	while ((n = session_link_next(link, ret)) == 0) {
		struct pollfd fds[] = {{link->fd, POLLIN, 0}, {h->control[0], POLLIN, 0}};
		int64_t left = deadline ? deadline - monotonic_ms() : -1;

		if (deadline && left <= 0)
			return error_set(&h->error, ETIMEDOUT, "wait for an answer");
		if (poll(fds, ARRAY_SIZE(fds), left) < 0 && errno != EINTR)
			return error_set(&h->error, errno, "poll");
		if (fds[1].revents & POLLIN && control_read(h->control[0], &message) &&
			message.what == CONTROL_INTERRUPT)
			return control_error(message.signal, &h->error);
		if (fds[0].revents && session_link_receive(link) < 0 &&
			session_link_next(link, ret) <= 0)
			return error_set(&h->error, ECONNRESET,
				"the session's keeper has closed the connection");
	}
	if (n < 0)
		return error_set(&h->error, 0, "the session's keeper makes no sense");
	return ret->type == SESSION_FAILED ? take_failure(h, ret) : 0;
}

int session_stop(struct hypermin *h, bool at_once)
{
	struct session_link link;
	struct frame answer;

	int fd = session_connect(h->session, &h->error);
	if (fd < 0)
		return -1;
	session_link_init(&link, fd);
	*session_link_add(&link, SESSION_STOP, 1) = at_once;
	session_link_flush(&link);
	int result = await(h, &link, -1, &answer);
	if (result == 0 && answer.type == SESSION_TAKEN)
		result = 1;
	session_link_done(&link);
	return result;
}

static int take(struct hypermin *h, const char *name)
{
	struct session_link link;
	struct frame answer;

	int fd = session_connect(name, &h->error);
	if (fd < 0)
		return -1;
	session_link_init(&link, fd);
	session_link_add(&link, SESSION_TAKE, 0);
	session_link_flush(&link);
	int result = await(h, &link, TAKE_MS, &answer);
	if (result == 0 && answer.type == SESSION_TAKEN) {
		h->session = xstrdup(name);
		h->owner_fd = TAKE_FD(link.fd);
	}
	session_link_done(&link);
	return h->session ? 0 : -1;
}

int session_take(struct hypermin *h, const char *key)
{
	CLEANUP_STRVEC struct strvec names = {0};

	if (session_list_ready(key, &names, &h->error) < 0)
		return 1;
	vector_foreach (name, &names)
		if (take(h, *name) == 0)
			return 0;
	return 1;
}

char *session_write_down(struct hypermin *h, int dir_fd)
{
	struct session_link link;
	struct frame answer;
	char *text = NULL;

	int fd = session_connect(h->session, &h->error);
	if (fd < 0)
		return NULL;
	session_link_init(&link, fd);
	session_link_add(&link, SESSION_SAVE, 0);
	if (session_link_pass(&link, &dir_fd, 1) < 0)
		error_set(&h->error, errno, "ask the session '%s'", h->session);
	else if (await(h, &link, -1, &answer) == 0)
		text = xstrndup((const char *)answer.payload, answer.len);
	session_link_done(&link);
	return text;
}

static unsigned count(const json_t *object, const char *name)
{
	return json_array_size(json_object_get(object, name));
}

static int64_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void pass_description(
	const char *name, const struct frame *f, hypermin_session_fn *fn, void *data)
{
	CLEANUP_FREE char *text = xstrndup((const char *)f->payload, f->len);
	json_t *json = json_loads(text, 0, NULL);
	const char *origin = json_string_value(json_object_get(json, "origin"));
	const struct hypermin_session session = {
		.name = name,
		.started = number(json, "started"),
		.memory = number(json, "memory_bytes"),
		.disks = count(json, "disks"),
		.commands = count(json, "commands"),
		.origin = origin ? origin : "",
	};

	fn(&session, text, data);
	json_decref(json);
}

/* One that ends just now is none any more. */
static int describe(
	struct hypermin *h, const char *name, hypermin_session_fn *fn, void *data)
{
	struct session_link link;
	struct frame answer;

	int fd = session_connect(name, &h->error);
	if (fd < 0)
		return h->error.num == ENOENT || h->error.num == EAGAIN ? 0 : -1;
	session_link_init(&link, fd);
	session_link_add(&link, SESSION_DESCRIBE, 0);
	session_link_flush(&link);
	int result = await(h, &link, DESCRIBE_MS, &answer);
	if (result == 0 && answer.type == SESSION_DESCRIPTION)
		pass_description(name, &answer, fn, data);
	session_link_done(&link);
	if (result < 0 && h->error.num == EINTR)
		return -1;
	if (result < 0 && h->error.num != ECONNRESET)
		log_warning("the session '%s' is not listed: %s", name, h->error.msg);
	return 0;
}

int hypermin_list_sessions(struct hypermin *h, hypermin_session_fn *fn, void *data)
{
	CLEANUP_STRVEC struct strvec names = {0};

	if (session_list(&names, &h->error) < 0)
		return -1;
	vector_foreach (name, &names)
		if (describe(h, *name, fn, data) < 0)
			return -1;
	return 0;
}
