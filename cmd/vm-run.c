/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a command, in a new VM or in a session: vm-run.h. */
#include "vm-run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "interrupt.h"

/* ---- Signals ---- */

static struct hypermin *on_terminal;

static void on_terminal_change(int signal)
{
	(void)signal;
	hypermin_window_changed(on_terminal);
}

void vm_catch_signals(struct hypermin *vm)
{
	on_terminal = vm;
	interrupt_by_signals(vm);
	interrupt_catch(SIGWINCH, on_terminal_change);
	interrupt_catch(SIGCONT, on_terminal_change);
}

int vm_failed(const struct vm_options *o)
{
	if (hypermin_error_number(o->vm) == EINTR && interrupt_signal())
		return HYPERMIN_STATUS_KILLED + interrupt_signal();
	fprintf(stderr, "hypermin: %s\n", hypermin_error(o->vm));
	/* An interrupt without a signal was typed: the terminal is left as if it hung
	 * up. */
	return hypermin_error_number(o->vm) == EINTR ? 128 + SIGHUP : EXIT_OURS;
}

/* ---- Running ---- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * (int64_t)1000 + ts.tv_nsec / 1000000;
}

static void prepare_streams(struct vm_options *o)
{
	const char *term = getenv("TERM");
	bool is_terminal = !o->no_stdin && isatty(STDIN_FILENO);
	/* A background process that reads from the terminal is stopped. */
	bool is_ours = is_terminal && tcgetpgrp(STDIN_FILENO) == getpgrp();
	char *pair;

	if (is_terminal && !is_ours && o->log.verbose)
		fprintf(stderr,
			"hypermin: in the background of its terminal: the command "
			"gets no input and no terminal\n");
	o->command.stdin_fd =
		o->no_stdin || (is_terminal && !is_ours) ? -1 : STDIN_FILENO;
	o->command.terminal = is_ours && !o->no_terminal && isatty(STDOUT_FILENO);
	o->log.raw = o->command.terminal;
	if (!o->command.terminal || !term || !*term)
		return;
	if (asprintf(&pair, "TERM=%s", term) < 0)
		abort();
	options_list_add(&o->env, pair);
}

static int dry_run(struct vm_options *o, const char *const *argv)
{
	char *line = hypermin_qemu_command(o->vm);

	if (!line)
		return vm_failed(o);
	puts(line);
	free(line);
	fprintf(stderr,
		"hypermin: this starts the VM with root's shell on the console instead of '%s'; "
		"ctrl-a x ends it\n",
		argv[0]);
	return 0;
}

static int print_gdb_command(struct vm_options *o)
{
	char *line = hypermin_gdb_command(o->vm);

	if (!line)
		return -1;
	fprintf(stderr, "hypermin: debug its kernel, in another terminal:\n%s\n", line);
	free(line);
	return 0;
}

/* 0, or -1 after which vm_failed() knows more. */
static int run_command(
	struct vm_options *o, const char *const *argv, struct hypermin_result *ret)
{
	prepare_streams(o);
	o->command.argv = argv;
	o->command.env = o->env.items;
	if (hypermin_exec(o->vm, &o->command, ret) < 0)
		return -1;
	if (ret->outcome == HYPERMIN_NOT_FOUND || ret->outcome == HYPERMIN_NOT_EXECUTED)
		fprintf(stderr, "hypermin: %s\n", hypermin_error(o->vm));
	return 0;
}

int vm_run_in_session(struct vm_options *o, const char *session, const char *const *argv)
{
	struct hypermin_result result;

	vm_catch_signals(o->vm);
	if (hypermin_open_session(o->vm, session) < 0 ||
		run_command(o, argv, &result) < 0)
		return vm_failed(o);
	return result.status;
}

int vm_run(struct vm_options *o, const char *const *argv)
{
	struct hypermin_result result;
	int64_t start = now_ms();

	vm_catch_signals(o->vm);
	if (o->gdb && print_gdb_command(o) < 0)
		return vm_failed(o);
	if (o->dry_run)
		return dry_run(o, argv);
	hypermin_set_take_ready(o->vm, true);
	if (hypermin_start(o->vm) < 0)
		return vm_failed(o);
	int64_t booted = now_ms();
	/* Only now: the shell may have moved us to the background meanwhile. */
	if (run_command(o, argv, &result) < 0)
		return vm_failed(o);
	int64_t ran = now_ms();
	if (o->timeline && hypermin_write_timeline(o->vm) < 0)
		return vm_failed(o);
	if (hypermin_stop(o->vm) < 0)
		return vm_failed(o);
	interrupt_release();
	hypermin_free(o->vm);
	o->vm = NULL;
	if (o->log.verbose)
		fprintf(stderr,
			"hypermin: time: %lld ms to a running VM, %lld ms for the "
			"command, %lld ms to end\n",
			(long long)(booted - start), (long long)(ran - booted),
			(long long)(now_ms() - ran));
	return result.status;
}
