/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a command, in a new VM or in a session: vm-run.h. */
#include "vm-run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	message_error(hypermin_error(o->vm));
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

static int print_gdb_command(struct vm_options *o)
{
	char *line = hypermin_gdb_command(o->vm);

	if (!line)
		return -1;
	fprintf(stderr, "hypermin: debug its kernel, in another terminal:\n%s\n", line);
	free(line);
	return 0;
}

static int dry_run(struct vm_options *o, const char *const *argv)
{
	if (o->gdb && print_gdb_command(o) < 0)
		return vm_failed(o);
	char *line = hypermin_qemu_command(o->vm);
	if (!line)
		return vm_failed(o);
	puts(line);
	free(line);
	/* In the VM of an image there may be none. */
	const char *quote = argv[0] ? "'" : "";
	fprintf(stderr,
		"hypermin: this starts the VM with root's shell on the console instead of "
		"%s%s%s; ctrl-a x ends it\n",
		quote, argv[0] ? argv[0] : "the image's command", quote);
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
		message_error(hypermin_error(o->vm));
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

/* A new string of what hypermin_error() says. */
static char *copy_error(const struct vm_options *o)
{
	char *text = strdup(hypermin_error(o->vm));

	if (!text)
		abort();
	return text;
}

/* hypermin itself fails, or a signal ends the run. */
static int end_failed(const struct vm_options *o, struct run_end *end)
{
	free(end->error);
	end->error = copy_error(o);
	if (hypermin_error_number(o->vm) == EINTR)
		end->interrupt = interrupt_signal() ? interrupt_signal() : SIGHUP;
	return vm_failed(o);
}

static int start(struct vm_options *o)
{
	bool tells = o->log.verbose;

	/* Artifacts get as long again. */
	hypermin_set_copy_timeout(o->vm, o->command.timeout_ms);
	hypermin_set_take_ready(o->vm, true);
	if (tells)
		message_section_begin("hypermin_start", "Starting a VM");
	int result = hypermin_start(o->vm);
	if (tells)
		message_section_end("hypermin_start");
	return result;
}

static int run_and_stop(
	struct vm_options *o, const char *const *argv, struct run_end *end)
{
	if ((o->gdb && print_gdb_command(o) < 0) || start(o) < 0)
		return end_failed(o, end);
	end->started_ms = now_ms();
	/* Only now: the shell may have moved us to the background meanwhile. */
	if (run_command(o, argv, &end->result) < 0) {
		int status = end_failed(o, end);
		if (o->report.fd >= 0)
			end->vm = hypermin_describe(o->vm);
		/* The VM need not be gone: perhaps the output could not be written. But a user
		 * who interrupts twice wants the end. */
		if (!end->interrupt)
			artifacts_fetch(&o->artifacts, o->vm);
		return status;
	}
	end->has_result = true;
	end->ran_ms = now_ms();
	if (end->result.outcome == HYPERMIN_NOT_FOUND ||
		end->result.outcome == HYPERMIN_NOT_EXECUTED)
		end->error = copy_error(o);
	artifacts_fetch(&o->artifacts, o->vm);
	end->fetched_ms = now_ms();
	if (o->timeline && hypermin_write_timeline(o->vm) < 0)
		return end_failed(o, end);
	if (o->report.fd >= 0)
		end->vm = hypermin_describe(o->vm);
	if (hypermin_stop(o->vm) < 0)
		return end_failed(o, end);
	return end->result.status;
}

int vm_run(struct vm_options *o, const char *const *argv)
{
	struct run_end end = {.began_ms = now_ms()};

	vm_catch_signals(o->vm);
	if (o->dry_run)
		return dry_run(o, argv);
	if (artifacts_prepare(&o->artifacts) < 0)
		return EXIT_OURS;
	end.status = run_and_stop(o, argv, &end);
	if (o->report.fd >= 0 && !end.vm)
		end.vm = hypermin_describe(o->vm);
	interrupt_release();
	hypermin_free(o->vm);
	o->vm = NULL;
	end.ended_ms = now_ms();
	if (o->log.verbose && end.fetched_ms)
		fprintf(stderr,
			"hypermin: time: %lld ms to a running VM, %lld ms for the "
			"command, %lld ms to end\n",
			(long long)(end.started_ms - end.began_ms),
			(long long)(end.ran_ms - end.started_ms),
			(long long)(end.ended_ms - end.ran_ms));
	if (o->report.fd >= 0 && report_write(&o->report, &end, &o->artifacts) < 0 &&
		end.status == 0)
		end.status = EXIT_OURS;
	free(end.error);
	free(end.vm);
	return end.status;
}
