/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running the builder, a program of its own. Its libraries cost the hot path nothing, and
 * archives and package databases are parsed in a process without other files and without
 * the caller's memory. Its arguments are a task and a request; on standard output it writes
 * messages, each a JSON object on a line:
 *
 *	{"log": LEVEL, "text": "…"}                             for the log
 *	{"error": ERRNO, "text": "…"}                           why it failed
 *	{"finding": N, "topic": "…", "text": "…", "advice": "…"}  what an examination found
 *	{"result": "unchanged"}                                 there was nothing to make
 */
#pragma once

#include "appliance/appliance.h"

/* What the tasks "build", "examine" and "owner" take. */
struct builder_task {
	struct appliance_request request;
	const char *cache_dir;
	/* owner: which package has this file? */
	const char *path;
	/* How much it logs; the encoder takes the caller's own level instead. */
	int log_level;
};

/* The program, the task and its options. */
void builder_argv(struct strvec *argv, const char *program, const char *task,
	const struct builder_task *what);
/* Back from the options; argv[0] is the task. Strings point into argv. */
int builder_parse_argv(
	int argc, char **argv, struct builder_task *ret, struct error *err);
void builder_task_done(struct builder_task *task);

/* The values of enum hypermin_finding. */
enum finding { FINDING_OK, FINDING_NOTE, FINDING_PROBLEM };

/* `advice` may be NULL. */
typedef void builder_finding_fn(enum finding finding, const char *topic, const char *text,
	const char *advice, void *data);

struct builder_listener {
	/* May be NULL. */
	builder_finding_fn *on_finding;
	void *data;
	/* Set to true if it says that there was nothing to make. */
	bool unchanged;
};

/* Run it to its end. What it says goes to the log, to `listener` (or NULL) and to err. A
 * message of CONTROL_INTERRUPT on control_fd (base/control.h) ends it with EINTR. */
int builder_run(struct strvec *argv, int control_fd, struct builder_listener *listener,
	struct error *err);
