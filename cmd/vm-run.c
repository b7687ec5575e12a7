/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Doing what the options say. One VM a process: signal handlers have to find it.
 *
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the command; the second one, or one before
 * the command runs, ends the VM.
 */
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

static void catch_signals(struct hypermin *vm)
{
	on_terminal = vm;
	interrupt_by_signals(vm);
	interrupt_catch(SIGWINCH, on_terminal_change);
	interrupt_catch(SIGCONT, on_terminal_change);
}

/* ---- Running ---- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * (int64_t)1000 + ts.tv_nsec / 1000000;
}

static int failed(struct vm_options *o)
{
	if (hypermin_error_number(o->vm) == EINTR && interrupt_signal())
		return HYPERMIN_STATUS_KILLED + interrupt_signal();
	fprintf(stderr, "hypermin: %s\n", hypermin_error(o->vm));
	return EXIT_OURS;
}

static void prepare_terminal(struct vm_options *o)
{
	const char *term = getenv("TERM");
	char *pair;

	o->command.terminal = !o->no_terminal && o->command.stdin_fd >= 0 &&
		isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (!o->command.terminal || !term || !*term)
		return;
	if (asprintf(&pair, "TERM=%s", term) < 0)
		abort();
	vm_options_add_env(o, pair);
}

static void log_times(
	const struct vm_options *o, int64_t start, int64_t booted, int64_t ran)
{
	if (o->verbose)
		fprintf(stderr,
			"hypermin: time: %lld ms to a running VM, %lld ms for the "
			"command, %lld ms to end\n",
			(long long)(booted - start), (long long)(ran - booted),
			(long long)(now_ms() - ran));
}

static int set_kernel(struct vm_options *o, int *ret_status)
{
	*ret_status = EXIT_OURS;
	if (o->modules_dir && !o->kernel)
		return options_complain("--modules goes with --kernel");
	if (o->kernel && hypermin_set_kernel(o->vm, o->kernel, o->modules_dir) < 0) {
		*ret_status = failed(o);
		return -1;
	}
	return 0;
}

int vm_warm(struct vm_options *o)
{
	bool taken;
	int status;

	if (set_kernel(o, &status) < 0)
		return status;
	catch_signals(o->vm);
	if (hypermin_warm(o->vm, o->disks, o->if_built, &taken) < 0)
		return failed(o);
	if (o->verbose)
		fprintf(stderr,
			taken ? "hypermin: the snapshot is taken\n"
			      : "hypermin: there is a snapshot already\n");
	return 0;
}

int vm_run(struct vm_options *o, const char *const *argv)
{
	struct hypermin_result result;
	int64_t start = now_ms();
	int status;

	if (set_kernel(o, &status) < 0)
		return status;
	prepare_terminal(o);
	o->command.argv = argv;
	o->command.env = (const char *const *)o->env;
	catch_signals(o->vm);
	if (hypermin_start(o->vm) < 0)
		return failed(o);
	int64_t booted = now_ms();
	if (hypermin_exec(o->vm, &o->command, &result) < 0)
		return failed(o);
	if (result.outcome == HYPERMIN_NOT_FOUND ||
		result.outcome == HYPERMIN_NOT_EXECUTED)
		fprintf(stderr, "hypermin: %s\n", hypermin_error(o->vm));
	int64_t ran = now_ms();
	if (o->timeline && hypermin_write_timeline(o->vm) < 0)
		return failed(o);
	/* Without a writable disk there is nothing that could be lost by ending it at
	 * once. A VM that had to be ended for its time limit is gone already. */
	if (o->writable_disks && hypermin_stop(o->vm) < 0 &&
		result.outcome != HYPERMIN_TIMED_OUT)
		return failed(o);
	interrupt_release();
	hypermin_free(o->vm);
	o->vm = NULL;
	log_times(o, start, booted, ran);
	return result.status;
}
