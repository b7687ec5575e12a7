/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Callbacks of the agent and of QMP. They write what was said into struct vm, where the
 * functions that wait for it find it. One rule is here: which exit status a command has
 * that could not be started (on_start_failed()), or was killed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/monotonic.h"
#include "vm/state.h"

/* ---- The agent ---- */

static void on_boot_event(const struct agent_boot_event *event, void *data)
{
	struct guest *guest = &((struct vm *)data)->guest;

	if (!guest->boot_events.len)
		guest->spoke_us = monotonic_us();
	vector_push(&guest->boot_events, *event);
}

static void on_ready(const struct agent_boot_times *times, void *data)
{
	struct vm *vm = data;

	vm->guest.boot_times = *times;
	vm->phase = PHASE_UP;
}

static void on_fatal(const char *message, void *data)
{
	struct guest *guest = &((struct vm *)data)->guest;

	snprintf(guest->gave_up, sizeof(guest->gave_up), "%s", message);
}

static void on_started(void *owner)
{
	struct vm_exec *exec = owner;

	if (exec->phase == EXEC_SENT)
		exec->phase = EXEC_RUNNING;
	exec->started_us = monotonic_us();
}

void events_end_command(struct vm_exec *exec, enum hypermin_outcome outcome, int status)
{
	if (exec->phase >= EXEC_DONE)
		return;
	/* After SIGTERM it may exit as it likes. */
	exec->result = exec->timed_out
		? (struct hypermin_result){HYPERMIN_TIMED_OUT, HYPERMIN_STATUS_TIMED_OUT}
		: (struct hypermin_result){outcome, status};
	exec->phase = EXEC_DONE;
}

static void on_start_failed(
	enum start_failure failure, int errnum, const char *step, void *owner)
{
	struct vm_exec *exec = owner;

	error_set(&exec->error, errnum, "%s", step);
	/* As shells have it: 127 if there is no such command, 126 if it can't be run. */
	if (failure == START_EXECUTE && errnum == ENOENT)
		events_end_command(exec, HYPERMIN_NOT_FOUND, HYPERMIN_STATUS_NOT_FOUND);
	else
		events_end_command(
			exec, HYPERMIN_NOT_EXECUTED, HYPERMIN_STATUS_NOT_EXECUTED);
}

static void on_output(enum stream_id stream, const void *bytes, size_t len, void *owner)
{
	struct vm_exec *exec = owner;

	strbuf_add(&exec->streams.out[stream].pending, bytes, len);
}

static void on_stdin_closed(void *owner)
{
	struct vm_exec *exec = owner;

	streams_close_input(&exec->streams);
}

static void on_out_of_memory(const char *process, void *owner)
{
	(void)owner;
	log_warning("the guest ran out of memory and killed '%s'; --memory gives it more",
		process);
}

static void on_exited(int code, int signal, void *owner)
{
	if (signal)
		events_end_command(
			owner, HYPERMIN_KILLED, HYPERMIN_STATUS_KILLED + signal);
	else
		events_end_command(owner, HYPERMIN_EXITED, code);
}

static void on_block_devices(
	const struct agent_block_device *devices, size_t n, void *data)
{
	struct guest *guest = &((struct vm *)data)->guest;

	free(guest->devices);
	guest->devices = xmemdup(devices, n * sizeof(devices[0]));
	guest->n_devices = n;
	guest->has_listed = true;
}

static void on_stopped(void *data)
{
	((struct vm *)data)->phase = PHASE_STOPPED;
}

static void on_resumed(void *data)
{
	((struct vm *)data)->phase = PHASE_UP;
}

static void on_attached(void *data)
{
	((struct vm *)data)->guest.is_attaching = false;
}

static void on_pong(void *data)
{
	halt_answered(data);
}

const struct agent_handler vm_agent_handler = {
	.boot_event = on_boot_event,
	.ready = on_ready,
	.fatal = on_fatal,
	.started = on_started,
	.start_failed = on_start_failed,
	.output = on_output,
	.stdin_closed = on_stdin_closed,
	.out_of_memory = on_out_of_memory,
	.exited = on_exited,
	.block_devices = on_block_devices,
	.pong = on_pong,
	.resumed = on_resumed,
	.attached = on_attached,
	.stopped = on_stopped,
};

/* ---- qemu ---- */

static void refuse(struct vm *vm, char *why)
{
	if (vm->qmp_wait.refusal)
		free(why);
	else
		vm->qmp_wait.refusal = why;
}

/* qemu calls it migration, to a file and from one. */
static void on_event(struct vm *vm, const char *event, const json_t *data)
{
	const char *status = json_string_value(json_object_get(data, "status"));

	if (strcmp(event, "RESUME") == 0 &&
		(vm->phase == PHASE_LOADING || vm->phase == PHASE_LOADED))
		vm->phase = PHASE_RESUMING;
	if (strcmp(event, "MIGRATION") != 0 || !status)
		return;
	if (vm->phase == PHASE_LOADING && strcmp(status, "completed") == 0)
		vm->phase = PHASE_LOADED;
	if (vm->phase != PHASE_SAVING)
		return;
	if (strcmp(status, "completed") == 0)
		vm->phase = PHASE_SAVED;
	else if (strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0)
		refuse(vm, xasprintf("migrate: %s", status));
}

void vm_on_qmp(const struct qmp_message *message, void *data)
{
	struct vm *vm = data;
	struct qmp_wait *wait = &vm->qmp_wait;

	if (message->event) {
		on_event(vm, message->event, message->data);
	} else if (message->id == wait->id) {
		wait->id = 0;
		wait->result = json_incref((json_t *)message->data);
		wait->error = message->error ? xstrdup(message->error) : NULL;
	} else if (message->error) {
		refuse(vm, xasprintf("%s: %s", message->command, message->error));
	}
}
