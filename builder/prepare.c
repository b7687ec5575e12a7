/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `hypermin prepare`: options and messages around prepare/prepare.h. */
#include "prepare.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "confinement.h"
#include "options/options.h"
#include "packages/packages.h"
#include "prepare/prepare.h"
#include "say.h"

enum { PREPARE_FAILED = 1, PREPARE_USAGE = 2 };

struct request {
	struct prepare_options options;
	bool list_managers;
	int verbose;
};

static int take_root(const struct option_row *row, void *member, const char *value)
{
	if (*value != '/')
		return options_complain(
			"--%s takes an absolute path, not '%s'", row->name, value);
	*(const char **)member = value;
	return 0;
}

static int take_caller(const struct option_row *row, void *member, const char *value)
{
	(void)row;
	(void)member;
	say_for(value);
	return 0;
}

#define AT(member) offsetof(struct request, member)

static const struct option_row rows[] = {
	{OPTION_TEXT, "output", 'o', "DIR", "the directory to make, or to replace",
		AT(options.output)},
	{OPTION_FLAG, "use-installed", 0, NULL, "take configuration files of this system",
		AT(options.use_installed)},
	{OPTION_TEXT, "packager-config", 0, "FILE",
		"configuration of the tool that downloads packages",
		AT(options.packager_config)},
	{OPTION_FLAG, "list-managers", 0, NULL,
		"list the package managers, and whether each is found here",
		AT(list_managers)},
	{OPTION_CALL, "messages-of", 0, "PROGRAM", "begin messages with this name",
		.take = take_caller},
	{OPTION_CALL, "root", 0, "DIR", "look at the system in this directory instead",
		AT(options.root), .take = take_root},
	{OPTION_COUNT, "verbose", 'v', NULL,
		"say what is done; twice: and what the tools print", AT(verbose)},
	{0},
};

static const struct option_group groups[] = {{NULL, rows}, {0}};

static const struct options options = {
	.command = "hypermin prepare",
	.usage =
		"Usage: hypermin prepare [OPTION…] -o DIR PACKAGE…\n"
		"\n"
		"Make the part of an appliance that can be shipped: a list of packages, and their\n"
		"configuration files as the distribution has them. An absolute path stands for the\n"
		"package that the file belongs to. A package that is not installed is left out.",
	.groups = groups,
	.words = WORDS_MIXED,
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
	if (confinement_of_prepare(&r->options, &err) == 0 &&
		prepare_input(&r->options, &err) == 0)
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

int prepare_main(int argc, char **argv, const volatile sig_atomic_t *interrupted)
{
	struct request r = {.options = {.root = "/", .interrupted = interrupted}};

	say_as("prepare");
	int first = options_parse(&options, argc, argv, &r);
	if (first == OPTIONS_HELPED)
		return 0;
	if (first < 0)
		return PREPARE_USAGE;
	if (r.list_managers)
		return list_managers(&r);
	int status = PREPARE_USAGE;
	for (int i = first; i < argc; i++)
		strvec_add(&r.options.packages, argv[i]);
	if (!r.options.output)
		options_complain("no output is given; use -o DIR");
	else if (!r.options.packages.len)
		options_complain("no package is named");
	else
		status = run(&r);
	strvec_done(&r.options.packages);
	return status;
}
