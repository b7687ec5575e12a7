/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One connection to qemu's monitor, by the QEMU Machine Protocol: commands, their answers
 * and events are a line of JSON each.
 *
 *	qmp_execute() ──► {"execute": …, "id": 7}
 *	qmp_receive() ◄── {"return": …, "id": 7} or {"error": …, "id": 7} ──► on_message()
 *	              ◄── {"event": …}                                    ──► on_message()
 *
 * A connection is open or closed. While it is open, each command gets one answer, in the
 * order in which they were sent. Whatever breaks this (an answer to no command, a line
 * that is not JSON or does not end) closes it. qemu is not trusted more than that.
 *
 * Nothing here waits: the owner polls `fd`, and calls qmp_receive() when there is
 * something to read. The first command negotiates the protocol.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/vector.h"

/* The longest line that is read: query-blockstats says some KiB of each disk. */
#define QMP_LINE_MAX (4u << 20)

struct qmp_message {
	/* An event's name. NULL: this is an answer. */
	const char *event;
	/* Of an answer: what qmp_execute() returned, and the command's name. */
	int id;
	const char *command;
	/* Why the command failed. NULL: it did not. */
	const char *error;
	/* What the command returns, or the event's data. May be NULL. */
	const json_t *data;
};

struct qmp {
	/* -1: the connection is closed. */
	int fd;
	/* May send commands, but not end the connection. */
	void (*on_message)(const struct qmp_message *message, void *data);
	void *data;
	int last_id;
	/* Sent and not answered, the oldest first. */
	VECTOR(struct qmp_command {
		int id;
		char *name;
	})
	waiting;
	/* The start of a line whose end has not come. */
	struct strbuf in;
	/* qemu's, of its greeting: "7.2.19". NULL: that has not come. */
	char *version;
};

/* The descriptor becomes the connection's. */
void qmp_init(struct qmp *q, int fd,
	void (*on_message)(const struct qmp_message *message, void *data), void *data);
void qmp_done(struct qmp *q);

/*
 * Send a command; `arguments` (NULL: none) are freed. qemu gets a duplicate of
 * `pass_fd` (-1: none) with it, which getfd and add-fd need. Returns the command's id, a
 * positive number, or -1.
 */
int qmp_execute(struct qmp *q, const char *command, json_t *arguments, int pass_fd,
	struct error *err);

/* Read what has come and pass on each whole message. 0, also if nothing has come. If qemu
 * has closed the connection (end of file, or an error of the socket), `fd` becomes -1, and
 * it returns 0 as well. -1: qemu broke the protocol, and the connection is closed. */
int qmp_receive(struct qmp *q, struct error *err);
