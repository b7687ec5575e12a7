/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands in a VM that is up. */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "base/monotonic.h"
#include "vm/measure.h"
#include "vm/state.h"

int64_t vm_realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* ---- Many at once ---- */

/* A guest that has booted has read its clock in whole seconds, and one that goes on was
 * told the time while it woke up. Later the clock is its own. */
static void set_clock(struct vm *vm)
{
	if (!vm->guest.clock_is_set)
		agent_set_clock(vm->guest.agent, vm_realtime_ns());
	vm->guest.clock_is_set = true;
}

struct vm_exec *vm_exec_begin(
	struct vm *vm, const struct vm_command *command, struct error *err)
{
	struct agent_command agent = command->agent;

	if (vm->phase != PHASE_UP)
		return error_null(err, ESRCH, "run a command: the VM has ended");
	struct vm_exec *exec = xcalloc(1, sizeof(*exec));
	exec->vm = vm;
	streams_init(&exec->streams, command->stdin_fd, command->stdout_fd,
		command->stderr_fd);
	agent.stdin_closed = exec->streams.in.fd < 0;
	set_clock(vm);
	exec->number = agent_exec(vm->guest.agent, &agent, exec, err);
	if (!exec->number) {
		streams_done(&exec->streams);
		free(exec);
		return NULL;
	}
	exec->has_terminal = agent.terminal;
	exec->terminal = command->terminal;
	exec->name = xstrdup(agent.argv[0]);
	exec->sent_us = monotonic_us();
	if (command->timeout_ms)
		exec->deadline_ms = monotonic_ms() + command->timeout_ms;
	vector_push(&vm->execs, exec);
	return exec;
}

bool vm_exec_has_started(const struct vm_exec *exec)
{
	return exec->started_us != 0;
}

bool vm_exec_is_running(const struct vm_exec *exec)
{
	return exec->phase == EXEC_RUNNING;
}

bool vm_exec_is_over(const struct vm_exec *exec)
{
	if (exec->phase == EXEC_DONE)
		return !exec->streams.out[STREAM_STDOUT].pending.len &&
			!exec->streams.out[STREAM_STDERR].pending.len;
	return exec->phase == EXEC_FAILED;
}

void vm_exec_signal(struct vm_exec *exec, int signal)
{
	agent_send_signal(exec->vm->guest.agent, exec->number, signal);
}

void vm_exec_resize(struct vm_exec *exec, uint16_t rows, uint16_t columns)
{
	if (exec->has_terminal)
		agent_send_window_size(
			exec->vm->guest.agent, exec->number, rows, columns);
}

void vm_exec_free(struct vm_exec *exec)
{
	struct vm *vm = exec->vm;
	size_t i = 0;

	if (exec->phase != EXEC_DONE)
		vm_exec_signal(exec, SIGHUP);
	agent_release(vm->guest.agent, exec->number);
	while (vm->execs.items[i] != exec)
		i++;
	vm->execs.items[i] = vm->execs.items[--vm->execs.len];
	streams_done(&exec->streams);
	free(exec->name);
	free(exec);
}

/* The first command is what the start was for. */
static void note_command(const struct vm_exec *exec)
{
	struct timeline *t = exec->vm->timeline;

	timeline_add_between(
		t, LANE_COMMAND, "start the command", exec->sent_us, exec->started_us);
	timeline_add(t, LANE_COMMAND, exec->name, exec->started_us);
	if (!t->command_start)
		t->command_start = exec->started_us - t->origin;
	measure_end(exec->vm);
}

int vm_exec_end(struct vm_exec *exec, struct hypermin_result *ret, struct error *err)
{
	int result = exec->phase == EXEC_DONE ? 0 : -1;

	if (result == 0)
		*ret = exec->result;
	if (result == 0 && exec->vm->timeline && exec->started_us)
		note_command(exec);
	if (exec->error.msg[0] && err)
		*err = exec->error;
	vm_exec_free(exec);
	return result;
}

int vm_serve(struct vm *vm, struct pollfd *own, size_t n_own, int64_t deadline_ms,
	struct error *err)
{
	if (vm->phase == PHASE_OVER)
		return error_set(err, ESRCH, "the VM has ended");
	return loop_turn(vm, own, n_own, NULL, deadline_ms, err);
}

void vm_set_control(struct vm *vm, int control_fd)
{
	vm->control_fd = control_fd;
}

void vm_set_owner(struct vm *vm, int owner_fd)
{
	vm->owner_fd = owner_fd;
}

/* ---- One alone ---- */

static bool first_has_run(const struct vm *vm)
{
	return vm->execs.items[0]->phase >= EXEC_DONE;
}

int vm_rehearse(struct vm *vm, const char *const *argv, struct error *err)
{
	const struct vm_command command = {.agent = {.argv = argv, .stdin_closed = true},
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1};
	struct hypermin_result ignored;

	struct vm_exec *exec = vm_exec_begin(vm, &command, err);
	if (!exec)
		return -1;
	if (loop_until(vm, first_has_run, 0, err) == LOOP_DONE)
		return vm_exec_end(exec, &ignored, err);
	vm_exec_free(exec);
	return -1;
}
