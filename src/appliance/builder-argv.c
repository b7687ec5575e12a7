/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests to the builder program as its options, and back. One table a kind of request
 * serves both ways, so that what one side writes is what the other reads.
 */
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#include "appliance/assembly.h"
#include "appliance/builder.h"
#include "base/log.h"

enum kind {
	KIND_STRING,	   /* const char *; NULL: no option */
	KIND_FLAG,	   /* bool: an option without a value */
	KIND_LIST,	   /* struct strvec: an option for each */
	KIND_UNSIGNED,	   /* unsigned */
	KIND_SIZE,	   /* uint64_t */
	KIND_TIME,	   /* int64_t */
	KIND_ARCHITECTURE, /* const struct architecture *: its name */
	KIND_LOG_LEVEL,	   /* int: the caller's own, whatever the request has */
};

struct row {
	const char *name;
	enum kind kind;
	size_t offset;
};

static const struct row task_rows[] = {
	{"root", KIND_STRING, offsetof(struct builder_task, request.root)},
	{"architecture", KIND_ARCHITECTURE,
		offsetof(struct builder_task, request.architecture)},
	{"agent", KIND_UNSIGNED, offsetof(struct builder_task, request.agent_version)},
	{"kernel", KIND_STRING, offsetof(struct builder_task, request.kernel)},
	{"modules", KIND_STRING, offsetof(struct builder_task, request.modules_dir)},
	{"image", KIND_STRING, offsetof(struct builder_task, request.image)},
	{"packed-kernel", KIND_FLAG,
		offsetof(struct builder_task, request.packed_kernel)},
	{"package", KIND_LIST, offsetof(struct builder_task, request.packages)},
	{"route", KIND_LIST, offsetof(struct builder_task, request.routes)},
	{"cache", KIND_STRING, offsetof(struct builder_task, cache_dir)},
	{"path", KIND_STRING, offsetof(struct builder_task, path)},
	{"strict", KIND_FLAG, offsetof(struct builder_task, request.strict)},
	{"log-level", KIND_LOG_LEVEL, offsetof(struct builder_task, log_level)},
};

static const struct row assembly_rows[] = {
	{"root", KIND_STRING, offsetof(struct assembly, root)},
	{"output", KIND_STRING, offsetof(struct assembly, output)},
	{"cpu", KIND_STRING, offsetof(struct assembly, cpu)},
	{"kernel", KIND_STRING, offsetof(struct assembly, kernel)},
	{"kernel-version", KIND_STRING, offsetof(struct assembly, kernel_version)},
	{"modules", KIND_STRING, offsetof(struct assembly, modules_dir)},
	{"spool", KIND_STRING, offsetof(struct assembly, spool_dir)},
	{"copy-kernel", KIND_FLAG, offsetof(struct assembly, copy_kernel)},
	{"if-newer", KIND_FLAG, offsetof(struct assembly, if_newer)},
	{"package-list", KIND_FLAG, offsetof(struct assembly, package_list)},
	{"privileged", KIND_FLAG, offsetof(struct assembly, privileged)},
	{"clamp-times", KIND_FLAG, offsetof(struct assembly, clamp_mtime)},
	{"epoch", KIND_TIME, offsetof(struct assembly, epoch)},
	{"format", KIND_UNSIGNED, offsetof(struct assembly, format)},
	{"size", KIND_SIZE, offsetof(struct assembly, size)},
	{"input", KIND_LIST, offsetof(struct assembly, inputs)},
	{"tree", KIND_LIST, offsetof(struct assembly, trees)},
	{"log-level", KIND_LOG_LEVEL, offsetof(struct assembly, log_level)},
};
static_assert(sizeof(enum assembly_format) == sizeof(unsigned), "a row of the table");

#define ROWS_MAX 32

static void encode(const struct row *row, const void *object, struct strvec *argv)
{
	const void *at = (const char *)object + row->offset;

	switch (row->kind) {
	case KIND_STRING:
		if (*(const char *const *)at)
			strvec_addf(argv, "--%s=%s", row->name, *(const char *const *)at);
		break;
	case KIND_FLAG:
		if (*(const bool *)at)
			strvec_addf(argv, "--%s", row->name);
		break;
	case KIND_LIST:
		vector_foreach (value, (const struct strvec *)at)
			strvec_addf(argv, "--%s=%s", row->name, *value);
		break;
	case KIND_UNSIGNED:
		strvec_addf(argv, "--%s=%u", row->name, *(const unsigned *)at);
		break;
	case KIND_SIZE:
		strvec_addf(argv, "--%s=%" PRIu64, row->name, *(const uint64_t *)at);
		break;
	case KIND_TIME:
		strvec_addf(argv, "--%s=%" PRId64, row->name, *(const int64_t *)at);
		break;
	case KIND_ARCHITECTURE:
		strvec_addf(argv, "--%s=%s", row->name,
			(*(const struct architecture *const *)at)->name);
		break;
	case KIND_LOG_LEVEL:
		strvec_addf(argv, "--%s=%d", row->name, log_max_level());
		break;
	}
}

static int decode(const struct row *row, const char *value, void *object)
{
	void *at = (char *)object + row->offset;

	switch (row->kind) {
	case KIND_STRING:
		*(const char **)at = value;
		break;
	case KIND_FLAG:
		*(bool *)at = true;
		break;
	case KIND_LIST:
		strvec_add(at, value);
		break;
	case KIND_UNSIGNED:
		*(unsigned *)at = strtoul(value, NULL, 10);
		break;
	case KIND_SIZE:
		*(uint64_t *)at = strtoull(value, NULL, 10);
		break;
	case KIND_TIME:
		*(int64_t *)at = strtoll(value, NULL, 10);
		break;
	case KIND_ARCHITECTURE:
		*(const struct architecture **)at = architecture_find(value);
		return *(const struct architecture **)at ? 0 : -1;
	case KIND_LOG_LEVEL:
		*(int *)at = atoi(value);
		break;
	}
	return 0;
}

static int decode_all(
	const struct row *rows, size_t n, int argc, char **argv, void *object)
{
	struct option options[ROWS_MAX + 1] = {0};
	int i;

	for (size_t k = 0; k < n; k++)
		options[k] = (struct option){rows[k].name,
			rows[k].kind == KIND_FLAG ? no_argument : required_argument, NULL,
			k};
	optind = 1;
	while ((i = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (i == '?' || decode(&rows[i], optarg, object) < 0)
			return -1;
	return 0;
}

/* ---- An appliance for the cache ---- */

void builder_argv(struct strvec *argv, const char *program, const char *task,
	const struct builder_task *what)
{
	strvec_add(argv, program);
	strvec_add(argv, task);
	for (size_t i = 0; i < ARRAY_SIZE(task_rows); i++)
		encode(&task_rows[i], what, argv);
}

int builder_parse_argv(int argc, char **argv, struct builder_task *ret, struct error *err)
{
	static_assert(ARRAY_SIZE(task_rows) <= ROWS_MAX, "no more rows");
	static_assert(ROWS_MAX < '?', "a row's index is no getopt error");
	*ret = (struct builder_task){.request.root = "/"};
	if (decode_all(task_rows, ARRAY_SIZE(task_rows), argc, argv, ret) < 0)
		return error_set(err, EINVAL, "read the builder's options");
	if (!ret->request.architecture)
		ret->request.architecture = architecture_of_host(err);
	return ret->request.architecture ? 0 : -1;
}

void builder_task_done(struct builder_task *task)
{
	strvec_done(&task->request.packages);
	strvec_done(&task->request.routes);
}

/* ---- An appliance from inputs ---- */

void assembly_argv(const struct assembly *a, struct strvec *argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(assembly_rows); i++)
		encode(&assembly_rows[i], a, argv);
}

int assembly_parse_argv(int argc, char **argv, struct assembly *ret, struct error *err)
{
	static_assert(ARRAY_SIZE(assembly_rows) <= ROWS_MAX, "no more rows");
	*ret = (struct assembly){0};
	if (decode_all(assembly_rows, ARRAY_SIZE(assembly_rows), argc, argv, ret) < 0)
		return error_set(err, EINVAL, "read the builder's options");
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
