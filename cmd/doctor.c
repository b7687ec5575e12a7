/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin doctor: what this host offers, and what to do about what is missing. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "libguestfs.h"
#include "settings.h"

static const struct option_group groups[] = {
	{NULL, settings_root},
	{NULL, settings_cache_dir},
	{0},
};

static const struct options options = {
	.command = "hypermin doctor",
	.usage =
		"Usage: hypermin doctor [OPTION…]\n"
		"\n"
		"Print what hypermin finds on this host. The exit status is 0 if `hypermin run` should work,\n"
		"and 1 if it can't.",
	.groups = groups,
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

/* Not everybody has it: where it is not installed nothing is said. */
static void examine_libguestfs(struct hypermin *h)
{
	char inputs[PATH_MAX], text[PATH_MAX + 80];

	if (!libguestfs_find_inputs(inputs, sizeof(inputs)))
		return;
	char *program = hypermin_find_program(h, "libguestfs-qemu");
	snprintf(text, sizeof(text), "hypermin libguestfs makes its appliance from %s",
		inputs);
	if (program)
		print(HYPERMIN_FINDING_OK, "libguestfs", text, NULL, NULL);
	else
		print(HYPERMIN_FINDING_NOTE, "libguestfs", hypermin_error(h), NULL, NULL);
	free(program);
}

int command_doctor(int argc, char **argv)
{
	struct hypermin *h = hypermin_new();
	int status = EXIT_OURS;

	int first = options_parse(&options, argc, argv, &h);
	if (first == OPTIONS_HELPED) {
		status = 0;
	} else if (first > 0) {
		status = hypermin_doctor(h, print, NULL) == 0 ? 0 : 1;
		examine_libguestfs(h);
	}
	hypermin_free(h);
	return status;
}
