/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An assembly as the builder program's options, and back: one table for both ways. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/assembly.h"
#include "base/log.h"

enum {
	OPTION_FORMAT = 256,
	OPTION_LOG_LEVEL,
	OPTION_SIZE,
	OPTION_EPOCH,
	OPTION_INPUT,
	OPTION_TREE
};

/* Options whose value is a string, and those that are there or not. */
static const struct {
	const char *name;
	size_t offset;
} strings[] =
	{
		{"root", offsetof(struct assembly, root)},
		{"output", offsetof(struct assembly, output)},
		{"cpu", offsetof(struct assembly, cpu)},
		{"kernel", offsetof(struct assembly, kernel)},
		{"kernel-version", offsetof(struct assembly, kernel_version)},
		{"modules", offsetof(struct assembly, modules_dir)},
		{"spool", offsetof(struct assembly, spool_dir)},
},
  flags[] = {
	  {"copy-kernel", offsetof(struct assembly, copy_kernel)},
	  {"if-newer", offsetof(struct assembly, if_newer)},
	  {"package-list", offsetof(struct assembly, package_list)},
};

static const char **string_at(const struct assembly *a, size_t offset)
{
	return (const char **)((char *)a + offset);
}

static bool *flag_at(const struct assembly *a, size_t offset)
{
	return (bool *)((char *)a + offset);
}

void assembly_argv(const struct assembly *a, struct strvec *argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		const char *value = *string_at(a, strings[i].offset);
		if (value)
			strvec_addf(argv, "--%s=%s", strings[i].name, value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (*flag_at(a, flags[i].offset))
			strvec_addf(argv, "--%s", flags[i].name);
	strvec_addf(argv, "--log-level=%d", log_max_level());
	strvec_addf(argv, "--format=%d", a->format);
	strvec_addf(argv, "--size=%" PRIu64, a->size);
	if (a->clamp_mtime)
		strvec_addf(argv, "--epoch=%" PRId64, a->epoch);
	vector_foreach (input, &a->inputs)
		strvec_addf(argv, "--input=%s", *input);
	vector_foreach (tree, &a->trees)
		strvec_addf(argv, "--tree=%s", *tree);
}

/* getopt_long() returns a string's index, or a flag's behind them. */
static void make_options(struct option *ret)
{
	static const struct option others[] = {
		{"format", required_argument, NULL, OPTION_FORMAT},
		{"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
		{"size", required_argument, NULL, OPTION_SIZE},
		{"epoch", required_argument, NULL, OPTION_EPOCH},
		{"input", required_argument, NULL, OPTION_INPUT},
		{"tree", required_argument, NULL, OPTION_TREE},
		{0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		*ret++ = (struct option){strings[i].name, required_argument, NULL, i};
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		*ret++ = (struct option){
			flags[i].name, no_argument, NULL, ARRAY_SIZE(strings) + i};
	memcpy(ret, others, sizeof(others));
}

static void take_option(int option, struct assembly *a)
{
	if (option < (int)ARRAY_SIZE(strings))
		*string_at(a, strings[option].offset) = optarg;
	else if (option < (int)(ARRAY_SIZE(strings) + ARRAY_SIZE(flags)))
		*flag_at(a, flags[option - ARRAY_SIZE(strings)].offset) = true;
	else if (option == OPTION_FORMAT)
		a->format = strcmp(optarg, "0") == 0 ? ASSEMBLY_EXT2 : ASSEMBLY_CHROOT;
	else if (option == OPTION_LOG_LEVEL)
		a->log_level = atoi(optarg);
	else if (option == OPTION_SIZE)
		a->size = strtoull(optarg, NULL, 10);
	else if (option == OPTION_INPUT)
		strvec_add(&a->inputs, optarg);
	else if (option == OPTION_TREE)
		strvec_add(&a->trees, optarg);
	else if (option == OPTION_EPOCH) {
		a->clamp_mtime = true;
		a->epoch = strtoll(optarg, NULL, 10);
	}
}

int assembly_parse_argv(int argc, char **argv, struct assembly *ret, struct error *err)
{
	struct option options[ARRAY_SIZE(strings) + ARRAY_SIZE(flags) + 7];
	int option;

	*ret = (struct assembly){0};
	make_options(options);
	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?' || option == ':')
			return error_set(err, EINVAL, "assemble an appliance");
		take_option(option, ret);
	}
	if (!ret->root || !ret->output)
		return error_set(
			err, EINVAL, "assemble an appliance: no output is named");
	return 0;
}

void assembly_done(struct assembly *a)
{
	strvec_done(&a->inputs);
	strvec_done(&a->trees);
}
