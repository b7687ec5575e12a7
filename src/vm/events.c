/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the agent tells, noted where whoever waits for it looks: the loop turns until
 * then. */
#include <errno.h>
#include <stdio.h>

#include "vm/state.h"

static void on_boot_event(const struct agent_boot_event *event, void *data)
{
	struct vm *vm = data;

	if (!vm->boot_events.len)
		vm->spoke_us = timeline_now();
	vector_push(&vm->boot_events, *event);
}

static void on_ready(const struct agent_boot_times *times, void *data)
{
	struct vm *vm = data;

	vm->boot_times = *times;
	vm->ready = true;
}

static void on_fatal(const char *message, void *data)
{
	struct vm *vm = data;
	snprintf(vm->fatal, sizeof(vm->fatal), "%s", message);
}

static void on_started(void *data)
{
	struct vm *vm = data;
	vm->exec->running = true;
	vm->exec->started_us = timeline_now();
}

void events_end_command(struct vm_exec *exec, enum hypermin_outcome outcome, int status)
{
	/* After SIGTERM it may exit as it likes. */
	exec->result = exec->timed_out
		? (struct hypermin_result){HYPERMIN_TIMED_OUT, HYPERMIN_STATUS_TIMED_OUT}
		: (struct hypermin_result){outcome, status};
	exec->done = true;
}

static void on_start_failed(
	enum start_failure failure, int errnum, const char *step, void *data)
{
	struct vm *vm = data;

	error_set(vm->exec->start_error, errnum, "%s", step);
	if (failure == START_EXECUTE && errnum == ENOENT)
		events_end_command(
			vm->exec, HYPERMIN_NOT_FOUND, HYPERMIN_STATUS_NOT_FOUND);
	else
		events_end_command(
			vm->exec, HYPERMIN_NOT_EXECUTED, HYPERMIN_STATUS_NOT_EXECUTED);
}

static void on_output(enum stream_id stream, const void *bytes, size_t len, void *data)
{
	struct vm *vm = data;
	strbuf_add(&vm->exec->streams.out[stream].pending, bytes, len);
}

static void on_stdin_closed(void *data)
{
	struct vm *vm = data;
	if (vm->exec)
		vm->exec->streams.stdin_fd = -1;
}

static void on_exited(int code, int signal, void *data)
{
	struct vm *vm = data;

	if (signal)
		events_end_command(
			vm->exec, HYPERMIN_KILLED, HYPERMIN_STATUS_KILLED + signal);
	else
		events_end_command(vm->exec, HYPERMIN_EXITED, code);
}

static void on_block_devices(
	const struct agent_block_device *devices, size_t n, void *data)
{
	struct vm *vm = data;

	free(vm->devices);
	vm->devices = xmemdup(devices, n * sizeof(devices[0]));
	vm->n_devices = n;
	vm->devices_listed = true;
}

static void on_stopped(void *data)
{
	struct vm *vm = data;
	vm->stopped = true;
}

static void on_pong(void *data)
{
	struct vm *vm = data;
	/* The last one's: what was sent before it is done, too. */
	vm->pong = agent_pings(vm->agent) == 0;
	halt_answered(vm);
}

static void on_resumed(void *data)
{
	struct vm *vm = data;
	vm->resumed = vm->ready = true;
}

const struct agent_handler vm_agent_handler = {
	.boot_event = on_boot_event,
	.ready = on_ready,
	.fatal = on_fatal,
	.started = on_started,
	.start_failed = on_start_failed,
	.output = on_output,
	.stdin_closed = on_stdin_closed,
	.exited = on_exited,
	.block_devices = on_block_devices,
	.pong = on_pong,
	.resumed = on_resumed,
	.stopped = on_stopped,
};
