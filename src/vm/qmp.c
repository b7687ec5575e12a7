/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection to qemu's monitor. Commands are short and qemu reads them as they come, so
 * a socket that does not take one whole has nobody at its other end. */
#include "vm/qmp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void qmp_init(struct qmp *q, int fd,
	void (*on_message)(const struct qmp_message *message, void *data), void *data)
{
	*q = (struct qmp){.fd = fd, .on_message = on_message, .data = data};
}

static void close_connection(struct qmp *q)
{
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
	vector_foreach (command, &q->waiting)
		free(command->name);
	vector_done(&q->waiting);
	strbuf_done(&q->in);
}

void qmp_done(struct qmp *q)
{
	close_connection(q);
	free(q->version);
	q->version = NULL;
}

/* ---- Sending ---- */

static int send_line(struct qmp *q, const char *line, int pass_fd)
{
	struct iovec iov = {(char *)line, strlen(line)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (pass_fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &pass_fd, sizeof(int));
	}
	ssize_t n = sendmsg(q->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0 && n != (ssize_t)iov.iov_len)
		errno = EAGAIN;
	return n == (ssize_t)iov.iov_len ? 0 : -1;
}

static int send_command(struct qmp *q, const char *command, json_t *arguments,
	int pass_fd, struct error *err)
{
	int id = q->last_id + 1;
	json_t *object = json_pack("{s:s, s:i}", "execute", command, "id", id);

	if (arguments)
		json_object_set(object, "arguments", arguments);
	CLEANUP_FREE char *text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (q->fd < 0 || !text)
		return error_set(err, text ? EPIPE : EILSEQ, "tell qemu to %s", command);
	CLEANUP_FREE char *line = xasprintf("%s\n", text);
	if (send_line(q, line, pass_fd) < 0) {
		error_set(err, errno, "tell qemu to %s", command);
		/* Part of a line may be gone. */
		close_connection(q);
		return -1;
	}
	q->last_id = id;
	vector_push(&q->waiting, (struct qmp_command){id, xstrdup(command)});
	return id;
}

int qmp_execute(struct qmp *q, const char *command, json_t *arguments, int pass_fd,
	struct error *err)
{
	int id = q->last_id == 0 ? send_command(q, "qmp_capabilities", NULL, -1, err) : 0;

	if (id >= 0)
		id = send_command(q, command, arguments, pass_fd, err);
	json_decref(arguments);
	return id;
}

/* ---- Receiving ---- */

static int take_answer(struct qmp *q, const json_t *object, struct error *err)
{
	const json_t *error = json_object_get(object, "error");
	const json_t *id = json_object_get(object, "id");
	const char *why = json_string_value(json_object_get(error, "desc"));

	if (!q->waiting.len || !json_is_integer(id) ||
		json_integer_value(id) != q->waiting.items[0].id)
		return error_set(err, 0, "qemu answers what it was not asked: %s",
			why ? why : "without an error");
	struct qmp_command command = q->waiting.items[0];
	memmove(q->waiting.items, q->waiting.items + 1,
		--q->waiting.len * sizeof(command));
	q->on_message(&(struct qmp_message){.id = command.id,
			      .command = command.name,
			      .error = error ? (why ? why : "for no reason given") : NULL,
			      .data = json_object_get(object, "return")},
		q->data);
	free(command.name);
	return 0;
}

static void take_greeting(struct qmp *q, const json_t *greeting)
{
	int major, minor, micro;

	if (q->version ||
		json_unpack((json_t *)greeting, "{s:{s:{s:i, s:i, s:i}}}", "version",
			"qemu", "major", &major, "minor", &minor, "micro", &micro) < 0)
		return;
	q->version = xasprintf("%d.%d.%d", major, minor, micro);
}

static int take_line(struct qmp *q, const char *line, size_t len, struct error *err)
{
	json_t *object = json_loadb(line, len, 0, NULL);
	const char *event = json_string_value(json_object_get(object, "event"));
	int result = 0;

	if (!json_is_object(object))
		result = error_set(err, 0, "what qemu says is not a JSON object");
	else if (event)
		q->on_message(&(struct qmp_message){.event = event,
				      .data = json_object_get(object, "data")},
			q->data);
	else if (json_object_get(object, "return") || json_object_get(object, "error"))
		result = take_answer(q, object, err);
	else
		take_greeting(q, json_object_get(object, "QMP"));
	json_decref(object);
	return result;
}

/* The lines up to the last end of a line in `in`, of which `searched` bytes have none. */
static int take_lines(struct qmp *q, size_t searched, struct error *err)
{
	size_t begin = 0;
	char *end;

	while ((end = memchr(q->in.data + searched, '\n', q->in.len - searched))) {
		size_t len = end - (q->in.data + begin);
		if (take_line(q, q->in.data + begin, len, err) < 0)
			return -1;
		/* on_message() may have found that nobody listens. */
		if (q->fd < 0)
			return 0;
		begin = searched = begin + len + 1;
	}
	strbuf_consume(&q->in, begin);
	if (q->in.len > QMP_LINE_MAX)
		return error_set(
			err, 0, "qemu says a line of more than %u bytes", QMP_LINE_MAX);
	return 0;
}

int qmp_receive(struct qmp *q, struct error *err)
{
	char buf[16 * 1024];
	size_t before = q->in.len;

	ssize_t n = recv(q->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		close_connection(q);
		return 0;
	}
	strbuf_add(&q->in, buf, n);
	if (take_lines(q, before, err) < 0) {
		close_connection(q);
		return -1;
	}
	return 0;
}
