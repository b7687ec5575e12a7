/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the agent tells, noted where whoever waits for it looks: the loop turns until
 * then. */
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

static void on_start_failed(int errnum, const char *step, void *data)
{
	struct vm *vm = data;
	struct vm_result *result = &vm->exec->result;

	result->outcome = VM_START_FAILED;
	result->start_errno = errnum;
	snprintf(result->start_step, sizeof(result->start_step), "%s", step);
	vm->exec->done = true;
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

static void on_exited(int status, int signal, void *data)
{
	struct vm *vm = data;
	struct vm_exec *exec = vm->exec;

	exec->result.outcome = exec->timed_out ? VM_TIMED_OUT
		: signal		       ? VM_KILLED
					       : VM_EXITED;
	exec->result.status = status;
	exec->done = true;
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
