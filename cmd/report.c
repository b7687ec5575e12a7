/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A run's report: report.h. */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REPORT_VERSION 1

int report_take(const struct option_row *row, void *member, const char *value)
{
	struct report *r = member;

	(void)row;
	if (r->fd >= 0)
		close(r->fd);
	r->path = value;
	r->fd = open(value, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (r->fd < 0)
		return options_complain(
			"--report: create '%s': %s", value, strerror(errno));
	return 0;
}

json_t *report_text(const char *text)
{
	if (!text)
		return json_null();
	json_t *json = json_string(text);
	if (json)
		return json;
	char *ascii = strdup(text);
	if (!ascii)
		abort();
	for (char *p = ascii; *p; p++)
		if (*p & 0x80)
			*p = '?';
	json = json_string(ascii);
	free(ascii);
	return json;
}

static const char *outcome_of(const struct run_end *end, const json_t *vm)
{
	static const char *const outcomes[] = {
		[HYPERMIN_EXITED] = "exited",
		[HYPERMIN_KILLED] = "killed",
		[HYPERMIN_NOT_FOUND] = "not-found",
		[HYPERMIN_NOT_EXECUTED] = "not-executed",
		[HYPERMIN_TIMED_OUT] = "timed-out",
	};

	if (end->interrupt)
		return "interrupted";
	/* hypermin may have failed after the command. */
	if (end->has_result && end->status == end->result.status)
		return outcomes[end->result.outcome];
	return end->started_ms && !end->has_result &&
			json_is_false(json_object_get(vm, "running"))
		? "lost"
		: "failed";
}

static json_t *signal_of(const struct run_end *end)
{
	if (end->interrupt)
		return json_integer(end->interrupt);
	return end->has_result && end->result.outcome == HYPERMIN_KILLED
		? json_integer(end->result.status - HYPERMIN_STATUS_KILLED)
		: json_null();
}

static json_t *step(int64_t begin_ms, int64_t end_ms)
{
	return begin_ms && end_ms ? json_integer(end_ms - begin_ms) : json_null();
}

static json_t *list_artifacts(const struct artifacts *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->len; i++)
		json_array_append_new(list,
			json_pack("{s:o, s:o, s:b, s:o}", "path",
				report_text(a->items[i].path), "directory",
				report_text(a->items[i].directory), "copied",
				a->items[i].copied, "error",
				report_text(a->items[i].error)));
	return list;
}

int report_write(struct report *r, const struct run_end *end, const struct artifacts *a)
{
	json_t *vm = end->vm ? json_loads(end->vm, 0, NULL) : json_null();
	const char *outcome = outcome_of(end, vm);

	/* The outcome says it. */
	json_object_del(vm, "running");
	json_t *all = json_pack(
		"{s:i, s:s, s:I, s:s, s:i, s:o, s:o, s:{s:o, s:o, s:o, s:o, s:o}, s:o, s:o}",
		"version", REPORT_VERSION, "hypermin", hypermin_version(), "ended",
		(json_int_t)time(NULL), "outcome", outcome, "status", end->status,
		"signal", signal_of(end), "error", report_text(end->error), "ms", "start",
		step(end->began_ms, end->started_ms), "command",
		step(end->started_ms, end->ran_ms), "artifacts",
		a->len ? step(end->ran_ms, end->fetched_ms) : json_null(), "end",
		step(end->fetched_ms, end->ended_ms), "total",
		step(end->began_ms, end->ended_ms), "artifacts", list_artifacts(a), "vm",
		vm);
	char *text = all ? json_dumps(all, JSON_INDENT(2)) : NULL;
	int result = text && dprintf(r->fd, "%s\n", text) >= 0 ? 0 : -1;

	if (close(r->fd) < 0)
		result = -1;
	r->fd = -1;
	if (result < 0)
		options_complain("--report: write '%s': %s", r->path, strerror(errno));
	free(text);
	json_decref(all);
	return result;
}
