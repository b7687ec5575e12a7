/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin build: an appliance as a directory, to be run elsewhere or kept. */
#include <hypermin.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "options.h"

static const char usage[] =
	"Usage: hypermin build [OPTION…] -o DIR\n"
	"\n"
	"Write an appliance made from this host to DIR: kernel, initrd, root and manifest.json. It runs\n"
	"with `hypermin run --appliance DIR`, also on a machine that has no packages and no kernel.";

struct build_options {
	struct hypermin *vm;
	const char *output, *kernel, *modules_dir;
	bool verbose;
};

static int refused(const struct build_options *o)
{
	return options_complain("%s", hypermin_error(o->vm));
}

static int take_output(void *target, const char *value)
{
	struct build_options *o = target;
	o->output = value;
	return 0;
}

static int take_package(void *target, const char *value)
{
	struct build_options *o = target;
	return hypermin_add_package(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_kernel(void *target, const char *value)
{
	struct build_options *o = target;
	o->kernel = value;
	return 0;
}

static int take_modules(void *target, const char *value)
{
	struct build_options *o = target;
	o->modules_dir = value;
	return 0;
}

static int take_cache_dir(void *target, const char *value)
{
	struct build_options *o = target;
	return hypermin_set_cache_dir(o->vm, value) < 0 ? refused(o) : 0;
}

static void print_log(enum hypermin_log_level level, const char *line, void *data)
{
	const struct build_options *o = data;

	if (level != HYPERMIN_LOG_NOTICE || o->verbose || isatty(STDERR_FILENO))
		fprintf(stderr, "hypermin: %s\n", line);
}

static int take_verbose(void *target, const char *value)
{
	struct build_options *o = target;

	(void)value;
	o->verbose = true;
	hypermin_set_log(print_log, o, HYPERMIN_LOG_INFO);
	return 0;
}

static const struct option_row table[] = {
	{"output", 'o', "DIR", "where to: new, empty, or an appliance to be replaced",
		take_output},
	{"package", 'p', "NAME", "have this package of the host in it, too",
		take_package},
	{"kernel", 0, "FILE", "with this kernel", take_kernel},
	{"modules", 0, "DIR", "its modules; default /lib/modules/VERSION", take_modules},
	{"cache-dir", 0, "DIR", "default $XDG_CACHE_HOME/hypermin", take_cache_dir},
	{"verbose", 'v', NULL, "say what was chosen", take_verbose},
	{0},
};

/* ---- Signals: what was begun is removed ---- */

static struct hypermin *running;
static volatile sig_atomic_t last_signal;

static void on_interrupt(int signal)
{
	last_signal = signal;
	hypermin_interrupt(running, signal);
}

static void catch_signals(struct hypermin *vm)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	const struct sigaction action = {.sa_handler = on_interrupt};
	struct sigaction old;

	running = vm;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
}

static int build(struct build_options *o)
{
	if (o->modules_dir && !o->kernel)
		return options_complain("--modules goes with --kernel"), EXIT_OURS;
	catch_signals(o->vm);
	if ((!o->kernel || hypermin_set_kernel(o->vm, o->kernel, o->modules_dir) == 0) &&
		hypermin_export(o->vm, o->output) == 0)
		return 0;
	if (last_signal)
		return 128 + last_signal;
	return refused(o), EXIT_OURS;
}

int command_build(int argc, char **argv)
{
	struct build_options o = {.vm = hypermin_new()};
	int status = EXIT_OURS;

	hypermin_set_log(print_log, &o, HYPERMIN_LOG_NOTICE);
	int first = options_parse("build", usage, table, argc, argv, &o);
	if (first == 0)
		status = 0;
	else if (first > 0 && first < argc)
		options_complain("unexpected word '%s'", argv[first]);
	else if (first > 0 && !o.output)
		options_complain("it needs -o DIR, the directory to write to");
	else if (first > 0)
		status = build(&o);
	hypermin_free(o.vm);
	return status;
}
