/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The builder is a program of its own: its libraries cost the hot path nothing, and
 * archives and package databases are parsed in a process that holds nothing else. It
 * takes a task and a request as arguments and says on standard output, a JSON object a
 * line:
 *
 *	{"log": LEVEL, "text": "…"}                             for the log
 *	{"error": ERRNO, "text": "…"}                           why it failed
 *	{"finding": N, "topic": "…", "text": "…", "advice": "…"}  what an examination found
 */
#pragma once

#include "appliance/appliance.h"

/* finding as in enum hypermin_finding; topic and advice may be NULL. */
typedef void builder_finding_fn(
	int finding, const char *topic, const char *text, const char *advice, void *data);

/* The program and the task, and the request as options. */
void builder_argv(struct strvec *argv, const char *program, const char *task,
	const struct appliance_request *request);
/* Run it to its end; what it says goes to the log, to on_finding (may be NULL), and to
 * err. */
int builder_run(struct strvec *argv, int control_fd, builder_finding_fn *on_finding,
	void *data, struct error *err);
