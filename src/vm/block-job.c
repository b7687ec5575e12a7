/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What takes qemu's block layer long is a job, which is asked for until it has concluded. */
#include <string.h>

#include "base/monotonic.h"
#include "vm/state.h"

/* How often. */
#define STEP_MS 5

static bool never(const struct vm *vm)
{
	(void)vm;
	return false;
}

/* 1: it runs; 0: it has ended well. */
static int check(struct vm *vm, const char *command, struct error *err)
{
	json_t *jobs = NULL;
	const json_t *job;
	bool found = false;
	int result = -1;
	size_t i;

	if (loop_execute(vm, "query-jobs", NULL, -1, 0, &jobs, err) < 0)
		return -1;
	json_array_foreach(jobs, i, job)
	{
		const char *id = json_string_value(json_object_get(job, "id"));
		const char *status = json_string_value(json_object_get(job, "status"));
		const char *why = json_string_value(json_object_get(job, "error"));

		if (!id || !status || strcmp(id, BLOCK_JOB) != 0)
			continue;
		found = true;
		if (strcmp(status, "concluded") != 0)
			result = 1;
		else
			result = why ? error_set(err, 0, "have qemu %s: %s", command, why)
				     : 0;
	}
	json_decref(jobs);
	return found ? result
		     : error_set(err, 0, "have qemu %s: it has forgotten that it does",
			       command);
}

int block_job_run(
	struct vm *vm, const char *command, json_t *arguments, struct error *err)
{
	struct error ignored;
	int result;

	if (loop_order(vm, command, arguments, -1, err) < 0)
		return -1;
	while ((result = check(vm, command, err)) == 1)
		if (loop_until(vm, never, monotonic_ms() + STEP_MS, err) == LOOP_LOST)
			return -1;
	loop_order(vm, "job-dismiss", json_pack("{s:s}", "id", BLOCK_JOB), -1, &ignored);
	return result;
}
