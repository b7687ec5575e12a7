/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin doctor: what this host offers, and what to do about what is missing. */
#include <hypermin.h>
#include <stdio.h>

#include "commands.h"
#include "options.h"

static const char usage[] =
	"Usage: hypermin doctor [OPTION…]\n"
	"\n"
	"Say what hypermin finds on this host. Ends with status 0 if `hypermin run` should work.";

struct doctor {
	struct hypermin *vm;
};

static int take_cache_dir(void *target, const char *value)
{
	struct doctor *d = target;

	if (hypermin_set_cache_dir(d->vm, value) < 0)
		return options_complain("%s", hypermin_error(d->vm));
	return 0;
}

static int take_root(void *target, const char *value)
{
	struct doctor *d = target;

	if (hypermin_set_root(d->vm, value) < 0)
		return options_complain("%s", hypermin_error(d->vm));
	return 0;
}

static const struct option_row table[] = {
	{"root", 0, "DIR", "look at the system installed in DIR", take_root},
	{"cache-dir", 0, "DIR", "default $XDG_CACHE_HOME/hypermin", take_cache_dir},
	{0},
};

static void print(enum hypermin_finding finding, const char *topic, const char *text,
	const char *advice, void *data)
{
	static const char *const words[] = {"ok", "note", "PROBLEM"};

	(void)data;
	printf("%-8s %-9s %s\n", words[finding], topic, text);
	if (advice)
		printf("%-8s %-9s -> %s\n", "", "", advice);
}

int command_doctor(int argc, char **argv)
{
	struct doctor d = {hypermin_new()};
	int status = EXIT_OURS;

	int first = options_parse("doctor", usage, table, argc, argv, &d);
	if (first == 0)
		status = 0;
	else if (first > 0 && first < argc)
		options_complain("unexpected word '%s'", argv[first]);
	else if (first > 0)
		status = hypermin_doctor(d.vm, print, NULL) == 0 ? 0 : 1;
	hypermin_free(d.vm);
	return status;
}
