/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `hypermin prepare`: options and messages around prepare/prepare.h. */
#include "prepare.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cmd/options.h"
#include "packages/packages.h"
#include "prepare/prepare.h"
#include "say.h"

enum { PREPARE_FAILED = 1, PREPARE_USAGE = 2 };

static const char usage[] =
	"Usage: hypermin prepare [OPTION…] -o DIR PACKAGE…\n"
	"\n"
	"Make the part of an appliance that can be shipped: a list of packages, and their\n"
	"configuration files as the distribution has them. An absolute path stands for the\n"
	"package that the file belongs to. What is not installed is left out.";

struct request {
	struct prepare_options options;
	bool list_managers;
	int verbose;
};

static int take_output(void *target, const char *value)
{
	struct request *r = target;
	r->options.output = value;
	return *value ? 0 : options_complain("--output takes a directory");
}

static int take_use_installed(void *target, const char *value)
{
	struct request *r = target;
	(void)value;
	r->options.use_installed = true;
	return 0;
}

static int take_packager_config(void *target, const char *value)
{
	struct request *r = target;
	r->options.packager_config = value;
	return 0;
}

static int take_root(void *target, const char *value)
{
	struct request *r = target;
	r->options.root = value;
	return *value == '/' ? 0 : options_complain("--root takes an absolute path");
}

static int take_list_managers(void *target, const char *value)
{
	struct request *r = target;
	(void)value;
	r->list_managers = true;
	return 0;
}

static int take_caller(void *target, const char *value)
{
	(void)target;
	say_for(value);
	return 0;
}

static int take_verbose(void *target, const char *value)
{
	struct request *r = target;
	(void)value;
	r->verbose++;
	return 0;
}

static const struct option_row table[] = {
	{"output", 'o', "DIR", "the directory to make, or to replace", take_output},
	{"use-installed", 0, NULL, "take configuration files from this system",
		take_use_installed},
	{"packager-config", 0, "FILE",
		"configuration of the tool that downloads packages",
		take_packager_config},
	{"list-managers", 0, NULL,
		"list the package managers known, and whether each is found here",
		take_list_managers},
	{"messages-of", 0, "PROGRAM", "begin messages with this name", take_caller},
	{"root", 0, "DIR", "look at the system installed there instead", take_root},
	{"verbose", 'v', NULL, "say what is done; twice: what the tools say too",
		take_verbose},
	{0},
};

static void say_log(enum log_level level, const char *line, void *data)
{
	(void)level;
	(void)data;
	say("%s", line);
}

static enum log_level wanted_level(int verbose)
{
	return verbose > 1 ? LOG_LEVEL_DEBUG
		: verbose  ? LOG_LEVEL_INFO
			   : LOG_LEVEL_WARNING;
}

static int run(struct request *r)
{
	struct error err = {0};

	log_set_handler(say_log, NULL, wanted_level(r->verbose));
	if (appliance_prepare(&r->options, &err) == 0)
		return 0;
	say("%s", err.msg);
	return PREPARE_FAILED;
}

static void print_manager(const char *name, bool in_use, void *data)
{
	(void)data;
	printf("%s\t%s\n", name, in_use ? "detected" : "not-detected");
}

static int list_managers(const struct request *r)
{
	packages_managers(r->options.root, print_manager, NULL);
	if (fflush(stdout) == 0)
		return 0;
	say("standard output: %s", strerror(errno));
	return PREPARE_FAILED;
}

static int check_request(const struct request *r)
{
	if (!r->options.output)
		return options_complain("no output is given; use -o DIR");
	if (r->options.packages.len == 0)
		return options_complain("no package is named");
	return 0;
}

int prepare_main(int argc, char **argv, const volatile sig_atomic_t *interrupted)
{
	struct request r = {.options = {.root = "/", .interrupted = interrupted}};

	say_as("prepare");
	/* Options and names may be mixed. */
	int next = 0;
	while (next < argc) {
		int first = options_parse(
			"prepare", usage, table, argc - next, argv + next, &r);
		if (first == 0)
			return 0;
		if (first < 0)
			return PREPARE_USAGE;
		next += first;
		if (next < argc)
			strvec_add(&r.options.packages, argv[next]);
	}
	if (r.list_managers)
		return list_managers(&r);
	int status = check_request(&r) < 0 ? PREPARE_USAGE : run(&r);
	strvec_done(&r.options.packages);
	return status;
}
