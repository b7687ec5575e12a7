/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client's side of sessions: to open, describe, save, take and stop them. Commands in
 * one are in conversation.c.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/job.h"
#include "base/control.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/name.h"
#include "session/session.h"
#include "vm/network.h"

/* For a keeper to say what its session is. */
#define DESCRIBE_MS 2000
/* For one to say that its VM is ours now, with its disks. */
#define TAKE_MS 20000
/* For the VM's end, when it was taken and is wanted no more. */
#define HANG_UP_MS 10000

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

int session_take_failure(const struct frame *f, struct error *err)
{
	if (f->len < SESSION_FAILED_FIXED)
		return error_set(err, 0,
			"the session's keeper says what this hypermin does not know; stop the session, and start it again");
	error_set(err, 0, "%-.*s", (int)(f->len - SESSION_FAILED_FIXED),
		(const char *)f->payload + SESSION_FAILED_FIXED);
	err->num = wire_get_u32(f->payload);
	return -1;
}

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
		return error_set(&h->error, 0,
			"the session's keeper says what this hypermin does not know; stop the session, and start it again");
	return ret->type == SESSION_FAILED ? session_take_failure(ret, &h->error) : 0;
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

void session_hang_up(int *owner_fd, bool wait)
{
	struct pollfd pfd = {*owner_fd, POLLRDHUP, 0};

	if (*owner_fd >= 0 && wait && shutdown(*owner_fd, SHUT_WR) == 0)
		poll(&pfd, 1, HANG_UP_MS);
	cleanup_close(owner_fd);
}

int session_stop_taken(struct hypermin *h, bool at_once, int limit_ms)
{
	struct session_link link;
	struct frame answer;

	session_link_init(&link, TAKE_FD(h->owner_fd));
	*session_link_add(&link, SESSION_STOP, 1) = at_once;
	session_link_flush(&link);
	int result = await(h, &link, limit_ms, &answer);
	if (result < 0 && h->error.num == ETIMEDOUT)
		error_set(&h->error, 0,
			"stop the VM: the guest has not written out its disks in time, and "
			"what is not written is lost");
	h->owner_fd = TAKE_FD(link.fd);
	session_link_done(&link);
	return result;
}

int session_take(struct hypermin *h, const char *name, const char *gift, const int *fds,
	size_t n_fds)
{
	struct session_link link;
	struct frame answer;

	int fd = session_connect(name, &h->error);
	if (fd < 0)
		return -1;
	session_link_init(&link, fd);
	session_link_add_text(&link, SESSION_TAKE, NULL, 0, gift);
	int result = session_link_pass(&link, fds, n_fds) < 0
		? error_set(&h->error, errno, "take the VM '%s'", name)
		: await(h, &link, TAKE_MS, &answer);
	if (result == 0 && answer.type == SESSION_TAKEN) {
		h->session = xstrdup(name);
		h->owner_fd = TAKE_FD(link.fd);
	} else {
		if (result == 0)
			error_set(&h->error, 0,
				"the session's keeper says what this hypermin does not know; stop the session, and start it again");
		session_hang_up(&link.fd, n_fds > 0);
	}
	session_link_done(&link);
	return h->session ? 0 : -1;
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

int session_describe(
	struct hypermin *h, const char *name, hypermin_session_fn *fn, void *data)
{
	struct session_link link;
	struct frame answer;

	int fd = session_connect(name, &h->error);
	if (fd < 0 && h->error.num == EPROTO)
		log_warning("the session '%s' is not listed: %-s", name, h->error.msg);
	if (fd < 0)
		return h->error.num == ENOENT || h->error.num == EAGAIN ||
				h->error.num == EPROTO
			? 0
			: -1;
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
		log_warning("the session '%s' is not listed: %-s", name, h->error.msg);
	return 0;
}

int hypermin_list_sessions(struct hypermin *h, hypermin_session_fn *fn, void *data)
{
	CLEANUP_STRVEC struct strvec names = {0};

	if (session_list(&names, &h->error) < 0)
		return -1;
	vector_foreach (name, &names)
		if (session_describe(h, *name, fn, data) < 0)
			return -1;
	return 0;
}
