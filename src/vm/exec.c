/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands in a VM that is up. */
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

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
	free(exec);
}

int vm_exec_end(struct vm_exec *exec, struct hypermin_result *ret, struct error *err)
{
	int result = exec->phase == EXEC_DONE ? 0 : -1;

	if (result == 0)
		*ret = exec->result;
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

/* ---- One in the foreground ---- */

static void set_size(struct agent_command *agent, int stdout_fd)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};

	ioctl(stdout_fd, TIOCGWINSZ, &size);
	agent->rows = size.ws_row;
	agent->columns = size.ws_col;
}

static bool foreground_has_run(const struct vm *vm)
{
	return vm->foreground->phase >= EXEC_DONE;
}

/* The output that has come is the caller's, even if the VM was lost. But after an
 * interrupt, or when the command's time was over, it does not wait for a reader. */
static int flush_output(struct vm_exec *exec, int result, struct error *err)
{
	struct error ignored;

	if (result == 0 && exec->vm->phase != PHASE_OVER)
		return loop_flush_output(exec, err);
	if (result < 0 && err->num != EINTR)
		loop_flush_output(exec, &ignored);
	return result;
}

/* The first command is what the start was for. */
static void note_command(const struct vm_exec *exec, const char *name)
{
	struct timeline *t = exec->vm->timeline;

	timeline_add_between(
		t, LANE_COMMAND, "start the command", exec->sent_us, exec->started_us);
	timeline_add(t, LANE_COMMAND, name, exec->started_us);
	if (!t->command_start)
		t->command_start = exec->started_us - t->origin;
	measure_end(exec->vm);
}

static int run_in_foreground(struct vm *vm, const struct vm_command *command,
	struct hypermin_result *ret, struct error *err)
{
	struct vm_exec *exec = vm_exec_begin(vm, command, err);

	if (!exec)
		return -1;
	vm->foreground = exec;
	vm->time_over_ms = exec->deadline_ms;
	int result = loop_until(vm, foreground_has_run, 0, err);
	if (result == 0 && vm->timeline && exec->started_us)
		note_command(exec, command->agent.argv[0]);
	result = flush_output(exec, result, err);
	vm->foreground = NULL;
	if (result == 0)
		return vm_exec_end(exec, ret, err);
	vm_exec_free(exec);
	return -1;
}

int vm_exec(struct vm *vm, const struct vm_command *command, struct hypermin_result *ret,
	struct error *err)
{
	struct vm_command own = *command;

	if (vm->phase != PHASE_UP)
		return error_set(err, ESRCH, "run a command: the VM has ended");
	if (own.agent.terminal) {
		set_size(&own.agent, own.stdout_fd);
		if (terminal_set_raw(&vm->terminal, own.stdin_fd, err) < 0)
			return -1;
	}
	int result = run_in_foreground(vm, &own, ret, err);
	terminal_restore(&vm->terminal);
	return result;
}
