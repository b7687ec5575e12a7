/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * --report: what became of a run, as JSON, in a file of its own, so that the command's output
 * stays what it is. The members are in hypermin(1); a program can rely on them while
 * "version" is the same.
 */
#pragma once

#include <jansson.h>

#include "artifacts.h"

struct report {
	const char *path;
	int fd; /* -1: none is wanted */
};

/* What is known when a run is over. Moments are milliseconds; 0: it did not come to that. */
struct run_end {
	int64_t began_ms, started_ms, ran_ms, fetched_ms, ended_ms;
	/* hypermin's own exit status. */
	int status;
	/* hypermin_exec() has returned this. */
	bool has_result;
	struct hypermin_result result;
	/* The signal that ended the run early; 0: none did. */
	int interrupt;
	/* Why hypermin failed, or the command could not be started; else NULL. */
	char *error;
	/* hypermin_describe() */
	char *vm;
};

/* option_row.take: the file is made now. `member` is a struct report *. */
int report_take(const struct option_row *row, void *member, const char *value);
/* JSON of a text or of NULL. Bytes that are no UTF-8, of a file's name say, are replaced. */
json_t *report_text(const char *text);
/* Write it and close it. -1 after a message. */
int report_write(struct report *r, const struct run_end *end, const struct artifacts *a);
