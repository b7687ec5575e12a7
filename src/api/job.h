/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command under way, as hypermin_begin() gives it to the caller (job.c), and what it is in a
 * session (conversation.c). */
#pragma once

#include <poll.h>
#include <sys/ioctl.h>

#include "api/handle.h"
#include "vm/terminal.h"

struct frame;

/* ---- conversation.c ---- */

/* With the keeper, about one command. Nothing waits here, except where it says so. */
struct conversation;

enum { CONVERSATION_POLLED = 3 };

/* `session` and `terminal`, where its input may be typed, stay until conversation_free(). NULL:
 * an error. */
struct conversation *conversation_begin(const char *session,
	const struct hypermin_command *command, const struct winsize *size,
	struct terminal *terminal, struct error *err);
/* A command that has not ended gets SIGHUP. */
void conversation_free(struct conversation *c);
void conversation_signal(struct conversation *c, int signal);
void conversation_resize(struct conversation *c, const struct winsize *size);
/* What to poll, and what to do then. 0: the command is still under way; 1: *ret says how it
 * ended, and if it could not be started the error says why; -1: it is given up. If the keeper
 * is lost, may_wait allows a second to find out why. */
void conversation_list(
	const struct conversation *c, struct pollfd ret[static CONVERSATION_POLLED]);
int conversation_serve(struct conversation *c,
	const struct pollfd fds[static CONVERSATION_POLLED], bool may_wait,
	struct hypermin_result *ret, struct error *err);

/* ---- session.c ---- */

/* The error that a SESSION_FAILED has. Always -1. */
int session_take_failure(const struct frame *f, struct error *err);

/* ---- job.c ---- */

enum job_phase {
	JOB_UNDER_WAY,
	/* `result` is set. */
	JOB_ENDED,
	/* `error` says why. */
	JOB_FAILED,
};

struct hypermin_job {
	struct hypermin *h;
	/* NULL: somebody calls hypermin_wait(). */
	hypermin_ended_fn *ended;
	void *data;
	enum job_phase phase;
	/* While it is under way one of these is set, by the kind of handle. */
	struct vm_exec *exec;
	struct conversation *conversation;
	/* Its first word. */
	char *name;
	/* Raw while a command at a terminal is under way; and whose size that has, or -1. */
	struct terminal terminal;
	int size_fd;
	/* hypermin_interrupt() has passed it a signal: the next one gives it up. */
	bool interrupted;
	struct hypermin_result result;
	/* With JOB_FAILED; or why the command could not be started. */
	struct error error;
};
