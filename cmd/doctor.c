/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin doctor: what this host offers, and what to do about what is missing. */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "libguestfs.h"
#include "report.h"
#include "settings.h"

/* Of what --json prints. */
#define JSON_VERSION 1

struct doctor {
	struct hypermin *vm;
	bool json;
	json_t *findings;
};

static const struct option_row json_rows[] = {
	{OPTION_FLAG, "json", 0, NULL, "print JSON", offsetof(struct doctor, json)},
	{0},
};

static const struct option_group groups[] = {
	{NULL, settings_root, offsetof(struct doctor, vm)},
	{NULL, settings_cache_dir, offsetof(struct doctor, vm)},
	{NULL, json_rows},
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
	static const char *const names[] = {"ok", "note", "problem"};
	struct doctor *d = data;

	if (d->json) {
		json_array_append_new(d->findings,
			json_pack("{s:s, s:s, s:o, s:o}", "finding", names[finding],
				"topic", topic, "text", report_text(text), "advice",
				report_text(advice)));
		return;
	}
	printf("%-8s %-9s %s\n", words[finding], topic, text);
	if (advice)
		printf("%-8s %-9s -> %s\n", "", "", advice);
}

/* Not everybody has it: where it is not installed nothing is said. */
static void examine_libguestfs(struct doctor *d)
{
	char inputs[PATH_MAX], text[PATH_MAX + 80];

	if (!libguestfs_find_inputs(inputs, sizeof(inputs)))
		return;
	char *program = hypermin_find_program(d->vm, "libguestfs-qemu");
	snprintf(text, sizeof(text), "hypermin libguestfs makes its appliance from %s",
		inputs);
	if (program)
		print(HYPERMIN_FINDING_OK, "libguestfs", text, NULL, d);
	else
		print(HYPERMIN_FINDING_NOTE, "libguestfs", hypermin_error(d->vm), NULL,
			d);
	free(program);
}

static void print_json(struct doctor *d, bool works)
{
	json_t *all = json_pack("{s:i, s:s, s:b, s:O}", "version", JSON_VERSION,
		"hypermin", hypermin_version(), "works", works, "findings", d->findings);

	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

int command_doctor(int argc, char **argv)
{
	struct doctor d = {.vm = hypermin_new(), .findings = json_array()};
	int status = EXIT_OURS;

	int first = options_parse(&options, argc, argv, &d);
	if (first == OPTIONS_HELPED) {
		status = 0;
	} else if (first > 0) {
		status = hypermin_doctor(d.vm, print, &d) == 0 ? 0 : 1;
		examine_libguestfs(&d);
		if (d.json)
			print_json(&d, status == 0);
	}
	json_decref(d.findings);
	hypermin_free(d.vm);
	return status;
}
