/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The builder program: the cold path, in a process of its own. The library runs
 *
 *	hypermin-builder build --cache=DIR --root=/ …
 *	hypermin-builder examine --root=/ …
 *	hypermin-builder assemble --root=/ --output=DIR --input=FILE …
 *	hypermin-builder remove --cache=DIR
 *
 * and reads its messages from standard output; appliance/builder.h has their form. The
 * command line becomes
 *
 *	hypermin-builder mkfs …
 *	hypermin-builder prepare …
 *
 * which speak to people.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assemble/assemble.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "build/build.h"
#include "build/examine.h"
#include "mkfs.h"
#include "prepare.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

static void catch_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* Past the limit writing fails, and the build tidies up. */
	signal(SIGXFSZ, SIG_IGN);
}

/* Texts may hold file names in any encoding; JSON takes UTF-8. */
static json_t *text_json(const char *text)
{
	json_t *json = json_string(text);

	if (json)
		return json;
	CLEANUP_FREE char *ascii = xstrdup(text);
	for (char *p = ascii; *p; p++)
		if (*p & 0x80)
			*p = '?';
	return json_string(ascii);
}

/* In one call: threads that say something at once wait for each other. */
static void say(json_t *message)
{
	CLEANUP_FREE char *text = json_dumps(message, JSON_COMPACT);

	if (text)
		printf("%s\n", text);
	fflush(stdout);
	json_decref(message);
}

static void say_text(const char *kind, int number, const char *text)
{
	say(json_pack("{s:i, s:o}", kind, number, "text", text_json(text)));
}

static void say_log(enum log_level level, const char *line, void *data)
{
	(void)data;
	say_text("log", level, line);
}

static int task_build(
	const struct appliance_request *request, const char *cache_dir, struct error *err)
{
	CLEANUP_FREE char *self = program_path(err);
	struct cache cache;

	if (!self || cache_open(cache_dir, &cache, err) < 0)
		return -1;
	const struct build_options options = {
		.builder = self, .interrupted = &interrupted};
	int result = appliance_build(request, &cache, &options, err);
	cache_close(&cache);
	return result;
}

static int task_remove(
	const struct appliance_request *request, const char *cache_dir, struct error *err)
{
	(void)request;
	if (!cache_dir)
		return error_set(err, EINVAL, "remove a cache: none is named");
	return cache_remove_private(cache_dir, err);
}

static void say_finding(enum examine_finding finding, const char *topic, const char *text,
	const char *advice, void *data)
{
	json_t *message = json_pack("{s:i, s:s, s:o}", "finding", finding, "topic", topic,
		"text", text_json(text));

	(void)data;
	if (advice)
		json_object_set_new(message, "advice", text_json(advice));
	say(message);
}

static int task_examine(
	const struct appliance_request *request, const char *cache_dir, struct error *err)
{
	CLEANUP_FREE char *self = program_path(err);
	const struct build_options options = {.builder = self};

	(void)cache_dir;
	if (!self)
		return -1;
	CLEANUP_FREE char *guest = build_guest_path(&options, request->architecture);
	examine_host(request, guest, say_finding, NULL);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct appliance_request *request, const char *cache_dir,
		struct error *err);
} tasks[] = {
	{"build", task_build},
	{"examine", task_examine},
	{"remove", task_remove},
};

struct arguments {
	struct appliance_request request;
	const char *cache_dir;
};

static int parse_arguments(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = {{"cache", required_argument, NULL, 'c'},
		{"root", required_argument, NULL, 'r'},
		{"architecture", required_argument, NULL, 'a'},
		{"agent", required_argument, NULL, 'g'},
		{"kernel", required_argument, NULL, 'k'},
		{"modules", required_argument, NULL, 'm'},
		{"package", required_argument, NULL, 'p'},
		{"route", required_argument, NULL, 't'},
		{"log-level", required_argument, NULL, 'l'}, {0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			ret->cache_dir = optarg;
			break;
		case 'r':
			ret->request.root = optarg;
			break;
		case 'a':
			ret->request.architecture = architecture_find(optarg);
			if (!ret->request.architecture)
				return -1;
			break;
		case 'g':
			ret->request.agent_version = strtoul(optarg, NULL, 10);
			break;
		case 'k':
			ret->request.kernel = optarg;
			break;
		case 'm':
			ret->request.modules_dir = optarg;
			break;
		case 'p':
			strvec_add(&ret->request.packages, optarg);
			break;
		case 't':
			strvec_add(&ret->request.routes, optarg);
			break;
		case 'l':
			log_set_handler(say_log, NULL, atoi(optarg));
			break;
		default:
			return -1;
		}
	}
	if (!ret->request.architecture)
		ret->request.architecture = architecture_of_host(NULL);
	return ret->request.architecture ? 0 : -1;
}

static int run_task(const char *name, const struct arguments *arguments)
{
	struct error err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
		if (strcmp(tasks[i].name, name) != 0)
			continue;
		if (tasks[i].run(&arguments->request, arguments->cache_dir, &err) == 0)
			return 0;
		say_text("error", err.num, err.msg);
		return 1;
	}
	return -1;
}

/* An appliance from inputs has a request of its own kind. */
static int assemble_main(int argc, char **argv)
{
	CLEANUP_FREE char *self = NULL;
	struct assembly assembly;
	struct error err = {0};

	catch_signals();
	int result = assembly_parse_argv(argc, argv, &assembly, &err);
	if (result == 0) {
		log_set_handler(say_log, NULL, assembly.log_level);
		self = program_path(&err);
		result = self ? 0 : -1;
	}
	if (result == 0) {
		const struct build_options options = {
			.builder = self, .interrupted = &interrupted};
		result = assemble(&assembly, &options, &err);
	}
	if (result < 0)
		say_text("error", err.num, err.msg);
	else if (result == 1)
		say_finding(EXAMINE_OK, ASSEMBLY_UNCHANGED, assembly.output, NULL, NULL);
	assembly_done(&assembly);
	return result < 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.request = {.root = "/"}};
	int status = -1;

	if (argc > 1 && strcmp(argv[1], "mkfs") == 0)
		return mkfs_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "assemble") == 0)
		return assemble_main(argc - 1, argv + 1);
	catch_signals();
	if (argc > 1 && strcmp(argv[1], "prepare") == 0)
		return prepare_main(argc - 1, argv + 1, &interrupted);
	if (argc > 1 && parse_arguments(argc - 1, argv + 1, &arguments) == 0)
		status = run_task(argv[1], &arguments);
	strvec_done(&arguments.request.packages);
	strvec_done(&arguments.request.routes);
	if (status < 0)
		fprintf(stderr,
			"hypermin-builder is run by hypermin; see hypermin --help\n");
	return status < 0 ? 2 : status;
}
